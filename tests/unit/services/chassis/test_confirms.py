"""A message is confirmed, or whoever published it hears that it is not, and whether it may have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from sim.services.chassis.amqp import Properties
from sim.services.chassis.confirms import ConfirmedPublisher, NotConfirmed
from sim.services.chassis.link import Link


class Wire:
    """A link and its channel in one; ``tell`` and ``returned`` are the broker's voice."""

    def __init__(self) -> None:
        self.is_up, self.state, self.reason = True, "up", ""
        self.sent: list[Any] = []
        self.settle: Any = None
        self.returned: Any = None

    def keep_channel(self, _name: str, set_up: Any, lost: Any) -> None:
        self.set_up, self.lost = set_up, lost

    def on_returned(self, returned: Any) -> None:
        self.returned = returned

    async def confirm(self, settled: Any) -> None:
        self.settle = settled

    def tell(self, tag: int, *, multiple: bool = False, acknowledged: bool = True) -> None:
        self.settle(tag, multiple, acknowledged)

    def publish(self, _exchange: str, _key: str, _body: bytes, properties: Any, *, mandatory: bool) -> None:
        assert mandatory
        self.sent.append(properties)


def _play(scene: Callable[[Wire, list[asyncio.Task[None]]], Awaitable[None]]) -> list[str]:
    """Three messages published; how each ended."""

    async def play() -> list[str]:
        wire = Wire()
        publisher = ConfirmedPublisher(cast("Link", wire))
        await wire.set_up(wire)
        tasks = [
            asyncio.ensure_future(publisher.publish("x", "k", b"", Properties(message_id=f"m-{n}"))) for n in range(3)
        ]
        await asyncio.sleep(0)
        await scene(wire, tasks)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [_said(result) for result in results]

    return asyncio.run(play())


def _said(result: object) -> str:
    if isinstance(result, NotConfirmed):
        return "unsure" if result.unsure else "no"
    return "yes" if result is None else repr(result)


def test_one_frame_may_confirm_many() -> None:
    """``multiple`` settles everything up to its tag."""

    async def scene(wire: Wire, _tasks: Any) -> None:
        wire.tell(3, multiple=True)

    assert _play(scene) == ["yes", "yes", "yes"]


def test_confirms_come_in_any_order() -> None:
    """A later tag alone leaves the earlier ones open; a nack is a no."""

    async def scene(wire: Wire, _tasks: Any) -> None:
        wire.tell(2)
        wire.tell(1, acknowledged=False)
        wire.tell(3)

    assert _play(scene) == ["no", "yes", "yes"]


def test_a_returned_message_is_not_confirmed() -> None:
    """The broker acknowledges what it could not route, after it has sent it back."""

    async def scene(wire: Wire, _tasks: Any) -> None:
        wire.returned(wire.sent[1], b"")
        wire.tell(3, multiple=True)

    assert _play(scene) == ["yes", "no", "yes"]


def test_what_the_channel_takes_with_it_is_unsure() -> None:
    """It may have arrived: published again it is a duplicate, not published it is lost."""

    async def scene(wire: Wire, _tasks: Any) -> None:
        wire.tell(1)
        wire.lost("gone")

    assert _play(scene) == ["yes", "unsure", "unsure"]


def test_without_a_channel_nothing_is_published() -> None:
    """Surely not: the same message can be tried later."""

    async def play() -> None:
        wire = Wire()
        publisher = ConfirmedPublisher(cast("Link", wire))
        with pytest.raises(NotConfirmed) as raised:
            await publisher.publish("x", "k", b"", Properties(message_id="m"))
        assert (raised.value.unsure, publisher.is_ready, wire.sent) == (False, False, [])

    asyncio.run(play())
