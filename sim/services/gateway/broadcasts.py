"""Revoked tokens as they are broadcast, through a queue of this pod, and the list of them after each connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any, Final
from uuid import uuid4

import msgspec

from sim.services.auth.api import LIST_REVOCATIONS, RevocationList
from sim.services.chassis.amqp import Channel
from sim.services.chassis.backoff import Backoff
from sim.services.chassis.caller import Caller, Unavailable, Unsure
from sim.services.chassis.link import Link, Log
from sim.services.chassis.tracing import continue_trace
from sim.services.contract.events import SessionRevoked
from sim.services.contract.queues import broadcasts_queue
from sim.services.gateway.revocations import Revocations

_EVENT: Final = "session.revoked"
_PREFETCH: Final = 100
_UNUSED_FOR_MS: Final = 600_000
"""A pod that does not come back leaves its queue behind for ten minutes, and one that does has missed nothing."""
_ARGUMENTS: Final[Mapping[str, Any]] = {"x-queue-type": "quorum", "x-expires": _UNUSED_FOR_MS}
_LIST_TIMEOUT_S: Final = 3.0
_LONGEST_WAIT_S: Final = 15.0


class Broadcasts:
    """``listed`` is whether auth's list was had since the last connection.

    ``caller`` must not speak as the gateway: what the gateway asks for a client is refused internal routes.
    """

    def __init__(
        self,
        link: Link,
        caller: Caller,
        revocations: Revocations,
        *,
        pod: str,
        exchange: str,
        auth: str,
        log: Log,
        random: Random,
    ) -> None:
        self._queue = broadcasts_queue(pod)
        self._exchange = exchange
        self._caller = caller
        self._auth = auth
        self._revocations = revocations
        self._log = log
        self._random = random
        self._listing: asyncio.Task[None] | None = None
        self._channel: Channel | None = None
        self.listed = False
        link.keep_channel("broadcasts", self._set_up, self._lost)

    async def _set_up(self, channel: Channel) -> None:
        await channel.queue_declare(self._queue, _ARGUMENTS)
        await channel.queue_bind(self._queue, self._exchange, "", {})
        await channel.prefetch(_PREFETCH)
        self._channel = channel
        await channel.consume(self._queue, self._on_message)
        # From here on nothing is missed, so what the list lacks will be broadcast.
        self._stop_listing()
        self._listing = asyncio.get_running_loop().create_task(self._list(), name="revocations")

    def _lost(self, _reason: str) -> None:
        self._channel = None
        self.listed = False
        self._stop_listing()

    def _stop_listing(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
            self._listing = None

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        if properties.type == _EVENT:
            try:
                self._revocations.add(msgspec.json.decode(body, type=SessionRevoked))
            except (msgspec.DecodeError, RecursionError) as error:
                self._log("warning", "undecodable broadcast", type=_EVENT, reason=str(error)[:200])
        # A broadcast reaches everybody; what is not for the gateway it has heard all the same.
        if self._channel is not None:
            self._channel.ack(method.delivery_tag)

    async def _list(self) -> None:
        """Until auth answers: it may start after the gateway, or be gone when the gateway comes back."""
        backoff = Backoff(self._random, longest_s=_LONGEST_WAIT_S)
        while True:
            try:
                reply = await self._caller.ask(
                    self._auth,
                    LIST_REVOCATIONS.method,
                    LIST_REVOCATIONS.path,
                    query="",
                    body=b"",
                    identity_json=None,
                    message_id=str(uuid4()),
                    traceparent=continue_trace(None).traceparent,
                    timeout_s=_LIST_TIMEOUT_S,
                )
                if reply.status == LIST_REVOCATIONS.status:
                    break
                reason = f"answered {reply.status}"
            except (Unavailable, Unsure) as error:
                reason = str(error)
            self._log("debug", "revocations not listed yet", reason=reason)
            await asyncio.sleep(backoff.next_s())
        revoked = msgspec.json.decode(reply.body, type=RevocationList).items
        for one in revoked:
            self._revocations.add(SessionRevoked(one.token_id, one.expires_at_s))
        self.listed = True
        self._log("info", "revocations listed", count=len(revoked))
