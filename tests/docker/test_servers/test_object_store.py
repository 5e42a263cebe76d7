"""The S3 client and the bucket set-up against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest

from sim.errors import Unreachable
from sim.runtime.readiness import ready_probe
from sim.servers.endpoint import Endpoint
from sim.servers.object_store import S3Server
from sim.servers.object_store_setup import NONCURRENT_RULE, set_up_buckets
from sim.topology.model import ObjectStore
from tests.docker.test_servers.conftest import container, image_of, server_spec

_CONFIG = {
    "identities": [
        {
            "name": "admin",
            "credentials": [{"accessKey": "access", "secretKey": "secret-key"}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ]
}
_MINIO = "minio server /data --console-address :9001"
_SEAWEEDFS = (
    "weed server -dir=/data -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.peers=none -master.telemetry=false "
    "-master.volumeSizeLimitMB=64 -volume.max=64 -volume.preStopSeconds=0 -filer -s3 -s3.ip.bind=0.0.0.0 "
    "-s3.port=9000 -s3.port.iceberg=0 -s3.port.lance=0 -s3.config=/etc/s3.json -s3.autoCreateBucket=false"
)


def _bucket(name: str, policy: str) -> Any:
    return SimpleNamespace(name=name, policy=policy, versioning=True, noncurrent_expiry_days=30)


_DOCUMENTED = cast(
    "ObjectStore", SimpleNamespace(buckets=(_bucket("products", "public-read"), _bucket("sav", "private")))
)


@pytest.fixture(scope="module")
def store(engine: docker.DockerClient) -> Iterator[S3Server]:
    minio = image_of("object-store").software == "minio"
    files = {} if minio else {"/etc/s3.json": json.dumps(_CONFIG)}
    credentials = {"MINIO_ROOT_USER": "access", "MINIO_ROOT_PASSWORD": "secret-key"} if minio else {}
    command = (_MINIO if minio else _SEAWEEDFS).split()
    with container(engine, "object-store", command, files=files, environment=credentials) as running:
        probe = ready_probe(
            server_spec("object-store", access_key_secret="A", secret_key_secret="S"),
            lambda _port: running.endpoint(9000),
            {"A": "access", "S": "secret-key"},
        )
        running.wait_ready(probe, 60)
        store = S3Server("minio", lambda: running.endpoint(9000), access_key="access", secret_key="secret-key")
        set_up_buckets(store, _DOCUMENTED)
        yield store


def test_setting_up_twice_gives_the_documented_buckets(store: S3Server) -> None:
    """Buckets, versioning and rule are there, and a second run changes nothing."""
    set_up_buckets(store, _DOCUMENTED)
    assert store.buckets() == ("products", "sav")
    assert store.versioning("products")
    assert store.lifecycle("sav") == {NONCURRENT_RULE: 30}


def test_setting_up_again_closes_a_bucket_opened_by_hand(store: S3Server) -> None:
    """A private bucket made public is private again afterwards, and was seen to be public before."""
    policy = store.policy("products").replace("products", "sav")
    store.put("sav", "ticket.txt", b"private")
    store.set_policy("sav", json.loads(policy))
    assert store.anonymous_get("sav", "ticket.txt").accepted
    set_up_buckets(store, _DOCUMENTED)
    assert store.anonymous_get("sav", "ticket.txt").status == 403


def test_anonymous_may_read_an_object_of_a_public_bucket_and_nothing_else(store: S3Server) -> None:
    """GET yes; PUT, LIST, and GET of a private bucket are refused with AccessDenied."""
    store.put("products", "a/b.txt", b"body")
    store.put("sav", "a/b.txt", b"body")
    assert store.anonymous_get("products", "a/b.txt").body == b"body"
    for answer in (
        store.anonymous_put("products", "x", b"x"),
        store.anonymous_list("products"),
        store.anonymous_get("sav", "a/b.txt"),
        store.anonymous_put("sav", "x", b"x"),
    ):
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_every_put_keeps_the_version_before_it_until_all_are_removed(store: S3Server) -> None:
    """Two versions, newest first; a delete hides both; every_version leaves none."""
    first = store.put("products", "v.txt", b"one").version_id
    second = store.put("products", "v.txt", b"two").version_id
    assert store.versions("products", "v.txt") == (second, first)
    assert store.delete("products", "v.txt").accepted
    assert store.get("products", "v.txt").status == 404
    assert store.versions("products", "v.txt") == (second, first)
    store.delete("products", "v.txt", every_version=True)
    assert store.versions("products", "v.txt") == ()


def test_a_presigned_url_opens_one_object_until_it_expires(store: S3Server) -> None:
    """Fresh yes, tampered no, run out no."""
    store.put("sav", "signed.txt", b"body")
    assert store.presigned_get("sav", "signed.txt", 60).body == b"body"
    assert store.presigned_get("sav", "signed.txt", 60, tampered=True).code == "SignatureDoesNotMatch"
    assert store.presigned_get("sav", "signed.txt", -1).status == 403


def test_a_wrong_secret_is_refused_even_for_a_public_object(store: S3Server) -> None:
    """A bad signature is worse than none."""
    store.put("products", "w.txt", b"body")
    answer = store.wrong_key_get("products", "w.txt")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_an_absent_key_and_an_absent_bucket_are_answers(store: S3Server) -> None:
    """404 with its S3 code, never an exception."""
    assert store.get("products", "nope").code == "NoSuchKey"
    assert store.put("no-such-bucket", "k", b"x").code == "NoSuchBucket"


def test_nobody_there_is_unreachable() -> None:
    """A closed port, and a console that the server does not have, are silence."""
    gone = S3Server("minio", lambda: Endpoint("127.0.0.1", 1), access_key="a", secret_key="secret-key")
    for ask in (gone.buckets, gone.console, lambda: gone.anonymous_get("sav", "k"), lambda: gone.get("sav", "k")):
        with pytest.raises(Unreachable):
            ask()
