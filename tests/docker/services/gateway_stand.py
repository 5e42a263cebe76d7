"""What the gateway is tried against: a real broker, services that answer as they are told, and gateway processes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import jwt
import pika
import pytest
import requests

from tests.docker.test_servers.conftest import Running, container

SECRET = secrets.token_hex(24)
VHOST = "e-commerce"
_PASSWORD = secrets.token_hex(12)
_EXCHANGES = {"direct": "direct", "topic": "topic", "fanout": "fanout", "headers": "headers", "dead-letter": "direct"}
_DEFINITIONS = {
    "vhosts": [{"name": VHOST, "default_queue_type": "quorum"}],
    "users": [{"name": "ecommerce", "password": _PASSWORD, "tags": []}],
    "permissions": [{"user": "ecommerce", "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"}],
    "exchanges": [
        {
            "name": f"ecommerce.{name}",
            "vhost": VHOST,
            "type": kind,
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": {},
        }
        for name, kind in _EXCHANGES.items()
    ],
}
_CONFIGURATION = (
    "definitions.import_backend = local_filesystem\n"
    "definitions.local.path = /etc/rabbitmq/definitions.json\n"
    "log.console = true\nlog.file = false\n"
)
_START_S = 90.0


@dataclass(frozen=True)
class Broker:
    """One node, with the document's exchanges."""

    running: Running

    def connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                self.running.address, 5672, VHOST, pika.PlainCredentials("ecommerce", _PASSWORD), heartbeat=30
            )
        )

    def control(self, *words: str) -> str:
        code, output = self.running.execute("", ["rabbitmqctl", "-q", *words], {})
        assert code == 0, output
        return output

    def publish_event(self, name: str, exchange: str, payload: Mapping[str, Any]) -> None:
        with self.connect() as connection:
            connection.channel().basic_publish(
                f"ecommerce.{exchange}",
                "",
                json.dumps(payload).encode(),
                pika.BasicProperties(type=name, message_id=secrets.token_hex(16), delivery_mode=2),
            )


@contextmanager
def broker() -> Iterator[Broker]:
    """Up until the ``with`` ends."""
    engine = docker.from_env(timeout=60)
    files = {
        "/etc/rabbitmq/rabbitmq.conf": _CONFIGURATION,
        "/etc/rabbitmq/definitions.json": json.dumps(_DEFINITIONS),
        "/etc/rabbitmq/enabled_plugins": "[].\n",
    }
    with container(
        engine,
        "rabbitmq",
        ("rabbitmq-server",),
        files=files,
        user="rabbitmq",
        environment={"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +stbt u +sbwt none"},
    ) as running:
        made = Broker(running)

        def refused() -> str | None:
            try:
                made.connect().close()
            except (pika.exceptions.AMQPError, OSError) as error:
                return f"{type(error).__name__}: {error}"
            return None

        running.wait_ready(refused, _START_S)
        yield made


@dataclass(frozen=True)
class Asked:
    """A request as a service got it."""

    properties: Any
    body: bytes

    def header(self, name: str) -> Any:
        return self.properties.headers.get(name)


Behaviour = Callable[[Asked], tuple[int, Any] | None]
"""Status and document to answer, or None to stay silent."""


