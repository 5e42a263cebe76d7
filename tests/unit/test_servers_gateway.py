"""The HTTP client of the gateway and the services, against a server of this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sim.history import Outcome
from sim.servers.endpoint import Endpoint
from sim.servers.gateway import GatewayClient, ServiceClient
from sim.servers.http_protocol import HttpReply


class _Echo(BaseHTTPRequestHandler):
    """Says what it was asked; ``/status/<n>`` answers that status, ``/slow`` nothing for a long while."""

    protocol_version = "HTTP/1.1"
    release = threading.Event()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        if self.path == "/slow":
            self.release.wait(10.0)
        status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200
        said = json.dumps(
            {
                "method": self.command,
                "path": self.path,
                "body": body,
                "headers": {k.lower(): v for k, v in self.headers.items()},
            }
        ).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(name="endpoint")
def _endpoint() -> Iterator[Endpoint]:
    _Echo.release.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Endpoint("127.0.0.1", server.server_address[1])
    finally:
        _Echo.release.set()
        server.shutdown()
        server.server_close()


def _client(endpoint: Endpoint) -> GatewayClient:
    return GatewayClient("api-gateway", lambda: endpoint, lambda host, _port: endpoint if host == "minio" else None)


def test_a_request_carries_token_headers_and_json(endpoint: Endpoint) -> None:
    """As a shopper's program sends it."""
    reply = _client(endpoint).request("POST", "/api/sav?limit=1", json={"a": 1}, token="t", headers={"X-A": "b"})
    said = reply.document()
    assert (reply.status, reply.outcome, reply.content_type) == (200, Outcome.OK, "application/json")
    assert (said["method"], said["path"], json.loads(said["body"])) == ("POST", "/api/sav?limit=1", {"a": 1})
    assert said["headers"]["authorization"] == "Bearer t"
    assert said["headers"]["x-a"] == "b"
    assert reply.latency_s > 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (201, Outcome.OK),
        (409, Outcome.FAILED),
        (501, Outcome.FAILED),
        (500, Outcome.UNSURE),
        (503, Outcome.UNSURE),
        (504, Outcome.UNSURE),
    ],
)
def test_what_a_status_says_of_what_happened(endpoint: Endpoint, status: int, outcome: Outcome) -> None:
    """A refusal surely did nothing; a server's own trouble may have come after the work was done."""
    assert _client(endpoint).request("GET", f"/status/{status}").outcome is outcome


def test_silence_is_a_reply(endpoint: Endpoint) -> None:
    """Nobody listening and nobody answering are observations, never exceptions."""
    slow = _client(endpoint).request("GET", "/slow", timeout_s=0.2)
    assert (slow.status, slow.answered, slow.outcome) == (0, False, Outcome.UNSURE)
    nobody = GatewayClient("api-gateway", lambda: Endpoint("127.0.0.1", 1), lambda *_: None).request("GET", "/")
    assert nobody.status == 0
    assert nobody.message


def test_many_threads_share_one_client(endpoint: Endpoint) -> None:
    """Each gets the answer to its own question."""
    client = _client(endpoint)

    def ask(number: int) -> bool:
        return client.request("GET", f"/{number}").document()["path"] == f"/{number}"

    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(ask, range(200)))


def test_a_signed_url_goes_to_the_published_port_under_its_own_host(endpoint: Endpoint) -> None:
    """The signature covers the host, and a name nobody here has is silence."""
    client = _client(endpoint)
    said = client.follow("PUT", "http://minio:9000/sav/a?X-Amz=1", body=b"x", content_type="text/plain").document()
    assert (said["path"], said["headers"]["host"], said["body"]) == ("/sav/a?X-Amz=1", "minio:9000", "x")
    assert said["headers"]["content-type"] == "text/plain"
    assert client.follow("GET", "http://elsewhere/a").status == 0


def test_health_and_metrics_have_their_documented_paths(endpoint: Endpoint) -> None:
    """The documented path and the two below it."""
    pod = ServiceClient("orders-service", lambda: endpoint, lambda: endpoint)
    assert [pod.health(kind).document()["path"] for kind in ("", "live", "ready")] == [
        "/health",
        "/health/live",
        "/health/ready",
    ]
    assert pod.metrics().document()["path"] == "/metrics"


def test_a_body_that_is_no_json_has_no_document() -> None:
    """Asked for a document, it says there is none."""
    assert HttpReply(200, 0.1, {}, b"<html>").document() is None
