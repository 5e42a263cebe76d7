"""The Redis client against a real server."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from sim.errors import Refused, Unreachable
from sim.runtime.readiness import ready_probe
from sim.servers.cache import RedisServer
from sim.servers.endpoint import Endpoint
from tests.docker.test_servers.conftest import container, server_spec

_COMMAND = (
    "redis-server",
    "--requirepass",
    "cache-pw",
    "--appendonly",
    "yes",
    "--protected-mode",
    "no",
    "--dir",
    "/data",
)


@pytest.fixture(scope="module")
def server(engine: docker.DockerClient) -> Iterator[RedisServer]:
    with container(engine, "redis", _COMMAND) as running:
        probe = ready_probe(
            server_spec("redis", password_secret="P"), lambda _port: running.endpoint(6379), {"P": "cache-pw"}
        )
        running.wait_ready(probe, 20)
        yield RedisServer("redis", lambda: running.endpoint(6379), password="cache-pw")


def test_authentication_is_answered_with_the_protocols_code(server: RedisServer) -> None:
    """Right password accepted, wrong one WRONGPASS, none NOAUTH."""
    assert server.authenticate("cache-pw").accepted
    assert server.authenticate("wrong").code == "WRONGPASS"
    assert server.authenticate(None).code == "NOAUTH"


def test_version_and_configuration_are_the_running_servers(server: RedisServer) -> None:
    """Directives come back by name; an unknown one is absent."""
    assert server.version().startswith("7.")
    assert server.config("appendonly", "no-such-directive") == {"appendonly": "yes"}


def test_values_expire_and_are_deleted(server: RedisServer) -> None:
    """A value with a life has one, one without has none, a deleted one is None."""
    server.set("k", "é", expires_s=100)
    server.set("forever", "1")
    assert server.get("k") == "é"
    assert 90 <= server.time_to_live_s("k") <= 100
    assert server.time_to_live_s("forever") == -1
    server.delete("k", "forever")
    assert server.get("k") is None
    assert server.time_to_live_s("k") == -2


def test_a_stream_gives_back_its_entry_and_is_gone(server: RedisServer) -> None:
    """XADD, XREAD, and no stream left."""
    assert server.stream_round_trip("logs", {"level": "info", "text": "é"}) == {"level": "info", "text": "é"}
    assert server.time_to_live_s("logs") == -2


def test_a_wrong_type_is_refused_with_its_code(server: RedisServer) -> None:
    """An error reply keeps its code."""
    server.set("text", "1")
    try:
        with pytest.raises(Refused) as refusal:
            server.stream_round_trip("text", {"a": "b"})
        assert refusal.value.code == "WRONGTYPE"
    finally:
        server.delete("text")


def test_nobody_there_is_unreachable() -> None:
    """A closed port is silence."""
    with pytest.raises(Unreachable):
        RedisServer("redis", lambda: Endpoint("127.0.0.1", 1), password="p").authenticate(None)