@dataclass
class Service:
    """A service in a thread: it answers what ``behave`` says, and keeps what it was asked."""

    name: str
    behave: Behaviour
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def service(at: Broker, name: str, behave: Behaviour) -> Iterator[Service]:
    """Consuming ``name`` until the ``with`` ends; its queue goes with it."""
    made = Service(name, behave)
    consuming, stop = threading.Event(), threading.Event()

    def answer(channel: Any, method: Any, properties: Any, body: bytes) -> None:
        asked = Asked(properties, body)
        made.asked.append(asked)
        reply = made.behave(asked)
        channel.basic_ack(method.delivery_tag)
        if reply is None:
            return
        status, document = reply
        kind = "application/problem+json" if status >= 400 else "application/json"
        channel.basic_publish(
            "",
            properties.reply_to,
            b"" if document is None else json.dumps(document).encode(),
            pika.BasicProperties(
                content_type=kind, correlation_id=properties.correlation_id, type="reply", headers={"status": status}
            ),
        )

    def serve() -> None:
        while not stop.is_set():
            try:
                with at.connect() as connection:
                    channel = connection.channel()
                    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
                    channel.queue_bind(name, "ecommerce.direct", name)
                    channel.basic_consume(name, answer)
                    consuming.set()
                    while not stop.is_set():
                        connection.process_data_events(time_limit=0.05)
                    channel.queue_delete(name)
            except (pika.exceptions.AMQPError, OSError):
                stop.wait(0.1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert consuming.wait(10)
    try:
        yield made
    finally:
        stop.set()
        thread.join(10)


@dataclass
class Gateway:
    """A process of its own; ``url`` without a slash at its end."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log_path: Path
    session: requests.Session

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", timeout=20, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def metrics(self) -> str:
        return requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text

    def log_lines(self) -> list[dict[str, Any]]:
        """The whole ones: the last may be half written."""
        with self.log_path.open("rb") as log:
            return [json.loads(line) for line in log if line.endswith(b"\n")]

    def logged(self, **fields: Any) -> dict[str, Any]:
        """The first line with these fields, once it is there: a request is logged after it was answered."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.log_lines() if fields.items() <= line.items()]

        eventually(found)
        return found()[0]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@contextmanager
def gateway(at: Broker, log_path: Path, **changes: str) -> Iterator[Gateway]:
    """Ready when the ``with`` begins."""
    port, metrics_port = _free_port(), _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path.cwd()),
        "HOSTNAME": f"gateway-{secrets.token_hex(4)}",
        "HTTP_HOST": "127.0.0.1",
        "SERVICE_NAME": "api-gateway",
        "HTTP_PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "LOG_LEVEL": "info",
        "RABBITMQ_HOSTS": at.running.address,
        "RABBITMQ_PORT": "5672",
        "RABBITMQ_VHOST": VHOST,
        "RABBITMQ_USER": "ecommerce",
        "RABBITMQ_PASSWORD": _PASSWORD,
        "RABBITMQ_HEARTBEAT_S": "30",
        "RABBITMQ_EXCHANGE_DIRECT": "ecommerce.direct",
        "RABBITMQ_EXCHANGE_TOPIC": "ecommerce.topic",
        "RABBITMQ_EXCHANGE_FANOUT": "ecommerce.fanout",
        "RABBITMQ_EXCHANGE_HEADERS": "ecommerce.headers",
        "RABBITMQ_EXCHANGE_DEAD_LETTER": "ecommerce.dead-letter",
        "WORKERS": "8",
        "JWT_SECRET": SECRET,
        "JWT_ISSUER": "auth-service",
        "JWT_AUDIENCE": "e-commerce",
        "SERVICES": "auth=auth-service,products=products-service,addresses=addresses-service",
        "REQUEST_TIMEOUT_S": "1",
        "MAX_IN_FLIGHT": "64",
        "MAX_BODY_BYTES": "65536",
        "RATE_LIMIT_PER_S": "0",
        "RATE_LIMIT_BURST": "10",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        **changes,
    }
    with log_path.open("wb") as log, requests.Session() as session:
        session.trust_env = False
        process = subprocess.Popen(
            [sys.executable, "-m", "sim.services", "api-gateway"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        made = Gateway(process, port, metrics_port, log_path, session)
        try:
            eventually(lambda: _is_ready(made), 20)
            yield made
        finally:
            process.kill()
            process.wait(10)


def _is_ready(made: Gateway) -> bool:
    if made.process.poll() is not None:
        pytest.fail(made.log_path.read_text(encoding="utf-8"))
    try:
        return made.get("/health/ready").status_code == 200
    except requests.ConnectionError:
        return False


def eventually(condition: Callable[[], object], within_s: float = 10.0) -> None:
    """Until it holds; fails the test when it never does."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s"
        time.sleep(0.02)


def token(user: str = "user-1", permissions: tuple[str, ...] = (), **changes: Any) -> dict[str, str]:
    """The Authorization header of somebody signed in."""
    now_s = int(time.time())
    claims = {
        "iss": "auth-service",
        "aud": "e-commerce",
        "sub": user,
        "jti": secrets.token_hex(8),
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 600,
        "email": f"{user}@example.com",
        "roles": ["customer"],
        "permissions": list(permissions),
        **changes,
    }
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
