"""Throw-away real servers, one container each, dialled at the container's own address."""

from __future__ import annotations

import io
import secrets
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import docker
import pytest
from docker.errors import DockerException

from sim.images.ensure import ensure_images
from sim.images.model import ResolvedImage
from sim.plan.model import Limits, ServerSpec
from sim.servers.endpoint import Endpoint
from sim.verdict import Fidelity

_LABEL = "sim.test"


@cache
def image_of(component: str) -> ResolvedImage:
    """What the project's lock resolves ``component`` to, built where absent: a skipped test proves nothing."""
    return ensure_images([component], say=print)[component]


@dataclass(frozen=True)
class Running:
    """A started container: where its ports answer, and how to run a command in it."""

    container: Any
    address: str

    def endpoint(self, port: int) -> Endpoint:
        return Endpoint(self.address, port)

    def execute(self, _server: str, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        code, output = self.container.exec_run(list(argv), environment=dict(environment))
        return code, output.decode("utf-8", "replace")

    def wait_ready(self, probe: Callable[[], str | None], deadline_s: float) -> float:
        """Ask until ready; seconds waited. Fails the test with the last evidence, at once when the container exits."""
        began_s = time.monotonic()
        while (reason := probe()) is not None:
            self.container.reload()
            if self.container.status != "running" or time.monotonic() - began_s > deadline_s:
                pytest.fail(f"{self.container.status}: {reason}\n{self.container.logs(tail=5).decode()}")
            time.sleep(0.05)
        return time.monotonic() - began_s


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    try:
        client = docker.from_env(timeout=60)
        client.ping()
    except DockerException as error:
        pytest.skip(f"no container engine: {error}")
    yield client
    client.close()


@contextmanager
def container(
    engine: docker.DockerClient,
    component: str,
    command: Sequence[str],
    *,
    files: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[Running]:
    """Create, put ``files`` in, start; removed with its volumes afterwards, whatever happened."""
    made = engine.containers.create(
        image_of(component).reference,
        list(command[1:]),
        # Upstream's images have entrypoints of their own, the local builds have none.
        entrypoint=command[0],
        name=f"sim-test-{component}-{secrets.token_hex(4)}",
        labels={_LABEL: "servers"},
        **options,
    )
    try:
        if files:
            made.put_archive("/", _archive(files))
        made.start()
        made.reload()
        networks = made.attrs["NetworkSettings"]["Networks"]
        yield Running(made, next(iter(networks.values()))["IPAddress"])
    finally:
        made.remove(force=True, v=True)


def _archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content.encode()), 0o644
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()


def server_spec(kind: str, **facts: str) -> Any:
    """A plan's entry with nothing in it but what a probe reads."""
    image = ResolvedImage(kind, "", "", "", kind, "0", Fidelity.SAME_SOFTWARE)
    return ServerSpec(
        name=kind,
        kind=kind,  # type: ignore[arg-type] # a test names real kinds
        namespace="e-commerce",
        app=kind,
        hostname=kind,
        address="127.0.0.1",
        aliases=(),
        image=image,
        command=(),
        environment={},
        files=(),
        ports=(),
        requests=Limits(),
        limits=Limits(),
        section="5",
        facts=facts,
    )
