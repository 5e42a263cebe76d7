"""What the gateway makes of a client's request, over a real broker, with services that answer as they are told."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.docker.services.gateway_stand import Asked, Broker, Gateway, Service, broker, gateway, service, token

_PRODUCT = {"sku": "A-1", "name": "Lamp", "description": "", "version": 3}
_POST = {"Content-Type": "application/json"}


def _behave(asked: Asked) -> tuple[int, Any] | None:
    path = asked.header("path")
    if path == "/SILENT":
        return None
    if path == "/TAKEN":
        return 409, {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "Taken.", "sku": "TAKEN"}
    if path == "":
        return (201, _PRODUCT) if asked.header("method") == "POST" else (200, {"items": [_PRODUCT], "next": "x"})
    return (204, None) if asked.header("method") == "DELETE" else (200, _PRODUCT)


@pytest.fixture(scope="module")
def at() -> Iterator[Broker]:
    with broker() as made:
        yield made


@pytest.fixture(scope="module")
def products(at: Broker) -> Iterator[Service]:
    with service(at, "products-service", _behave) as made:
        yield made


@pytest.fixture(scope="module")
def front(at: Broker, products: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    del products
    with gateway(at, tmp_path_factory.mktemp("gateway") / "log") as made:
        yield made


def test_a_request_reaches_its_service_and_comes_back(front: Gateway, products: Service) -> None:
    """Method, path, query and deadline go out as the contract says; the answer is the service's."""
    answer = front.get("/api/products/A-1/?a=1&a=2")
    assert (answer.status_code, answer.json()) == (200, _PRODUCT)
    asked = products.asked[-1]
    assert [asked.header(name) for name in ("method", "path", "query", "identity")] == ["GET", "/A-1", "a=1&a=2", None]
    assert asked.properties.app_id == "api-gateway"
    assert asked.properties.type == "request"
    assert isinstance(asked.header("deadline"), int)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_head_is_get_without_a_body(front: Gateway) -> None:
    """The same headers, the length among them."""
    answer = front.request("HEAD", "/api/products/A-1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(front.get("/api/products/A-1").content)


@pytest.mark.parametrize("path", ["/api/nobody", "/api/products/A-1/nothing", "/nothing", "/api/", "/api"])
def test_an_unknown_path_is_404(front: Gateway, path: str) -> None:
    """As a problem that says where, and under which trace."""
    answer = front.get(path)
    problem = answer.json()
    assert answer.status_code == problem["status"] == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["instance"] == path
    assert problem["trace_id"] == answer.headers["X-Trace-Id"]


def test_the_wrong_method_is_405_and_told_the_right_ones(front: Gateway) -> None:
    """OPTIONS is told the same."""
    answer = front.request("PUT", "/api/products/A-1")
    assert answer.status_code == 405
    allowed = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}
    assert set(answer.headers["Allow"].split(", ")) == allowed
    options = front.request("OPTIONS", "/api/products/A-1")
    assert options.status_code == 204
    assert set(options.headers["Allow"].split(", ")) == allowed


def test_internal_routes_do_not_exist(front: Gateway, products: Service) -> None:
    """Nobody outside reserves stock, however they spell it, signed in or not."""
    before = len(products.asked)
    for path in ("/api/products/reservations", "/api/products/%72eservations/", "/api/products//reservations"):
        assert front.request("POST", path, json={}, headers=token()).status_code in {404, 405}
    assert len(products.asked) == before


@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ({}, 401, "Bearer realm"),
        (token(exp=1), 401, "expired"),
        (token(aud="elsewhere"), 401, "audience"),
        ({"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."}, 401, "HS256"),
        ({"Authorization": "Basic YTpi"}, 401, "invalid_token"),
        (token(), 403, "products.write"),
    ],
)
def test_who_may_not_is_told_why(front: Gateway, headers: dict[str, str], status: int, challenge: str) -> None:
    """401 for who is nobody, 403 for who lacks the permission, each with the challenge HTTP wants."""
    answer = front.request("DELETE", "/api/products/A-1", headers=headers)
    assert answer.status_code == status
    assert challenge in answer.headers["WWW-Authenticate"]


def test_a_bad_token_is_refused_where_none_is_needed(front: Gateway) -> None:
    """Who sends one means to be known."""
    assert front.get("/api/products/A-1", headers=token(exp=1)).status_code == 401


def test_who_may_is_introduced_to_the_service(front: Gateway, products: Service) -> None:
    """The verified identity goes along, the token does not; the answer is not to be kept by anybody."""
    answer = front.request("DELETE", "/api/products/A-1", headers=token("ada", ("products.write",)))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    asked = products.asked[-1]
    assert json.loads(asked.header("identity"))["user_id"] == "ada"
    assert "eyJ" not in str(asked.properties)


def _create(front: Gateway, user: str, key: str | None, body: bytes = b"{}") -> Any:
    headers = {**token(user, ("products.write",)), **_POST, **({"Idempotency-Key": key} if key else {})}
    return front.request("POST", "/api/products", data=body, headers=headers)


