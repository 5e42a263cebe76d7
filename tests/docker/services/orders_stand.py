"""Orders, deliveries and addresses as processes on real servers; baskets and products are played by the test."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pymysql

from sim.services.contract.events import EVENT_BY_NAME
from tests.docker.services import chassis_stand, content_stand, gateway_stand
from tests.docker.services.chassis_stand import Answer, Client, Process
from tests.docker.services.gateway_stand import Asked, Broker, eventually
from tests.docker.services.proxy import proxy
from tests.docker.test_servers.conftest import Running, container

ORDERS_USER = "orders"
KEYS = ("addresses", "deliveries", "orders")
ADDRESS = {
    "recipient": "Ada Lovelace",
    "line1": "1 rue de Rivoli",
    "postal_code": "75001",
    "city": "Paris",
    "country": "FR",
}
LINE = {"sku": "LAMP-1", "name": "Lamp", "quantity": 2, "unit_price_cents": 1250}
_PASSWORD = secrets.token_hex(12)
_INIT = "".join(
    f"CREATE DATABASE {key}_db;\nCREATE USER '{key}_user'@'%' IDENTIFIED BY '{_PASSWORD}';\n"
    f"GRANT ALL PRIVILEGES ON `{key}_db`.* TO '{key}_user'@'%';\n"
    for key in KEYS
)
_HEARD = (
    "order.placed",
    "order.cancelled",
    "delivery.created",
    "delivery.refused",
    "delivery.moved",
    "notification.order",
)


@dataclass(frozen=True)
class Person:
    user_id: str
    identity: str

    @staticmethod
    def new(*permissions: str) -> Person:
        user_id = str(uuid.uuid4())
        who = {"user_id": user_id, "email": f"{user_id[:8]}@example.com", "permissions": permissions}
        return Person(user_id, json.dumps(who))


@dataclass
class Shelf:
    """Baskets and products as a test wants them: ``baskets`` by user, ``reserve`` answers for every reservation."""

    baskets: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusal: tuple[int, Any] | None = None
    silent: bool = False
    reserved: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def show_basket(self, asked: Asked) -> tuple[int, Any]:
        user_id = json.loads(asked.header("identity"))["user_id"]
        empty = {"basket_id": str(uuid.uuid4()), "version": 0, "lines": [], "total_cents": 0, "currency": "EUR"}
        return 200, self.baskets.get(user_id, empty)

    def products(self, asked: Asked) -> tuple[int, Any] | None:
        if asked.header("method") == "DELETE":
            self.released.append(asked.header("path").rpartition("/")[2])
            return 204, None
        wanted = json.loads(asked.body)
        self.reserved.append(wanted["reservation_id"])
        if self.silent:
            return None
        if self.refusal is not None:
            return self.refusal
        lines = [{**LINE, "sku": line["sku"], "quantity": line["quantity"]} for line in wanted["lines"]]
        held = {"reservation_id": wanted["reservation_id"], "lines": lines, "currency": "EUR"}
        return 201, held | {"expires_at": "2100-01-01T00:00:00Z"}

    def fill(self, person: Person, version: int = 1) -> dict[str, Any]:
        """Two lamps in somebody's basket."""
        basket = {
            "basket_id": str(uuid.uuid5(uuid.NAMESPACE_OID, person.user_id)),
            "version": version,
            "lines": [LINE],
            "total_cents": 2500,
            "currency": "EUR",
        }
        self.baskets[person.user_id] = basket
        return basket


