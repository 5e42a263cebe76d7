"""A question ends in exactly one of: an answer, surely not done, unsure. Nothing of it stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from sim.services.chassis.amqp import ChannelClosed, Properties
from sim.services.chassis.caller import Caller, RawReply, TimedOut, Unavailable, Unsure
from sim.services.chassis.link import Link


class Wire:
    """A link and its channel in one, that keep what is published."""

    def __init__(self) -> None:
        self.is_up, self.is_open, self.state, self.reason = True, True, "up", ""
        self.sent: list[Any] = []
        self.returned: Any = None
        self.heard: Any = None

    def keep_channel(self, _name: str, set_up: Any, lost: Any) -> None:
        self.set_up, self.lost = set_up, lost

    def on_returned(self, returned: Any) -> None:
        self.returned = returned

    async def consume(self, _queue: str, heard: Any, *, auto_ack: bool) -> str:
        assert auto_ack
        self.heard = heard
        return "tag"

    def publish(self, exchange: str, key: str, body: bytes, properties: Any, *, mandatory: bool) -> None:
        if not self.is_open:
            raise ChannelClosed(0, "gone")
        self.sent.append((exchange, key, body, properties, mandatory))

    def answer(self, number: int, headers: dict[str, Any] | None) -> None:
        properties = Properties(correlation_id=self.sent[number][3].correlation_id, headers=headers)
        self.heard(None, None, properties, b"{}")


def _ask(caller: Caller, timeout_s: float = 5.0) -> Awaitable[RawReply]:
    return asyncio.ensure_future(
        caller.ask(
            "orders-service",
            "GET",
            "/x",
            query="",
            body=b"",
            identity_json=None,
            message_id="m",
            traceparent="t",
            timeout_s=timeout_s,
        )
    )


def _play(scene: Callable[[Wire, Caller], Awaitable[None]]) -> Caller:
    async def play() -> Caller:
        wire = Wire()
        caller = Caller(cast("Link", wire), "ecommerce.direct", "api-gateway")
        await wire.set_up(wire)
        await scene(wire, caller)
        return caller

    return asyncio.run(play())


def test_answers_find_their_own_questions() -> None:
    """In whatever order they come; what was asked is mandatory, and says who asks and until when."""

    async def scene(wire: Wire, caller: Caller) -> None:
        first, second = _ask(caller), _ask(caller)
        await asyncio.sleep(0)
        assert caller.in_flight["orders-service"] == 2
        wire.answer(1, {"status": 201})
        wire.answer(0, {"status": 200, "retry-after": 3})
        assert [(await first).status, (await second).status] == [200, 201]
        assert (await first).retry_after_s == 3
        exchange, key, _, properties, mandatory = wire.sent[0]
        assert (exchange, key, mandatory, properties.app_id) == (
            "ecommerce.direct",
            "orders-service",
            True,
            "api-gateway",
        )
        assert properties.headers["deadline"] > 10**12

    assert _play(scene).in_flight["orders-service"] == 0


def test_an_answer_after_its_time_is_counted_and_dropped() -> None:
    """The asker has gone with TimedOut, which leaves it unsure."""

    async def scene(wire: Wire, caller: Caller) -> None:
        with pytest.raises(TimedOut):
            await _ask(caller, timeout_s=0.01)
        wire.answer(0, {"status": 200})
        assert caller.late == 1

    assert _play(scene).in_flight["orders-service"] == 0


def test_a_question_no_queue_takes_is_surely_not_done() -> None:
    """At once, not at its deadline."""

    async def scene(wire: Wire, caller: Caller) -> None:
        asked = _ask(caller)
        await asyncio.sleep(0)
        wire.returned(wire.sent[0][3], b"")
        with pytest.raises(Unavailable):
            await asked

    _play(scene)


def test_a_lost_channel_leaves_its_questions_unsure_and_refuses_new_ones() -> None:
    """Those under way may have been done; new ones surely were not."""

    async def scene(wire: Wire, caller: Caller) -> None:
        asked = _ask(caller)
        await asyncio.sleep(0)
        wire.lost("gone")
        with pytest.raises(Unsure):
            await asked
        with pytest.raises(Unavailable):
            await _ask(caller)
        await wire.set_up(wire)
        wire.is_open = False
        with pytest.raises(Unavailable):
            await _ask(caller)

    assert _play(scene).in_flight["orders-service"] == 0


def test_a_blocked_broker_is_not_asked() -> None:
    """It takes messages some time later, when nobody waits for them any more."""

    async def scene(wire: Wire, caller: Caller) -> None:
        wire.is_up = False
        with pytest.raises(Unavailable):
            await _ask(caller)
        assert wire.sent == []

    _play(scene)


@pytest.mark.parametrize("headers", [None, {}, {"status": "200"}, {"status": 42}])
def test_an_answer_without_a_status_is_none(headers: dict[str, Any] | None) -> None:
    """Something was done, but nobody knows what."""

    async def scene(wire: Wire, caller: Caller) -> None:
        asked = _ask(caller)
        await asyncio.sleep(0)
        wire.answer(0, headers)
        with pytest.raises(Unsure):
            await asked

    _play(scene)