def test_one_key_is_one_message(front: Gateway, products: Service) -> None:
    """The same caller's same call has the same id; without a key, or of another caller, it has another."""
    ids = []
    for user, key in (("ada", "k1"), ("ada", '"k1"'), ("ada", "k2"), ("eve", "k1"), ("ada", None), ("ada", None)):
        assert _create(front, user, key).status_code == 201
        ids.append(products.asked[-1].properties.message_id)
    assert ids[0] == ids[1]
    assert len(set(ids)) == 5
    assert _create(front, "ada", "two words").status_code == 400


def test_a_body_too_large_is_413(front: Gateway) -> None:
    """Declared or chunked; the connection serves the next request."""
    big = b"x" * 1_000_000
    assert _create(front, "ada", None, big).status_code == 413
    headers = {**token("ada", ("products.write",)), **_POST}
    chunked = front.request("POST", "/api/products", data=iter([big[:60_000]] * 4), headers=headers)
    assert chunked.status_code == 413
    assert front.get("/api/products/A-1").status_code == 200


def test_ten_megabytes_are_413(front: Gateway) -> None:
    """As long as the client can tell us, we answer."""
    assert _create(front, "ada", None, b"x" * 10_000_000).status_code == 413


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", ""])
def test_what_is_not_json_is_415(front: Gateway, content_type: str) -> None:
    """Only where a body is taken: elsewhere it is not looked at."""
    headers = {**token("ada", ("products.write",)), "Content-Type": content_type}
    assert front.request("POST", "/api/products", data=b"x", headers=headers).status_code == 415
    assert front.request("DELETE", "/api/products/A-1", data=b"x", headers=headers).status_code == 204


def test_a_services_problem_says_where_and_which_trace(front: Gateway) -> None:
    """Its own members stay."""
    answer = front.get("/api/products/TAKEN")
    problem = answer.json()
    assert (answer.status_code, problem["detail"], problem["sku"]) == (409, "Taken.", "TAKEN")
    assert problem["instance"] == "/api/products/TAKEN"
    assert problem["trace_id"] == answer.headers["X-Trace-Id"]


def test_fields_narrow_an_answer(front: Gateway, products: Service) -> None:
    """Of an object and of a list's items; the service never hears of it; an unknown one is 422."""
    assert front.get("/api/products/A-1?fields=sku,version").json() == {"sku": "A-1", "version": 3}
    answer = front.get("/api/products?fields=sku&limit=1")
    assert answer.json() == {"items": [{"sku": "A-1"}], "next": "x"}
    assert products.asked[-1].header("query") == "limit=1"
    assert front.get("/api/products/A-1?fields=password").status_code == 422


def test_the_trace_goes_through(front: Gateway, products: Service) -> None:
    """The caller's trace reaches the service with the gateway's span, comes back, and is in the log line."""
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "X-Request-Id": "mine-1"}
    answer = front.get("/api/products/A-1", headers=headers)
    sent = products.asked[-1].header("traceparent").split("-")
    assert sent[1] == trace
    assert sent[2] != "00f067aa0ba902b7"
    assert answer.headers["X-Trace-Id"] == trace
    assert answer.headers["X-Request-Id"] == "mine-1"
    line = front.logged(request_id="mine-1")
    assert line["trace_id"] == trace
    assert line["span_id"] == sent[2]
    assert (line["status"], line["target"], line["route"]) == (200, "products", "products.show")


def test_no_secret_is_logged(front: Gateway) -> None:
    """Neither tokens nor queries nor bodies."""
    secret = token("ada")
    front.get("/api/products/A-1?q=hidden-query", headers=secret)
    _create(front, "ada", None, b'"hidden-body"')
    front.get("/api/products/A-1", headers={"X-Request-Id": "after-both"})
    front.logged(request_id="after-both")
    log = front.log_path.read_text()
    assert secret["Authorization"].split(".")[2] not in log
    assert "hidden" not in log


def test_a_silent_service_is_504(front: Gateway) -> None:
    """After the deadline, not before and not much later."""
    answer = front.get("/api/products/SILENT")
    assert answer.status_code == 504
    assert 0.9 < answer.elapsed.total_seconds() < 2.0


def test_a_service_without_a_queue_is_503(front: Gateway) -> None:
    """At once, with when to come again."""
    answer = front.get("/api/auth/roles", headers=token("ada", ("users.manage",)))
    assert answer.status_code == 503
    assert answer.json()["service"] == "auth"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.elapsed.total_seconds() < 0.5


def test_everything_is_counted(front: Gateway) -> None:
    """The document's alert reads the histogram's buckets; what clients make up becomes no label."""
    front.get("/api/products/A-1")
    front.get("/api/made-up/path")
    page = front.metrics()
    labels = 'method="GET",route="products.show",service="products",status="2xx"'
    assert f'gateway_http_request_duration_seconds_bucket{{le="1.0",{labels}}}' in page
    assert 'gateway_http_requests_total{method="GET",route="products.show",service="products",status="200"}' in page
    assert 'gateway_rejections_total{reason="no-such-path"}' in page
    assert 'gateway_circuit_state{service="products"} 0.0' in page
    assert 'gateway_in_flight_requests{service="products"} 0.0' in page
    assert "made-up" not in page


