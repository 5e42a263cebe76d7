"""A head and its body leave together; nothing that was written is lost to what comes after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sim.services.gateway.gathering import Gathering


class _Wire:
    """A transport that remembers what was done to it."""

    def __init__(self) -> None:
        self.done: list[object] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("closed")

    def get_extra_info(self, name: str) -> str:
        return f"its {name}"


def _done(*turns: Callable[[Gathering], None]) -> list[object]:
    async def run() -> list[object]:
        wire = _Wire()
        gathering = Gathering(wire, asyncio.get_running_loop())
        for turn in turns:
            turn(gathering)
            await asyncio.sleep(0)
        return wire.done

    return asyncio.run(run())


def _answer(transport: Gathering) -> None:
    transport.write(b"head ")
    transport.write(b"body")


def test_what_one_turn_writes_is_sent_at_once_and_the_next_turns_after_it() -> None:
    """In order, and once."""
    assert _done(_answer, _answer) == [b"head body", b"head body"]
    assert _done(lambda _: None) == []


def test_who_closes_sends_first_what_was_written() -> None:
    """An answer with ``Connection: close``, and a refusal that half-closes."""

    def answer_and_close(transport: Gathering) -> None:
        _answer(transport)
        transport.close()

    def answer_and_half_close(transport: Gathering) -> None:
        _answer(transport)
        transport.write_eof()

    assert _done(answer_and_close) == [b"head body", "closed"]
    assert _done(answer_and_half_close, Gathering.close) == [b"head body", "eof", "closed"]


def test_everything_else_is_the_transports_own() -> None:
    """Addresses, flow control, whether it is closing."""

    async def ask() -> str:
        return str(Gathering(_Wire(), asyncio.get_running_loop()).get_extra_info("peername"))

    assert asyncio.run(ask()) == "its peername"
