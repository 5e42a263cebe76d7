"""A stack with just some services, and a client that asks them over the broker as the gateway does."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pika
import pymysql
import requests

from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached

_UP_TIMEOUT_S = 300
_DOWN_TIMEOUT_S = 120
_ANSWER_S = 8.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


def identity(email: str, *permissions: str) -> Mapping[str, Any]:
    """Somebody new, as the gateway says who calls."""
    return {"user_id": str(uuid.uuid4()), "email": email, "permissions": list(permissions)}


@dataclass
class Stand:
    """One stack and one connection to its broker."""

    stack: LiveStack
    connection: pika.BlockingConnection
    channel: Any = field(init=False)
    _replies: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.channel = self.connection.channel()
        self.channel.basic_consume("amq.rabbitmq.reply-to", self._heard, auto_ack=True)

    def ask(
        self,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        who: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The service's answer. Fails when there is none within its deadline."""
        correlation = str(uuid.uuid4())
        headers = {
            "method": method,
            "path": path,
            "query": urlencode(query or {}),
            "deadline": int((time.time() + _ANSWER_S) * 1000),
        }
        if who is not None:
            headers["identity"] = json.dumps(who)
        self.channel.basic_publish(
            "ecommerce.direct",
            service,
            b"" if body is None else json.dumps(body).encode(),
            pika.BasicProperties(
                type="request",
                message_id=str(uuid.uuid4()),
                correlation_id=correlation,
                reply_to="amq.rabbitmq.reply-to",
                headers=headers,
            ),
        )
        end_s = time.monotonic() + _ANSWER_S + 2
        while correlation not in self._replies:
            assert time.monotonic() < end_s, f"{service} does not answer {method} {path}"
            self.connection.process_data_events(time_limit=0.05)
        return self._replies.pop(correlation)

    def tell(
        self, event: str, exchange: str, payload: Mapping[str, Any], *, message_id: str = "", **properties: Any
    ) -> None:
        """Publish an event as a service would."""
        self.channel.basic_publish(
            f"ecommerce.{exchange}",
            event if exchange == "topic" else "",
            json.dumps(payload).encode(),
            pika.BasicProperties(
                type=event,
                message_id=message_id or str(uuid.uuid4()),
                app_id="test",
                delivery_mode=2,
                **{"timestamp": int(time.time()), **properties},
            ),
        )

    def until(self, what: str, condition: Callable[[], Any], *, within_s: float) -> Any:
        """The condition's first truthy value."""
        end_s = time.monotonic() + within_s
        while True:
            found = condition()
            if found:
                return found
            assert time.monotonic() < end_s, f"not within {within_s} s: {what}"
            self.connection.process_data_events(time_limit=0.1)

    def follow(self, method: str, url: str, content: bytes = b"", **headers: str) -> requests.Response:
        """A pre-signed URL from outside: at the store's published port, under the name it was signed for."""
        parts = urlsplit(url)
        store = self.stack.plan.of_kind("object-store")[0]
        at = self.stack.engine.endpoint(store.name, "s3")
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return requests.request(
            method,
            f"http://{at.host}:{at.port}{path}",
            data=content,
            headers={"Host": parts.netloc, **headers},
            timeout=10,
        )

    def execute(self, database: str, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """As the service's own user, each row in one transaction."""
        server = self.stack.plan.server(database)
        at = self.stack.engine.endpoint(database, "mysql")
        connection = pymysql.connect(
            host=at.host,
            port=at.port,
            user=server.facts["user"],
            password=self.stack.secrets[server.facts["password_secret"]],
            database=server.facts["schema"],
        )
        with connection, connection.cursor() as cursor:
            cursor.executemany(sql, rows)
            connection.commit()

    def _heard(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        decoded = json.loads(body) if body else None
        self._replies[properties.correlation_id] = Answer(properties.headers["status"], decoded)


@contextmanager
def standing(state: Path, *services: str) -> Iterator[Stand]:
    """The services and what they need, up until the ``with`` ends; the stack's files are kept in ``state``."""
    name = f"test-services-{secrets.token_hex(3)}"
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(state)
    try:
        _sim("up", "--stack", name, "--only", ",".join(services), timeout_s=_UP_TIMEOUT_S)
        stack = attached(connect(), name)
        node = stack.plan.of_kind("rabbitmq")[0]
        at = stack.engine.endpoint(node.name, "amqp")
        login = pika.PlainCredentials(node.facts["user"], stack.secrets[node.facts["password_secret"]])
        parameters = pika.ConnectionParameters(at.host, at.port, node.facts["vhost"], login, heartbeat=0)
        with pika.BlockingConnection(parameters) as connection:
            yield Stand(stack, connection)
    finally:
        _sim("down", "--stack", name, timeout_s=_DOWN_TIMEOUT_S)
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


def _sim(*words: str, timeout_s: float) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sim", *words], check=False, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, f"sim {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
