"""The call itself: whether a service may be asked now, the question, and what no answer means."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sim.services.chassis.caller import Caller, RawReply, TimedOut, Unavailable, Unsure
from sim.services.gateway.circuits import Circuit, Pass, State
from sim.services.gateway.refusals import Refusal

_BROKER_RETRY_S: Final = 1.0
_BUSY_RETRY_S: Final = 1.0
_UNROUTABLE_RETRY_S: Final = 2.0
_RECONNECTION_S: Final = 2.0
_LOOK_AGAIN_S: Final = 0.02
_TROUBLE: Final = frozenset({503, 504})
"""A service's own answers that its circuit counts as failures."""


@dataclass(slots=True)
class Destination:
    """A service as the gateway sees it; ``in_flight`` are its requests under way from this pod."""

    key: str
    deployment: str
    circuit: Circuit
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """What is put to a service; ``safe`` to put twice, because it changes nothing."""

    method: str
    path: str
    query: str
    body: bytes
    identity: str | None
    message_id: str
    traceparent: str
    safe: bool


class Forwarder:
    """``max_in_flight`` bounds each destination apart, so that a slow service takes no other's room."""

    def __init__(
        self, caller: Caller, destinations: Mapping[str, Destination], *, timeout_s: float, max_in_flight: int
    ) -> None:
        self._caller = caller
        self._timeout_s = timeout_s
        self._max_in_flight = max_in_flight
        self.destinations = destinations

    async def ask(self, service: str, question: Question) -> RawReply:
        """Raises Refusal 503 or 504. Whoever cancels this frees the slot."""
        destination = self.destinations[service]
        if not self._caller.is_ready:
            raise _broker_gone()
        if destination.in_flight >= self._max_in_flight:
            raise Refusal(
                503,
                "overloaded",
                f"{destination.deployment} has {self._max_in_flight} requests under way already.",
                retry_after_s=_BUSY_RETRY_S,
                service=service,
            )
        leave = destination.circuit.ask()
        if leave is None:
            raise Refusal(
                503,
                "circuit-open",
                f"{destination.deployment} has not been answering: its circuit is open.",
                retry_after_s=destination.circuit.retry_after_s(),
                service=service,
                circuit=State.OPEN.name.lower(),
            )
        destination.in_flight += 1
        try:
            reply = await self._outcome(destination, question, leave)
        except BaseException:
            # After succeeded() or failed() this changes nothing.
            destination.circuit.abandoned(leave)
            raise
        finally:
            destination.in_flight -= 1
        if reply.status in _TROUBLE:
            destination.circuit.failed(leave)
        else:
            destination.circuit.succeeded(leave)
        return reply

    async def _outcome(self, destination: Destination, question: Question, leave: Pass) -> RawReply:
        deadline_s = time.monotonic() + self._timeout_s
        try:
            return await self._put(destination, question, self._timeout_s, leave)
        except Unsure:
            # The connection went while the answer was awaited: what changes nothing is put once more.
            if not question.safe or not await self._reconnected(deadline_s):
                raise _answer_lost(destination) from None
        try:
            return await self._put(destination, question, max(0.05, deadline_s - time.monotonic()), leave)
        except Unsure:
            raise _answer_lost(destination) from None

    async def _put(self, destination: Destination, question: Question, timeout_s: float, leave: Pass) -> RawReply:
        try:
            return await self._caller.ask(
                destination.deployment,
                question.method,
                question.path,
                query=question.query,
                body=question.body,
                identity_json=question.identity,
                message_id=question.message_id,
                traceparent=question.traceparent,
                timeout_s=timeout_s,
            )
        except TimedOut:
            destination.circuit.failed(leave)
            raise Refusal(
                504,
                "timeout",
                f"{destination.deployment} did not answer within {self._timeout_s:g} s; it may have done it.",
                service=destination.key,
            ) from None
        except Unavailable:
            if not self._caller.is_ready:
                raise _broker_gone() from None
            destination.circuit.failed(leave)
            raise Refusal(
                503,
                "unroutable",
                f"{destination.deployment} has no queue to be asked through.",
                retry_after_s=_UNROUTABLE_RETRY_S,
                service=destination.key,
            ) from None

    async def _reconnected(self, deadline_s: float) -> bool:
        until_s = min(deadline_s, time.monotonic() + _RECONNECTION_S)
        while not self._caller.is_ready:
            if time.monotonic() >= until_s:
                return False
            await asyncio.sleep(_LOOK_AGAIN_S)
        return True


def _broker_gone() -> Refusal:
    return Refusal(
        503,
        "broker-unreachable",
        "The message broker cannot be reached or takes no messages at the moment.",
        retry_after_s=_BROKER_RETRY_S,
    )


def _answer_lost(destination: Destination) -> Refusal:
    return Refusal(
        504,
        "answer-lost",
        f"The connection to the broker went before {destination.deployment} answered; it may have done it.",
        service=destination.key,
    )
