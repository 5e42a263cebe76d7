"""Is a server ready? Asked by its own protocol, cheaply enough to ask every server many times a second.

Each probe has two stages. Until the server greets (MySQL's handshake packet, AMQP's ``connection.start``, a RESP or
HTTP answer) it is asked with a bare socket, because a published port accepts connections before anything listens
behind it. From then on it is asked as its application would ask: a login, a signed call.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from sim.errors import Refused, Unreachable
from sim.plan.model import ServerKind, ServerSpec
from sim.servers.amqp import AmqpLogin, dial
from sim.servers.cache import redis_ping
from sim.servers.endpoint import Endpoint
from sim.servers.mysql import mysql_login
from sim.servers.object_store import list_buckets
from sim.servers.protocol import Answer, BrokerCluster
from sim.servers.web import HttpAnswer, http_get

Probe = Callable[[], str | None]
"""None when ready, else the last evidence in a few words."""

PortLookup = Callable[[str], Endpoint]
"""A port's name → where it answers."""

_ProbeMaker = Callable[[ServerSpec, PortLookup, Mapping[str, str]], Probe]

_GREETING_TIMEOUT_S = 0.2
_AMQP_TIMEOUT_S = 2.0
_HTTP_TIMEOUT_S = 2.0
_HTTP_HELLO = b"GET / HTTP/1.0\r\n\r\n"
_READY_PATH = "/health/ready"
_LIVE_HELLO = b"GET /health/live HTTP/1.0\r\n\r\n"
_AMQP_HELLO = b"AMQP\x00\x00\x09\x01"
_REDIS_HELLO = b"PING\r\n"


def ready_probe(server: ServerSpec, endpoint: PortLookup, secrets: Mapping[str, str]) -> Probe:
    """The probe of one server. It may be asked again after it said ready."""
    return _PROBES[server.kind](server, endpoint, secrets)


class _Growing(Protocol):
    def grow_quorum_queues(self) -> tuple[str, ...]: ...


def grown_probe(broker: _Growing) -> Probe:
    """Ready when no quorum queue lacks a replica; each question adds what is missing.

    A queue whose leader is new takes no member yet (503), and one that is growing takes one at a time.
    """

    def probe() -> str | None:
        try:
            grown = broker.grow_quorum_queues()
        except (Unreachable, Refused) as error:
            return _because(error)
        return f"growing {', '.join(grown)}" if grown else None

    return probe


def cluster_probe(broker: BrokerCluster) -> Probe:
    """Ready when every node sees every node running."""

    def probe() -> str | None:
        for node in broker.nodes:
            try:
                running = broker.running_nodes(node)
            except (Unreachable, Refused) as error:
                return _because(error)
            if set(running) != set(broker.nodes):
                return f"{node} sees {len(running)} of {len(broker.nodes)} nodes running"
        return None

    return probe


def _mysql(server: ServerSpec, endpoint: PortLookup, secrets: Mapping[str, str]) -> Probe:
    facts = server.facts
    password = secrets[facts["password_secret"]]
    return _staged(
        lambda: _greeting(endpoint("mysql"), b"", _is_mysql),
        lambda: _word(mysql_login(server.name, endpoint("mysql"), facts["user"], password, facts["schema"])),
    )


def _rabbitmq(server: ServerSpec, endpoint: PortLookup, secrets: Mapping[str, str]) -> Probe:
    """The application's own vhost: it exists once the definitions were imported."""
    facts = server.facts
    login = AmqpLogin(facts["user"], secrets[facts["password_secret"]], facts["vhost"])
    return _staged(
        lambda: _greeting(endpoint("amqp"), _AMQP_HELLO, _is_amqp),
        lambda: dial(server.name, endpoint("amqp"), login, _AMQP_TIMEOUT_S).close(),
    )


def _object_store(server: ServerSpec, endpoint: PortLookup, secrets: Mapping[str, str]) -> Probe:
    access_key = secrets[server.facts["access_key_secret"]]
    secret_key = secrets[server.facts["secret_key_secret"]]

    def list_all() -> None:
        list_buckets(server.name, endpoint("s3"), access_key, secret_key)

    return _staged(lambda: _greeting(endpoint("s3"), _HTTP_HELLO, _is_http), list_all)


