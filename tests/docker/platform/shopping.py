"""A shop as its tests use it: through the gateway, over the broker as another service, and in its databases."""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
import pika
import requests

from sim.runtime.pods import filled
from sim.runtime.stack import LiveStack
from sim.services.chassis.database import Database
from sim.services.chassis.service import Event, Transaction
from sim.services.chassis.settings import DatabaseSettings
from sim.services.chassis.transaction import SqlTransaction
from sim.services.contract import message
from sim.services.contract.route import Route

_TIMEOUT_S = 20.0
_DEADLINE_S = 20.0


@dataclass(frozen=True)
class Answer:
    status: int
    document: Any


@dataclass
class Shop:
    """``environment`` is what a service of that name is given, with addresses as they are reached from here."""

    url: str
    password: str
    environment: Callable[[str], Mapping[str, str]]
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def of(cls, platform: LiveStack, url: str) -> Shop:
        def environment(name: str) -> dict[str, str]:
            spec = platform.plan.server(name)
            given = {key: filled(value, platform.secrets) for key, value in spec.environment.items()}
            for host, port, server, published in (
                ("DB_HOST", "DB_PORT", f"{name}-mysql", "mysql"),
                ("RABBITMQ_HOSTS", "RABBITMQ_PORT", platform.plan.of_kind("rabbitmq")[0].name, "amqp"),
            ):
                if host in given:
                    endpoint = platform.engine.endpoint(server, published)
                    given |= {host: endpoint.host, port: str(endpoint.port)}
            return given

        return cls(url, platform.secrets["AUTH_SERVICE_ADMIN_PASSWORD"], environment)

    def call(self, method: str, path: str, body: Any = None, *, token: str = "", **query: str) -> Answer:
        """Patient with the rate limit, and with nothing else."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        got = eventually(
            lambda: self.session.request(
                method, f"{self.url}/api/{path}", json=body, headers=headers, params=query, timeout=_TIMEOUT_S
            ),
            lambda answer: answer.status_code != 429,
        )
        return Answer(got.status_code, got.json() if got.content else None)

    def signed_in(self, email: str, password: str) -> str:
        answer = self.call("POST", "auth/login", {"email": email, "password": password})
        assert answer.status == 200, answer
        return str(answer.document["access_token"])

    def administrator(self) -> str:
        return self.signed_in("admin@example.com", self.password)

    def newcomer(self) -> str:
        """The access token of a customer just registered."""
        email = f"{secrets.token_hex(6)}@example.com"
        answer = self.call("POST", "auth/register", {"email": email, "password": "a long password", "name": "Newcomer"})
        assert answer.status == 201, answer
        return self.signed_in(email, "a long password")

    def product(self, token: str, *, stock: int = 0, **changes: object) -> str:
        """The SKU of a new product in a category of its own, unless one is named."""
        sku = f"T-{secrets.token_hex(5).upper()}"
        category = changes.setdefault("category", f"c{secrets.token_hex(5)}")
        created = self.call("POST", "products/categories", {"slug": category, "name": f"Of {category}"}, token=token)
        assert created.status in {201, 409}, created
        draft = {"sku": sku, "name": f"Thing {sku}", "unit_price_cents": 500} | changes
        answer = self.call("POST", "products", draft, token=token)
        assert answer.status == 201, answer
        if stock:
            self.receive(token, sku, stock)
        return sku

    def receive(self, token: str, sku: str, change: int) -> None:
        answer = self.call("POST", f"products/{sku}/stock", {"change": change, "reason": "received"}, token=token)
        assert answer.status == 200, answer

    def stock(self, token: str, sku: str) -> dict[str, Any]:
        answer = self.call("GET", f"products/{sku}/stock", token=token)
        assert answer.status == 200, answer
        document: dict[str, Any] = answer.document
        return document

    def ask(self, route: Route, bodies: Sequence[object], *, path: str = "", message_id: str = "") -> list[Answer]:
        """All at once, as the orders service would: straight to the service's queue, replies in order of bodies."""
        given = self.environment("orders-service")
        parameters = pika.ConnectionParameters(
            given["RABBITMQ_HOSTS"].split(",")[0],
            int(given["RABBITMQ_PORT"]),
            given["RABBITMQ_VHOST"],
            pika.PlainCredentials(given["RABBITMQ_USER"], given["RABBITMQ_PASSWORD"]),
        )
        answers: dict[str, Answer] = {}

        def on_reply(_channel: Any, _method: Any, properties: Any, body: bytes) -> None:
            answers[properties.correlation_id] = Answer(
                int(properties.headers[message.STATUS]), json.loads(body) if body else None
            )

        with pika.BlockingConnection(parameters) as connection:
            channel = connection.channel()
            channel.basic_consume(message.DIRECT_REPLY_TO, on_reply, auto_ack=True)
            for number, body in enumerate(bodies):
                properties = pika.BasicProperties(
                    type=message.REQUEST,
                    message_id=message_id or str(uuid.uuid4()),
                    correlation_id=str(number),
                    reply_to=message.DIRECT_REPLY_TO,
                    headers={
                        message.METHOD: route.method,
                        message.PATH: path or route.path,
                        message.QUERY: "",
                        message.DEADLINE: int((time.time() + _DEADLINE_S) * 1000),
                    },
                )
                payload = b"" if body is None else msgspec.json.encode(body)
                channel.basic_publish(
                    given["RABBITMQ_EXCHANGE_DIRECT"], f"{route.service}-service", payload, properties
                )
            deadline_s = time.monotonic() + _DEADLINE_S
            while len(answers) < len(bodies) and time.monotonic() < deadline_s:
                connection.process_data_events(0.2)
        return [answers[str(number)] for number in range(len(bodies))]

    @contextmanager
    def undone(self, key: str) -> Iterator[Transaction]:
        """A transaction of the service's own on its database, rolled back at the end."""
        given = self.environment(f"{key}-service")
        settings = DatabaseSettings(
            given["DB_HOST"], int(given["DB_PORT"]), given["DB_DATABASE"], given["DB_USERNAME"], given["DB_PASSWORD"]
        )
        database = Database(settings, log=lambda *_words, **_fields: None, random=Random())  # noqa: S311 - of its backoff
        # Closed without a commit on the way out of an exception.
        with suppress(_Undo), database.migrating() as session:
            yield SqlTransaction(session, key, None)
            _undo()


class _Undo(Exception):  # noqa: N818 - a way out, not an error
    pass


def _undo() -> None:
    raise _Undo


@dataclass
class Marks:
    """A cache that only remembers what was said to be out of date."""

    keys: list[str] = field(default_factory=list)

    def set(self, key: str, _value: bytes, _expires_s: int) -> None:
        self.keys.append(key)


def event(name: str, payload: msgspec.Struct, cache: Marks | None = None) -> Event:
    context: Any = SimpleNamespace(cache=cache or Marks())
    return Event(name, str(uuid.uuid4()), payload, "orders-service", time.time(), context)


def emitted(tx: Transaction) -> list[tuple[str, dict[str, Any]]]:
    """Events in the outbox that this transaction put there (others are published and gone)."""
    return [(row["event"], json.loads(row["body"])) for row in tx.rows("SELECT * FROM outbox ORDER BY 1")]


def eventually(look: Callable[[], Any], enough: Callable[[Any], bool], deadline_s: float = _DEADLINE_S) -> Any:
    """What is seen once it is enough. Fails with what was seen last."""
    until_s = time.monotonic() + deadline_s
    while True:
        seen = look()
        if enough(seen):
            return seen
        assert time.monotonic() < until_s, seen
        time.sleep(0.05)


def png(content: bytes = b"a picture") -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()