@dataclass
class Stand:
    """``said`` is every event told since the stand was raised, as (name, payload)."""

    broker: Broker
    mysql: Running
    redis: Running
    shelf: Shelf
    client: Client
    start: Callable[[str], Process]
    orders: Process
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def ask(
        self, key: str, method: str, path: str, body: Any = None, *, who: Person | None = None, **named: Any
    ) -> Answer:
        if who is not None:
            named["identity"] = who.identity
        return self.client.ask(method, path, body, service=f"{key}-service", **named)

    def address(self, person: Person, **changes: str) -> str:
        made = self.ask("addresses", "POST", "", ADDRESS | changes, who=person)
        assert made.status == 201, made
        return str(made.document["address_id"])

    def checkout(self, person: Person, *, version: int = 1, **address: str) -> dict[str, Any]:
        """An order of two lamps."""
        self.shelf.fill(person, version)
        placed = self.ask("orders", "POST", "/checkout", {"address_id": self.address(person, **address)}, who=person)
        assert placed.status == 201, placed
        order: dict[str, Any] = placed.document
        return order

    def order(self, order_id: str, person: Person) -> dict[str, Any]:
        shown = self.ask("orders", "GET", f"/{order_id}", who=person)
        assert shown.status == 200, shown
        order: dict[str, Any] = shown.document
        return order

    def when(self, order_id: str, person: Person, **expected: Any) -> dict[str, Any]:
        """The order once these of its fields are so."""
        seen: list[dict[str, Any]] = []

        def is_so() -> bool:
            seen.append(self.order(order_id, person))
            return all(seen[-1][name] == value for name, value in expected.items())

        try:
            eventually(is_so)
        except AssertionError as error:
            raise AssertionError(f"{expected} never came: {seen[-1]}") from error
        return seen[-1]

    def steps(self, order: Mapping[str, Any]) -> dict[str, str]:
        return {step["step"]: step["status"] for step in order["steps"]}

    def told(self, name: str, order_id: str) -> list[dict[str, Any]]:
        """Every such event about this order up to now."""
        self.said += [(properties.type, json.loads(body)) for properties, body in self.client.take("ears")]
        return [
            payload
            for event, payload in self.said
            if event == name and order_id in {payload.get("order_id"), payload.get("reference")}
        ]

    def kill_orders(self) -> None:
        """At once, and without a word to anybody."""
        self.orders.process.kill()
        self.orders.process.wait(10)

    def start_orders(self) -> None:
        self.orders = self.start("orders")
        eventually(self.orders.is_ready, 30)

    def rows(self, key: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with (
            pymysql.connect(
                host=self.mysql.address, user=f"{key}_user", password=_PASSWORD, database=f"{key}_db"
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, values)
            return list(cursor.fetchall())


@contextmanager
def standing(logs: Path) -> Iterator[Stand]:
    """Everything ready when the ``with`` begins; ``logs`` gets a file a process."""
    with ExitStack() as stack:
        engine = docker.from_env(timeout=60)
        stack.callback(engine.close)
        mysql = stack.enter_context(
            container(engine, "mysql", ("sh", "-c", content_stand._START), files={"/run/init.sql": _INIT}, user="root")
        )
        redis = stack.enter_context(container(engine, "redis", content_stand._REDIS))
        broker = stack.enter_context(gateway_stand.broker())
        mysql.wait_ready(lambda: _refused(mysql), 60)
        shelf = Shelf()
        for name, behave in (("baskets-service", shelf.show_basket), ("products-service", shelf.products)):
            stack.enter_context(gateway_stand.service(broker, name, behave))
        broker.control("add_user", ORDERS_USER, _PASSWORD)
        allow(broker, events=True)
        to_broker = stack.enter_context(proxy(lambda: (broker.running.address, 5672)))
        to_database = stack.enter_context(proxy(lambda: (mysql.address, 3306)))
        base = chassis_stand.Stand(broker, mysql, (to_broker, to_broker), to_database, logs)

        def start(key: str) -> Process:
            login = {"RABBITMQ_USER": ORDERS_USER, "RABBITMQ_PASSWORD": _PASSWORD} if key == "orders" else {}
            return stack.enter_context(
                base.service(
                    f"{key}-service",
                    ready=False,
                    SERVICES=",".join(f"{each}={each}-service" for each in (*KEYS, "messages-broker")),
                    DB_DATABASE=f"{key}_db",
                    DB_USERNAME=f"{key}_user",
                    DB_PASSWORD=_PASSWORD,
                    REDIS_HOST=redis.address,
                    REDIS_PORT="6379",
                    REDIS_USERNAME="default",
                    REDIS_PASSWORD=content_stand._CACHE_PASSWORD,
                    REDIS_PREFIX=f"{key}-service:",
                    **login,
                )
            )

        processes = {key: start(key) for key in ("messages-broker", *KEYS)}
        eventually(lambda: all(process.is_ready() for process in processes.values()), 30)
        client = Client(broker)
        stack.callback(client.close)
        _listen(client.channel)
        yield Stand(broker, mysql, redis, shelf, client, start, processes["orders"])


def allow(broker: Broker, *, events: bool) -> None:
    """Whether the orders service may publish events; requests and replies it always may."""
    write = ".*" if events else r"^(?!ecommerce\.(topic|headers)$).*"
    broker.control("set_permissions", "-p", gateway_stand.VHOST, ORDERS_USER, ".*", write, ".*")
    # An open channel goes by the permissions it has seen.
    broker.control("close_all_user_connections", ORDERS_USER, "permissions")


def _listen(channel: Any) -> None:
    channel.queue_declare("ears", durable=True, arguments={"x-queue-type": "quorum"})
    for name in _HEARD:
        event = EVENT_BY_NAME[name]
        arguments = {"x-match": "all", **event.attributes} if event.exchange == "headers" else None
        channel.queue_bind("ears", f"ecommerce.{event.exchange}", name, arguments)


def _refused(mysql: Running) -> str | None:
    try:
        pymysql.connect(
            host=mysql.address, user="orders_user", password=_PASSWORD, database="orders_db", connect_timeout=2
        ).close()
    except pymysql.err.MySQLError as error:
        return str(error)
    return None