def _redis(server: ServerSpec, endpoint: PortLookup, secrets: Mapping[str, str]) -> Probe:
    password = secrets[server.facts["password_secret"]]
    return _staged(
        lambda: _greeting(endpoint("redis"), _REDIS_HELLO, _is_resp),
        lambda: _word(redis_ping(server.name, endpoint("redis"), password)),
    )


def _http(port: str, path: str) -> _ProbeMaker:
    def make(_server: ServerSpec, endpoint: PortLookup, _secrets: Mapping[str, str]) -> Probe:
        def answers() -> str | None:
            answer = http_get(endpoint(port), path, timeout_s=_HTTP_TIMEOUT_S)
            return None if 200 <= answer.status < 300 else f"{path} answered {answer.status}"

        return _staged(lambda: _greeting(endpoint(port), _HTTP_HELLO, _is_http), answers)

    return make


def _service(_server: ServerSpec, endpoint: PortLookup, _secrets: Mapping[str, str]) -> Probe:
    """Ready when it says so itself; until then, the dependencies it says it waits for."""

    def answers() -> str | None:
        answer = http_get(endpoint("http"), _READY_PATH, timeout_s=_HTTP_TIMEOUT_S)
        return None if answer.status == 200 else _not_ready(answer)

    return _staged(lambda: _greeting(endpoint("http"), _LIVE_HELLO, _is_http), answers)


def _not_ready(answer: HttpAnswer) -> str:
    """What it waits for, or its reason, as its health document has it; the status alone where it is none such."""
    try:
        document = json.loads(answer.body)
        waiting = document.get("waiting_for") or {}
        why = "; ".join(f"{name}: {state}" for name, state in waiting.items()) or str(document.get("reason") or "")
    except (ValueError, TypeError, AttributeError):
        why = ""
    return f"{_READY_PATH} answered {answer.status}" + (f" ({why})" if why else "")


def _staged(greet: Callable[[], str | None], log_in: Callable[[], str | None]) -> Probe:
    """Greeting first, then the login; back to the greeting when the server falls silent again."""
    greeted = False

    def probe() -> str | None:
        nonlocal greeted
        if not greeted:
            reason = greet()
            if reason is not None:
                return reason
            greeted = True
        try:
            return log_in()
        except Refused as refusal:
            return _because(refusal)
        except Unreachable as silence:
            greeted = False
            return _because(silence)

    return probe


def _greeting(endpoint: Endpoint, hello: bytes, expected: Callable[[bytes], bool]) -> str | None:
    """Dial, say ``hello``, read once; a short reason unless what came is ``expected``."""
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=_GREETING_TIMEOUT_S) as line:
            if hello:
                line.sendall(hello)
            answer = line.recv(64)
    except TimeoutError:
        return "no greeting yet"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if not answer:
        return "closed without a greeting"
    return None if expected(answer) else f"unexpected greeting {answer[:20]!r}"


def _is_mysql(answer: bytes) -> bool:
    """A handshake packet of protocol version 10, behind its four bytes of header."""
    return len(answer) > 4 and answer[4] == 10


def _is_amqp(answer: bytes) -> bool:
    """A method frame on channel 0: ``connection.start``."""
    return answer[:3] == b"\x01\x00\x00"


def _is_resp(answer: bytes) -> bool:
    """``+PONG``, or an error which is an answer too (``-NOAUTH``), but not ``-LOADING``."""
    return answer[:1] in b"+-" and not answer.startswith(b"-LOADING")


def _is_http(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.")


def _word(answer: Answer) -> str | None:
    return None if answer.accepted else f"login refused ({answer.code}) {answer.message}".strip()


def _because(error: Refused | Unreachable) -> str:
    return f"{error.what} {error.evidence}".strip()


_PROBES: Mapping[ServerKind, _ProbeMaker] = {
    "mysql": _mysql,
    "rabbitmq": _rabbitmq,
    "object-store": _object_store,
    "redis": _redis,
    "prometheus": _http("http", "/-/ready"),
    "alertmanager": _http("http", "/-/ready"),
    "node-exporter": _http("metrics", "/"),
    "mysql-exporter": _http("metrics", "/"),
    "alert-sink": _http("http", "/deliveries"),
    "gateway": _service,
    "service": _service,
}
