"""The topology as it is declared, and dead letters as the broker tells of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from sim.services.chassis.amqp import Properties
from sim.services.chassis.confirms import ConfirmedPublisher
from sim.services.chassis.link import Link
from sim.services.chassis.logs import Logs
from sim.services.chassis.messaging import BrokerMessaging, _reborn, exchanges, read_dead_letter
from sim.services.chassis.settings import read_settings
from sim.services.contract.queues import service_queues
from tests.unit.services.chassis.environment import COMPLETE

BROKER = read_settings(COMPLETE).broker
DEPLOYMENTS = {key: f"{key}-service" for key in ("orders", "products", "payments", "newsletters")}


class _Channel:
    """Keeps what is declared, in order."""

    def __init__(self, done: list[tuple[str, Any]]) -> None:
        self.done = done

    def __getattr__(self, name: str) -> Any:
        async def operation(*arguments: Any) -> None:
            self.done.append((name, arguments))

        return operation

    def close(self) -> None:
        pass


class _Link:
    server_version = (4, 0, 5)

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []

    async def channel(self) -> _Channel:
        return _Channel(self.done)


def _declared() -> list[tuple[str, Any]]:
    async def declare() -> list[tuple[str, Any]]:
        link = _Link()
        logs = cast("Logs", type("Silent", (), {"log": staticmethod(lambda *_a, **_k: None)}))
        publisher = cast("ConfirmedPublisher", None)
        await BrokerMessaging(cast("Link", link), BROKER, DEPLOYMENTS, publisher, logs)._declare()
        return link.done

    return asyncio.run(declare())


def test_dead_letters_nobody_claims_have_a_place() -> None:
    """The dead-letter exchange is direct, and hands what has no queue there to a fanout declared before it."""
    names = [name for name, _, _ in exchanges(BROKER)]
    kinds = {name: (kind, dict(arguments)) for name, kind, arguments in exchanges(BROKER)}
    unclaimed = "ecommerce.dead-letter.unclaimed"
    assert kinds["ecommerce.dead-letter"] == ("direct", {"alternate-exchange": unclaimed})
    assert kinds[unclaimed] == ("fanout", {})
    assert names.index(unclaimed) < names.index("ecommerce.dead-letter")


def test_who_can_be_asked_finds_every_listeners_queue() -> None:
    """Dead-letter queues first, then events' queues, requests' queues last; each bound by its own name."""
    queues = [arguments[0] for name, arguments in _declared() if name == "queue_declare"]
    dead = [name for name in queues if name.endswith(".dead-letter")]
    events = [name for name in queues if name.endswith(".events")]
    requests = [name for name in queues if name in DEPLOYMENTS.values()]
    assert queues == ["ecommerce.dead-letter.queue", *dead, *events, *requests]
    assert len(requests) == len(dead) == 4
    assert {spec.name for spec in service_queues(DEPLOYMENTS)} == {*events, *requests}
    bound = [arguments for name, arguments in _declared() if name == "queue_bind"]
    assert ("orders-service", "ecommerce.direct", "orders-service", {}) in bound
    assert ("orders-service.dead-letter", "ecommerce.dead-letter", "orders-service", {}) in bound


def test_every_queue_is_a_quorum_queue_with_a_delivery_limit() -> None:
    """Five deliveries of a request or event; no limit for dead letters, which are looked at again and again."""
    arguments = {args[0]: args[1] for name, args in _declared() if name == "queue_declare"}
    assert {given["x-queue-type"] for given in arguments.values()} == {"quorum"}
    assert arguments["orders-service"]["x-delivery-limit"] == 5
    assert arguments["orders-service"]["x-dead-letter-routing-key"] == "orders-service"
    assert arguments["orders-service.dead-letter"]["x-delivery-limit"] == -1


DEATH = {"count": 1, "reason": "rejected", "queue": "orders-service", "time": datetime(2026, 1, 2, tzinfo=UTC)}
DEAD = Properties(
    message_id="m",
    type="request",
    headers={"x-death": [DEATH], "x-first-death-reason": "rejected", "x-delivery-count": 4, "path": "/x"},
)


def test_a_dead_letter_tells_why_it_died() -> None:
    """From the broker's own account; a message that only lies there tells nothing."""
    letter = read_dead_letter(DEAD, b"body")
    assert (letter.queue, letter.reason, letter.deaths, letter.kind) == ("orders-service", "rejected", 1, "request")
    assert letter.first_death_at_s == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert letter.headers == {"path": "/x"}
    assert read_dead_letter(Properties(), b"").reason == ""


def test_a_requeued_message_is_as_it_was_before_it_died() -> None:
    """Its headers without the broker's account, so that its deliveries are counted from the start."""
    again = _reborn(DEAD)
    assert (again.headers, again.message_id, again.type, again.delivery_mode) == ({"path": "/x"}, "m", "request", 2)
