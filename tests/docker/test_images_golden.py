"""Servers started from the golden data directory: quick, separate, durable, and closed to remote root."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import docker
import pymysql
import pytest
from docker.models.containers import Container

from sim.errors import RigError
from sim.images.ensure import ensure_images
from sim.images.golden import golden_mysql
from sim.images.model import ResolvedImage
from sim.images.recipe import context_tar
from sim.runtime.engine import connect

FLAGS = ("--performance-schema=OFF", "--mysqlx=OFF", "--innodb-buffer-pool-size=32M")
INIT = """\
ALTER USER 'root'@'localhost' IDENTIFIED BY 'root-password';
CREATE DATABASE IF NOT EXISTS `shop_db`;
CREATE USER IF NOT EXISTS 'shop'@'%' IDENTIFIED BY 'password';
GRANT ALL PRIVILEGES ON `shop_db`.* TO 'shop'@'%';
"""


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="module")
def image(client: docker.DockerClient) -> ResolvedImage:
    return ensure_images(["mysql"], say=print, client=client)["mysql"]


@pytest.fixture(scope="module")
def golden(client: docker.DockerClient, image: ResolvedImage) -> Iterator[ResolvedImage]:
    found = golden_mysql(image, FLAGS, print, client=client)
    yield found
    client.api.remove_image(found.reference)


@contextmanager
def _server(client: docker.DockerClient, image: ResolvedImage) -> Iterator[tuple[Container, int]]:
    container = client.containers.create(
        image.reference,
        command=["mysqld", *FLAGS, "--init-file=/run/sim/init.sql"],
        ports={"3306/tcp": ("127.0.0.1", None)},
        labels={"sim.task": "test"},
    )
    try:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            info = tarfile.TarInfo("run/sim/init.sql")
            info.size = len(INIT)
            tar.addfile(info, io.BytesIO(INIT.encode()))
        container.put_archive("/", archive.getvalue())
        container.start()
        container.reload()
        yield container, int(container.ports["3306/tcp"][0]["HostPort"])
    finally:
        container.remove(force=True, v=True)


def _login(port: int, container: Container, deadline_s: float = 60) -> pymysql.Connection:
    end_s = time.monotonic() + deadline_s
    while True:
        try:
            return pymysql.connect(host="127.0.0.1", port=port, user="shop", password="password", database="shop_db")
        except pymysql.err.OperationalError:
            assert time.monotonic() < end_s, container.logs(tail=20).decode()
            time.sleep(0.05)


def test_servers_from_one_snapshot_are_separate_durable_and_closed_to_remote_root(
    client: docker.DockerClient, golden: ResolvedImage
) -> None:
    """Each its own UUID, full durability, accounts by its init file, no root over TCP, no root process."""
    uuids = set()
    with _server(client, golden) as first, _server(client, golden) as second:
        for container, port in (first, second):
            with _login(port, container) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite, @@server_uuid")
                flush, doublewrite, uuid = cursor.fetchone() or (None, None, None)
                assert (flush, doublewrite) == (1, "ON")
                uuids.add(uuid)
            for password in ("", "root-password"):
                with pytest.raises(pymysql.err.OperationalError, match="1045"):
                    pymysql.connect(host="127.0.0.1", port=port, user="root", password=password)
            query = ["mysql", "-uroot", "-proot-password", "-Ne", "SELECT CONCAT(user,'@',host) FROM mysql.user"]
            answer = container.exec_run(query).output.decode()
            accounts = {line for line in answer.splitlines() if "@" in line}
            assert accounts == {
                "shop@%",
                "root@localhost",
                "mysql.sys@localhost",
                "mysql.session@localhost",
                "mysql.infoschema@localhost",
            }
            assert container.top()["Processes"][0][0] not in {"root", "0"}
    assert len(uuids) == 2


def test_snapshot_is_made_once(client: docker.DockerClient, image: ResolvedImage, golden: ResolvedImage) -> None:
    """The second request finds it, and says nothing."""
    said: list[str] = []
    assert golden_mysql(image, FLAGS, said.append, client=client) == golden
    assert said == []


def test_image_with_a_volume_and_an_entrypoint_keeps_its_initialised_directory(
    client: docker.DockerClient, image: ResolvedImage
) -> None:
    """As upstream's has them: a commit would lose the volume, and the entrypoint would initialise again."""
    dockerfile = f'FROM {image.digest}\nVOLUME /var/lib/mysql\nENTRYPOINT ["/bin/false"]\n'
    with context_tar({}, {"Dockerfile": dockerfile}) as context:
        for _ in client.api.build(fileobj=context, custom_context=True, rm=True, tag="sim/golden-test:1", decode=True):
            pass
    upstream = replace(image, reference="sim/golden-test:1", digest=client.api.inspect_image("sim/golden-test:1")["Id"])
    golden = golden_mysql(upstream, FLAGS, print, client=client)
    try:
        with _server(client, golden) as (container, port), _login(port, container) as connection:
            assert connection.open
    finally:
        client.api.remove_image(golden.reference)
        client.api.remove_image("sim/golden-test:1")


def test_flag_the_server_refuses_is_told_in_its_own_words(client: docker.DockerClient, image: ResolvedImage) -> None:
    """A wrong flag names itself, and leaves neither image nor container."""
    with pytest.raises(RigError) as caught:
        golden_mysql(image, ("--no-such-flag=1",), print, client=client)
    assert "no-such-flag" in caught.value.evidence
    assert client.api.containers(all=True, filters={"label": "sim.task=initialise"}) == []
