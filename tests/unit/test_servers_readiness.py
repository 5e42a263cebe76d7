"""Readiness probes against small servers on loopback that behave as half-started ones do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sim.errors import Refused
from sim.runtime import readiness
from sim.runtime.readiness import grown_probe
from sim.servers.endpoint import Endpoint
from tests.unit.plan_sample import plan


@contextmanager
def _server(answer: bytes | None) -> Iterator[Endpoint]:
    """Accepts, sends ``answer`` (nothing when None, and hangs up at once when empty), until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            if answer is None:
                held.append(line)
                continue
            with line:
                line.sendall(answer)
                if answer:
                    line.recv(1024)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Endpoint("127.0.0.1", listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(2)
        for line in held:
            line.close()


def _greeting(endpoint: Endpoint, hello: bytes = b"") -> str | None:
    return readiness._greeting(endpoint, hello, readiness._is_mysql)


def test_a_closed_port_is_refused() -> None:
    """Nobody listens: the reason says so."""
    with _server(b"") as endpoint:
        pass
    assert _greeting(endpoint) == "connection refused"


def test_a_port_published_before_its_server_listens_is_not_ready() -> None:
    """Accepted and hung up, or accepted and silent: neither is a greeting."""
    with _server(b"") as endpoint:
        assert _greeting(endpoint) == "closed without a greeting"
    with _server(None) as endpoint:
        assert _greeting(endpoint) == "no greeting yet"


def test_only_the_right_protocol_greets() -> None:
    """MySQL's handshake packet passes, an HTTP answer does not."""
    with _server(b"\x4a\x00\x00\x00\x0a9.7.4\x00") as endpoint:
        assert _greeting(endpoint) is None
    with _server(b"HTTP/1.1 400 Bad Request\r\n") as endpoint:
        assert "unexpected greeting" in str(_greeting(endpoint))


@pytest.mark.parametrize(
    ("answer", "greets"), [(b"+PONG\r\n", True), (b"-NOAUTH required\r\n", True), (b"-LOADING data\r\n", False)]
)
def test_redis_greets_once_its_data_is_loaded(answer: bytes, *, greets: bool) -> None:
    """An error is an answer, but not the one that says come back later."""
    assert readiness._is_resp(answer) is greets


def test_the_login_is_asked_only_after_the_greeting_and_the_greeting_again_after_silence() -> None:
    """Cheap questions first; a server that falls silent starts from the beginning."""
    asked: list[str] = []
    reasons = iter(["no greeting yet", None, None])

    def greet() -> str | None:
        asked.append("greet")
        return next(reasons)

    logins = iter([readiness.Unreachable("silent."), None, "login refused (1045)"])

    def log_in() -> str | None:
        asked.append("login")
        answer = next(logins)
        if isinstance(answer, Exception):
            raise answer
        return answer

    probe = readiness._staged(greet, log_in)
    assert [probe() for _ in range(4)] == ["no greeting yet", "silent.", None, "login refused (1045)"]
    assert asked == ["greet", "greet", "login", "greet", "login", "login"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"status": "not ready", "waiting_for": {"mysql": "refused", "schema": "pending"}}',
            "mysql: refused; schema",
        ),
        (b'{"status": "down", "reason": "broker down: no node answers"}', "broker down: no node answers"),
        (b"<html>Bad Gateway</html>", "answered 503"),
        (b'["waiting_for"]', "answered 503"),
        (b'{"waiting_for": ["mysql"]}', "answered 503"),
        (b"null", "answered 503"),
    ],
)
def test_a_service_that_is_not_ready_says_what_it_waits_for(body: bytes, said: str) -> None:
    """In its own words where it has some; its status where it answers something else."""
    answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (
        len(body),
        body,
    )
    with _server(answer) as endpoint:
        probe = readiness.ready_probe(plan().server("orders-service"), lambda _port: endpoint, {})
        assert said in (probe() or "")
        assert "503" in (probe() or "")


def test_a_service_is_ready_when_it_says_so() -> None:
    """200 is ready, whatever the body."""
    with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as endpoint:
        assert readiness.ready_probe(plan().server("api-gateway"), lambda _port: endpoint, {})() is None


class _Queues:
    """Queues that grow at the third question, and say no, as a leader that is new does, at the first."""

    def __init__(self) -> None:
        self.asked = 0

    def grow_quorum_queues(self) -> tuple[str, ...]:
        self.asked += 1
        if self.asked == 1:
            raise Refused("replicas/add answered 503.", "503", evidence="cluster_change_not_permitted")
        return ("orders",) if self.asked == 2 else ()


def test_queues_are_grown_until_none_lacks_a_replica() -> None:
    """A no for now, a queue that is growing, and then nothing left to do: only the last is ready."""
    probe = grown_probe(_Queues())
    first = probe()
    assert first is not None
    assert "503" in first
    assert probe() == "growing orders"
    assert probe() is None
