"""Stands for the mail server, Slack and the webhook of the alerts, and writes down what arrives.

SMTP on 1025 for ``<receiver>@sink.local``; HTTP on 8080: ``POST /slack/<receiver>``, ``POST /webhook/<receiver>``,
``GET /deliveries?alert=NAME``, ``GET /healthz``. Runs alone in its container on Python's library and aiosmtpd.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

VERSION = "1.0.0"
HTTP_PORT = 8080
SMTP_PORT = 1025
MAIL_DOMAIN = "sink.local"
KEPT_DELIVERIES = 10_000
LARGEST_BODY_BYTES = 1 << 20
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - of its own pod; what is published is the stack's affair
_LONGEST_NAME = 200
_LONGEST_NUMBER = 9
_IDLE_CONNECTION_S = 15
# The subject Alertmanager gives a group, "[FIRING:1] HighLatency (critical)". The first value is the alert's name where
# alerts are grouped by it: Slack gets nothing else that names one.
_SUBJECT = re.compile(r"\[(FIRING|RESOLVED)(?::\d+)?\]\s*\(?\s*([^\s()]+)")
# Its mail lists each alert's labels; the resolved ones come after a heading of their own.
_MAIL_LABEL = re.compile(r"alertname\s*=\s*([^\s<]+)")
_MAIL_RESOLVED = re.compile(r"\[\d+\]\s*Resolved|Alerts Resolved", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Delivery:
    channel: str
    receiver: str
    alert: str
    status: str
    received_at: str


class Malformed(ValueError):  # noqa: N818 - what the sender is told
    """The payload is not what the channel carries."""


class Deliveries:
    """The last ``KEPT_DELIVERIES`` of them, in order of arrival."""

    def __init__(self) -> None:
        self._kept: deque[Delivery] = deque(maxlen=KEPT_DELIVERIES)
        self._lock = threading.Lock()

    def record(self, channel: str, receiver: str, alerts: list[tuple[str, str]]) -> None:
        """``alerts`` are (name, status)."""
        now = datetime.now(UTC).isoformat()
        with self._lock:
            for name, status in alerts:
                self._kept.append(
                    Delivery(channel, receiver[:_LONGEST_NAME], name[:_LONGEST_NAME], status[:_LONGEST_NAME], now)
                )

    def of(self, alert: str | None) -> list[dict[str, str]]:
        with self._lock:
            return [asdict(d) for d in self._kept if alert is None or d.alert == alert]


def alerts_in_subject(subject: str) -> list[tuple[str, str]]:
    found = _SUBJECT.search(subject)
    if found is None:
        raise Malformed("no alert is named")
    return [(found[2], found[1].lower())]


def alerts_in_slack(payload: Any) -> list[tuple[str, str]]:
    """Slack's message: the subject is an attachment's title."""
    attachments = payload.get("attachments") if isinstance(payload, dict) else None
    if not isinstance(attachments, list):
        raise Malformed("expected an object with a list 'attachments'")
    titles = [str(a.get("title") or a.get("fallback") or "") for a in attachments if isinstance(a, dict)]
    return [alert for title in titles for alert in alerts_in_subject(title)]


def alerts_in_webhook(payload: Any) -> list[tuple[str, str]]:
    """Alertmanager's own webhook format, version 4."""
    alerts = payload.get("alerts") if isinstance(payload, dict) else None
    if not isinstance(alerts, list):
        raise Malformed("expected an object with a list 'alerts'")
    return list(_labelled(alerts))


def _labelled(alerts: list[Any]) -> Iterator[tuple[str, str]]:
    for alert in alerts:
        labels = alert.get("labels") if isinstance(alert, dict) else None
        if not isinstance(labels, dict) or "alertname" not in labels:
            raise Malformed("expected each alert to have labels with 'alertname'")
        yield str(labels["alertname"]), str(alert.get("status", "firing"))


def alerts_in_mail(raw: bytes) -> list[tuple[str, str]]:
    """Each alert of the mail's body; else the one its subject names."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    text = "\n".join(_texts(message))
    resolved = _MAIL_RESOLVED.search(text)
    resolved_at = resolved.start() if resolved else len(text)
    found = [(m[1], "resolved" if m.start() > resolved_at else "firing") for m in _MAIL_LABEL.finditer(text)]
    return list(dict.fromkeys(found)) or alerts_in_subject(str(message["subject"] or ""))


def _texts(message: Any) -> Iterator[str]:
    for part in message.walk():
        if part.get_content_type() in {"text/html", "text/plain"}:
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield payload.decode(errors="replace")


class SmtpHandler:
    """aiosmtpd's protocol: answers are SMTP reply lines."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if not address.lower().endswith(f"@{MAIL_DOMAIN}"):
            return f"550 only {MAIL_DOMAIN} is here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        try:
            alerts = alerts_in_mail(bytes(envelope.content or b""))
        except Exception as error:  # noqa: BLE001 - a parser's own failures are many; the sender hears, the sink lives
            return f"554 not an alert: {str(error)[:80]!a}"
        for address in envelope.rcpt_tos:
            self._deliveries.record("email", address.rpartition("@")[0], alerts)
        return "250 recorded"


READERS = {"slack": alerts_in_slack, "webhook": alerts_in_webhook}


class Handler(BaseHTTPRequestHandler):
    """One HTTP request; ``deliveries`` is set by :func:`http_handler`."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_CONNECTION_S
    deliveries: Deliveries

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self._answer(HTTPStatus.OK, {"status": "ok"})
        elif url.path == "/deliveries":
            self._answer(HTTPStatus.OK, self.deliveries.of(parse_qs(url.query).get("alert", [None])[0]))
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": "no such path"})

    def do_POST(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        if len(parts) != 2 or parts[0] not in READERS:
            self._refuse(HTTPStatus.NOT_FOUND, "no such path")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
            return
        if len(length) > _LONGEST_NUMBER or int(length) > LARGEST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {LARGEST_BODY_BYTES} bytes")
            return
        try:
            alerts = READERS[parts[0]](json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error)[:_LONGEST_NAME])
            return
        self.deliveries.record(parts[0], unquote(parts[1]), alerts)
        # Slack's clients look for this very body.
        self._send(HTTPStatus.OK, b"ok", "text/plain")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """The body may be unread: the connection cannot go on."""
        self.close_connection = True
        self._answer(status, {"error": reason})

    def _answer(self, status: HTTPStatus, document: Any) -> None:
        self._send(status, json.dumps(document).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        sys.stdout.write(f"{self.address_string()} {format % args}\n")
        sys.stdout.flush()


def http_handler(to: Deliveries) -> type[Handler]:
    """A handler class that records ``to``, as http.server wants one."""

    class Bound(Handler):
        deliveries = to

    return Bound


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"alert-sink {VERSION}\n")
        return
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - only where mail is served

    deliveries = Deliveries()
    mail = Controller(
        SmtpHandler(deliveries),
        hostname=_EVERY_ADDRESS,
        port=SMTP_PORT,
        data_size_limit=LARGEST_BODY_BYTES,
    )
    web = ThreadingHTTPServer((_EVERY_ADDRESS, HTTP_PORT), http_handler(deliveries))
    web.daemon_threads = True
    mail.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop below, which this very thread runs.
        signal.signal(number, lambda *_: threading.Thread(target=web.shutdown).start())
    sys.stdout.write(f"alert-sink {VERSION}: HTTP on {HTTP_PORT}, SMTP on {SMTP_PORT}\n")
    sys.stdout.flush()
    web.serve_forever(poll_interval=0.1)
    mail.stop()


if __name__ == "__main__":
    main()
