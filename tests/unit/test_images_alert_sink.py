"""The alert sink: what it makes of each channel's payloads, sound and unsound."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import ThreadingHTTPServer

import pytest
import requests

from sim.services.alert_sink import sink


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), sink.http_handler(sink.Deliveries()))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_slack_and_webhook_are_recorded_by_receiver_and_alert(url: str) -> None:
    """Each alert of a payload is one delivery; asking for a name gives that name alone, in order of arrival."""
    webhook = {
        "alerts": [
            {"status": "firing", "labels": {"alertname": "HighLatency"}},
            {"status": "resolved", "labels": {"alertname": "DiskFull"}},
        ]
    }
    slack = {"attachments": [{"title": "[RESOLVED] HighLatency (critical)"}]}
    assert requests.post(f"{url}/webhook/ops", json=webhook, timeout=5).text == "ok"
    assert requests.post(f"{url}/slack/team%20one", json=slack, timeout=5).text == "ok"
    found = requests.get(f"{url}/deliveries", params={"alert": "HighLatency"}, timeout=5).json()
    assert [(d["channel"], d["receiver"], d["status"]) for d in found] == [
        ("webhook", "ops", "firing"),
        ("slack", "team one", "resolved"),
    ]
    assert all(d["received_at"].endswith("+00:00") for d in found)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/webhook/ops", b"{", 400),
        ("/webhook/ops", b"[]", 400),
        ("/webhook/ops", b'{"alerts": [{"labels": {}}]}', 400),
        ("/webhook/ops", b'{"alerts": 7}', 400),
        ("/webhook/ops", b"[" * 200_000, 400),
        ("/webhook/ops", b"\xff\xfe", 400),
        ("/slack/ops", b'{"attachments": [{"title": "hello"}]}', 400),
        ("/webhook", b"{}", 404),
        ("/elsewhere/ops", b"{}", 404),
        ("/webhook/ops", b" " * (sink.LARGEST_BODY_BYTES + 1), 413),
    ],
)
def test_malformed_and_huge_payloads_are_refused_and_the_sink_lives(
    url: str, path: str, body: bytes, status: int
) -> None:
    """A bad sender hears why; nothing is recorded, and the next request is served."""
    try:
        assert requests.post(url + path, data=body, timeout=5).status_code == status
    except requests.ConnectionError:
        assert status == 413  # it hung up on the rest of the body
    assert requests.get(f"{url}/deliveries", timeout=5).json() == []
    assert requests.get(f"{url}/healthz", timeout=5).json() == {"status": "ok"}


def test_memory_is_bounded() -> None:
    """Only the last deliveries are kept, and no field is longer than it need be."""
    kept = sink.Deliveries()
    kept.record("webhook", "r" * 10_000, [("A" * 10_000, "firing")] * (sink.KEPT_DELIVERIES + 5))
    found = kept.of(None)
    assert len(found) == sink.KEPT_DELIVERIES
    assert max(len(json.dumps(delivery)) for delivery in found[:1]) < 1_000


def test_mail_lists_each_alert_with_its_own_status() -> None:
    """A group's mail names firing alerts first, resolved ones after; the subject speaks when the body does not."""
    mail = EmailMessage()
    mail["Subject"] = "[FIRING:1] HighLatency (critical)"
    assert sink.alerts_in_mail(mail.as_bytes()) == [("HighLatency", "firing")]
    mail.set_content("plain")
    mail.add_alternative(
        "<strong>[1] Firing</strong>alertname = HighLatency<br />"
        "<strong>[1] Resolved</strong>alertname = DiskFull<br />",
        subtype="html",
    )
    assert sink.alerts_in_mail(mail.as_bytes()) == [("HighLatency", "firing"), ("DiskFull", "resolved")]


def test_mail_that_names_no_alert_is_refused() -> None:
    """Whoever sends something else is told so."""
    with pytest.raises(sink.Malformed):
        sink.alerts_in_mail(b"Subject: hello\r\n\r\nworld\r\n")
