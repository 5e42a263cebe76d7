"""The gateway when services fall silent, the broker goes, tokens are revoked, and it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.docker.services.gateway_stand import Asked, Broker, Gateway, broker, eventually, gateway, service, token

_PATH = "/api/products/A-1"


@pytest.fixture(scope="module")
def at() -> Iterator[Broker]:
    with broker() as made:
        yield made


class _Mood:
    """What the service does now; ``release`` lets a held answer go."""

    def __init__(self) -> None:
        self.silent = False
        self.status = 200
        self.held = False
        self.release = threading.Event()

    def __call__(self, asked: Asked) -> tuple[int, Any] | None:
        if self.held:
            self.release.wait(10)
        del asked
        if self.silent:
            return None
        if self.status == 200:
            return 200, {"sku": "A-1"}
        return self.status, {"type": "about:blank", "title": "x", "status": self.status, "detail": "As I was told."}


def _circuit(front: Gateway) -> str:
    return str(front.get("/health").json()["circuits"]["products"])


def test_a_silent_service_opens_its_circuit_and_closes_it_when_it_speaks(at: Broker, tmp_path: Path) -> None:
    """Five time-outs, then 503 at once naming the circuit; the others are asked on; a probe closes it again."""
    mood = _Mood()
    with (
        service(at, "products-service", mood) as products,
        service(at, "addresses-service", lambda _: (200, {})),
        gateway(at, tmp_path / "log", REQUEST_TIMEOUT_S="0.3") as front,
    ):
        assert front.get(_PATH).status_code == 200
        mood.silent = True
        assert [front.get(_PATH).status_code for _ in range(5)] == [504] * 5
        refused = front.get(_PATH)
        problem = refused.json()
        assert refused.status_code == 503
        assert (problem["circuit"], problem["service"]) == ("open", "products")
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.elapsed.total_seconds() < 0.2
        assert _circuit(front) == "open"
        assert 'gateway_circuit_state{service="products"} 2.0' in front.metrics()
        assert front.get("/api/addresses/ping").status_code == 200
        asked = len(products.asked)
        eventually(lambda: len(products.asked) > asked or front.get(_PATH).status_code == 504)
        assert _circuit(front) == "open"
        mood.silent = False
        eventually(lambda: front.get(_PATH).status_code == 200)
        assert _circuit(front) == "closed"


def test_a_services_own_errors_leave_its_circuit_alone(at: Broker, tmp_path: Path) -> None:
    """It is there and says so; only its 503 and 504 tell of trouble."""
    mood = _Mood()
    with service(at, "products-service", mood), gateway(at, tmp_path / "log") as front:
        for mood.status in (404, 409, 500, 501):
            assert [front.get(_PATH).status_code for _ in range(8)] == [mood.status] * 8
        assert _circuit(front) == "closed"
        mood.status = 503
        assert [front.get(_PATH).json()["detail"] for _ in range(5)] == ["As I was told."] * 5
        assert _circuit(front) == "open"


def test_a_service_with_too_much_under_way_is_503(at: Broker, tmp_path: Path) -> None:
    """At once, and its room is free again as soon as the clients it was taken by have left."""
    mood = _Mood()
    mood.silent = True
    with (
        service(at, "products-service", mood),
        gateway(at, tmp_path / "log", MAX_IN_FLIGHT="2", REQUEST_TIMEOUT_S="8") as front,
        ThreadPoolExecutor(2) as pool,
    ):
        waiting = [pool.submit(_impatient, front, 2.0) for _ in range(2)]
        eventually(lambda: front.get("/health").json()["in_flight"] == {"products": 2})
        refused = front.get(_PATH)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:e-commerce:problem:overloaded")
        assert "Retry-After" in refused.headers
        assert [one.result() for one in waiting] == [0, 0]
        eventually(lambda: front.get("/health").json()["in_flight"] == {}, 1.0)
        assert 'status="499"' in front.metrics()
        assert _circuit(front) == "closed"


def _impatient(front: Gateway, timeout_s: float) -> int:
    """0 when the client left before it was answered."""
    try:
        return requests.get(f"{front.url}{_PATH}", timeout=timeout_s).status_code
    except requests.ReadTimeout:
        return 0


def test_a_revocation_is_honoured_by_every_gateway(at: Broker, tmp_path: Path) -> None:
    """One broadcast, two pods: the token is refused by both, another of the same user by neither."""
    with (
        service(at, "products-service", lambda _: (200, {})),
        gateway(at, tmp_path / "one") as one,
        gateway(at, tmp_path / "two") as two,
    ):
        revoked, kept = token("ada", jti="revoked-1"), token("ada")
        fronts = (one, two)
        assert [front.get(_PATH, headers=revoked).status_code for front in fronts] == [200, 200]
        at.publish_event("site.changed", "fanout", {"not": "for us"})
        at.publish_event("session.revoked", "fanout", {"nonsense": True})
        payload = {"token_id": "revoked-1", "expires_at_s": int(time.time()) + 600}
        at.publish_event("session.revoked", "fanout", payload)
        eventually(lambda: [front.get(_PATH, headers=revoked).status_code for front in fronts] == [401, 401])
        assert [front.get(_PATH, headers=kept).status_code for front in fronts] == [200, 200]
        eventually(lambda: "gateway_revoked_tokens 1.0" in one.metrics())


def test_what_was_revoked_before_it_started_is_had_from_auth(at: Broker, tmp_path: Path) -> None:
    """The gateway asks in its own name, not as one who asks for a client; and again after each connection."""
    items = [{"token_id": "revoked-2", "expires_at_s": int(time.time()) + 600}]
    with (
        service(at, "products-service", lambda _: (200, {})),
        gateway(at, tmp_path / "log") as front,
    ):
        revoked = token("ada", jti="revoked-2")
        assert front.get(_PATH, headers=revoked).status_code == 200
        # Auth comes up after the gateway, which has been asking for it since.
        with service(at, "auth-service", lambda _: (200, {"items": items})) as auth:
            eventually(lambda: front.get(_PATH, headers=revoked).status_code == 401, 20)
            assert auth.asked[0].header("path") == "/revocations"
            assert auth.asked[0].properties.app_id != "api-gateway"
            assert front.get("/health").json()["revocations"] == {"known": 1, "listed": True}
            asked = len(auth.asked)
            _cut(at, "gateway-")
            eventually(lambda: len(auth.asked) > asked, 20)


def _cut(at: Broker, name: str) -> None:
    """Close the connections of that name, as the loss of a node would."""
    listed = at.control("list_connections", "pid", "client_properties")
    for line in listed.splitlines():
        if f'"connection_name","{name}' in line.replace(" ", "") or name in line:
            at.control("close_connection", line.split("\t")[0], "test")


def test_a_read_under_way_when_the_connection_goes_is_asked_again(at: Broker, tmp_path: Path) -> None:
    """It changes nothing, so its client need not know; what may change something is 504, and says so."""
    mood = _Mood()
    with (
        service(at, "products-service", mood) as products,
        gateway(at, tmp_path / "log", REQUEST_TIMEOUT_S="8") as front,
        ThreadPoolExecutor(2) as pool,
    ):
        mood.held = True
        reading = pool.submit(front.get, _PATH)
        eventually(lambda: front.get("/health").json()["in_flight"] == {"products": 1})
        headers = token("ada", ("products.write",))
        changing = pool.submit(requests.delete, f"{front.url}{_PATH}", headers=headers, timeout=10)
        eventually(lambda: front.get("/health").json()["in_flight"] == {"products": 2})
        _cut(at, "gateway-")
        lost = changing.result(10)
        assert (lost.status_code, lost.json()["type"]) == (504, "urn:e-commerce:problem:answer-lost")
        mood.held = False
        mood.release.set()
        assert reading.result(10).status_code == 200
        assert [asked.header("method") for asked in products.asked].count("GET") == 2
        assert _circuit(front) == "closed"


def test_a_broker_that_is_gone_is_503_at_once_until_it_is_back(at: Broker, tmp_path: Path) -> None:
    """Not ready meanwhile, alive all the time, and by itself ready again."""
    with service(at, "products-service", lambda _: (200, {})), gateway(at, tmp_path / "log") as front:
        at.control("stop_app")
        eventually(lambda: front.get("/health/ready").status_code == 503)
        refused = front.get(_PATH)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:e-commerce:problem:broker-unreachable")
        assert refused.elapsed.total_seconds() < 0.2
        assert "Retry-After" in refused.headers
        assert front.get("/health/live").status_code == 200
        assert _circuit(front) == "closed"
        at.control("start_app")
        eventually(lambda: front.get(_PATH).status_code == 200, 30)
        assert front.get("/health/ready").status_code == 200


def test_a_broker_that_takes_no_messages_is_503_until_it_does(at: Broker, tmp_path: Path) -> None:
    """Its memory alarm blocks who publishes; nobody waits for a time-out any more once the gateway has heard."""
    with (
        service(at, "products-service", lambda _: (200, {})),
        gateway(at, tmp_path / "log", REQUEST_TIMEOUT_S="0.5") as front,
    ):
        at.control("set_vm_memory_high_watermark", "absolute", "1")
        try:
            eventually(lambda: front.get(_PATH).json().get("type") == "urn:e-commerce:problem:broker-unreachable", 20)
        finally:
            at.control("set_vm_memory_high_watermark", "0.6")
        eventually(lambda: front.get(_PATH).status_code == 200, 20)


def test_told_to_stop_it_finishes_what_is_under_way(at: Broker, tmp_path: Path) -> None:
    """Readiness goes, no new connection is taken, the request under way is answered, and it ends with 0."""
    mood = _Mood()
    mood.held = True
    with (
        service(at, "products-service", mood),
        gateway(at, tmp_path / "log", REQUEST_TIMEOUT_S="8") as front,
        ThreadPoolExecutor(2) as pool,
    ):
        under_way = pool.submit(requests.get, f"{front.url}{_PATH}", timeout=10)
        eventually(lambda: front.get("/health").json()["in_flight"] == {"products": 1})
        stopping = pool.submit(front.stop)
        eventually(lambda: _refuses(front))
        mood.release.set()
        assert under_way.result(10).status_code == 200
        assert stopping.result(15) == 0
        assert front.log_lines()[-1]["message"] == "stopped"


def _refuses(front: Gateway) -> bool:
    try:
        return requests.get(f"{front.url}/health/ready", timeout=1).status_code == 503
    except requests.ConnectionError:
        return True