def test_the_pages_are_there(front: Gateway) -> None:
    """Index, OpenAPI, documentation and health, each for GET alone."""
    assert front.get("/").json()["services"]["products"] == "/api/products"
    assert "/api/products/{sku}" in front.get("/openapi.json").json()["paths"]
    assert front.get("/docs").headers["Content-Type"].startswith("text/html")
    assert front.get("/health").json()["status"] == "ready"
    assert front.get("/health/live").status_code == 200
    assert front.request("POST", "/docs").status_code == 405


def test_a_client_that_asks_too_often_is_429(at: Broker, products: Service, tmp_path: Path) -> None:
    """Each client by itself: by user when signed in, by address as trusted proxies tell it when not."""
    del products
    with gateway(at, tmp_path / "log", RATE_LIMIT_PER_S="0.5", RATE_LIMIT_BURST="3") as front:
        first = {"X-Forwarded-For": "198.51.100.1"}
        answers = [front.get("/api/products/A-1", headers=first) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["RateLimit-Remaining"] == "2"
        assert int(answers[3].headers["Retry-After"]) == 2
        assert front.get("/api/products/A-1", headers={"X-Forwarded-For": "198.51.100.2"}).status_code == 200
        assert front.get("/api/products/A-1", headers={**first, **token("ada")}).status_code == 200
        spoofed = {"X-Forwarded-For": "203.0.113.77, 198.51.100.1"}
        assert front.get("/api/products/A-1", headers=spoofed).status_code == 429
        assert front.get("/api/nothing", headers=first).status_code == 429
        assert front.get("/health").status_code == 200


def test_nobody_is_believed_to_be_somebody_else_by_default(at: Broker, products: Service, tmp_path: Path) -> None:
    """Without trusted proxies a client cannot shed its count by naming another address, not even from loopback."""
    del products
    with gateway(at, tmp_path / "log", RATE_LIMIT_PER_S="0.1", RATE_LIMIT_BURST="2", TRUSTED_PROXIES="") as front:
        statuses = [
            front.get("/api/products/A-1", headers={"X-Forwarded-For": f"198.51.100.{number}"}).status_code
            for number in range(3)
        ]
        assert statuses == [200, 200, 429]
        front.logged(status=429)
        assert {line["client"] for line in front.log_lines() if line.get("target") == "products"} == {"127.0.0.1"}


def _raw(front: Gateway, sent: bytes) -> int:
    """The status of whatever came back to these bytes; 0 when the connection was closed without an answer."""
    with socket.create_connection(("127.0.0.1", front.port), timeout=5) as connection:
        connection.sendall(sent)
        try:
            answer = connection.recv(65536)
        except ConnectionResetError:
            return 0
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /api/products/%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/products/%FF%FE HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/products/\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/products?q=%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/products?q=\xe9 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/products/" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /api/products?q=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET http://elsewhere/api/products/A-1 HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /api/products/A-1 HTTP/1.0\r\n\r\n", 200),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: \xff\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: x\r\ntraceparent: \xff\r\n\r\n", 200),
        (b"GET /api/products/A-1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n", 401),
        (b"GET /api/products/A-1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \xff, ,,\r\n\r\n", 200),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (
            b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\nExpect: 100-continue\r\n\r\n",
            413,
        ),
        (b"BREW /api/products HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"TRACE /api/products HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET /api/products/A-1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200),
    ],
)
def test_odd_requests_are_answered(front: Gateway, sent: bytes, status: int) -> None:
    """Each with the status of its own mistake, never with one of ours."""
    assert _raw(front, sent) == status


_ODD = st.one_of(
    st.binary(max_size=60), st.text(max_size=30).map(str.encode), st.sampled_from([b"%00", b"%", b"%2F..", b"//", b"?"])
)


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from([b"GET", b"HEAD", b"POST", b"PATCH", b"DELETE", b"OPTIONS"]),
    rest=st.lists(_ODD, max_size=4),
    headers=st.lists(
        st.tuples(
            st.sampled_from(
                [b"Authorization", b"X-Forwarded-For", b"Idempotency-Key", b"traceparent", b"X-Request-Id", b"Cookie"]
            ),
            _ODD,
        ),
        max_size=4,
    ),
    body=st.binary(max_size=200),
)
def test_no_request_is_an_error_of_ours(
    front: Gateway, method: bytes, rest: list[bytes], headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Whatever bytes stand in path, query, headers and body: no 5xx, and no connection left without an answer."""
    target = b"/api/products/" + b"".join(rest)
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    length = b"Content-Length: %d\r\nContent-Type: application/json\r\n" % len(body)
    status = _raw(front, method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n" + lines + length + b"\r\n" + body)
    assert 200 <= status < 500, (target, headers)


def test_nothing_of_that_broke_it(front: Gateway) -> None:
    """The last of this file: the process lives, its circuits are as they were, and its log holds no failure."""
    assert front.process.poll() is None
    assert front.get("/api/products/A-1").status_code == 200
    assert not [line for line in front.log_lines() if line["level"] == "error"]
