"""The one connection to the broker, kept for ever: any node will do, lost ones are replaced, channels set up again.

Use::

    link = Link(settings.broker, name=pod, log=log, random=Random())
    link.keep_channel("requests", set_up, lost)   # any number, before or after start
    link.start()                                  # returns at once; the loop does the rest
    ...
    await link.close()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, TypeAlias

from sim.services.chassis.amqp import Channel, ChannelClosed, Connection, NotConnected, connect
from sim.services.chassis.backoff import Backoff
from sim.services.chassis.settings import BrokerSettings

LinkState: TypeAlias = Literal["connecting", "up", "blocked", "down", "closed"]
SetUp: TypeAlias = Callable[[Channel], Awaitable[None]]
"""Given each new channel; it may declare, set a prefetch, consume. A queue that is not there yet closes the channel,
and ``set_up`` is called again with another, until it succeeds."""
Lost: TypeAlias = Callable[[str], None]
"""Told why a channel that was set up is gone; another will be."""
Log: TypeAlias = Callable[..., None]
"""``log(level, message, **fields)``."""

_STABLE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Kept:
    name: str
    set_up: SetUp
    lost: Lost | None


class Link:
    """``state`` with ``reason`` and ``since_s`` (Unix seconds) is what health reports."""

    def __init__(self, settings: BrokerSettings, *, name: str, log: Log, random: Random) -> None:
        self._settings = settings
        self._name = name
        self._log = log
        self._random = random
        self._kept: list[_Kept] = []
        self._listeners: list[Callable[[LinkState], None]] = []
        self._connection: Connection | None = None
        self._keepers: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self.state: LinkState = "connecting"
        self.reason = "not connected yet"
        self.address = ""
        self.since_s = time.time()

    @property
    def is_up(self) -> bool:
        """Connected and taking messages."""
        return self.state == "up"

    def keep_channel(self, name: str, set_up: SetUp, lost: Lost | None = None) -> None:
        """Have a channel of its own set up now and after each reconnection (the ``when_up`` of this link)."""
        kept = _Kept(name, set_up, lost)
        self._kept.append(kept)
        if self._connection is not None:
            self._spawn(self._connection, kept)

    async def channel(self) -> Channel:
        """A channel for one errand; close it afterwards. Raises ChannelClosed when there is no connection."""
        if self._connection is None:
            raise ChannelClosed(0, f"broker {self.state}: {self.reason}")
        return await self._connection.channel()

    @property
    def server_version(self) -> tuple[int, ...]:
        """Of the node connected to; empty while there is none."""
        return self._connection.server_version if self._connection is not None else ()

    def on_change(self, listener: Callable[[LinkState], None]) -> None:
        """Called on the loop at each change of ``state``."""
        self._listeners.append(listener)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="link")

    async def close(self) -> None:
        """Close channels and connection politely; nothing is reconnected afterwards."""
        self._change("closed", "closed by this process")
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._stop_keepers()
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _stay_connected(self) -> None:
        backoff = Backoff(self._random)
        while True:
            connection = await self._any_node()
            if connection is not None:
                began_s = time.monotonic()
                reason = await self._live(connection)
                self._change("down", f"{connection.address}: {reason}")
                self._log("warning", "broker connection lost", address=connection.address, reason=reason)
                if time.monotonic() - began_s >= _STABLE_S:
                    backoff.reset()
            await asyncio.sleep(backoff.next_s())

    async def _any_node(self) -> Connection | None:
        """Every node once, in random order."""
        hosts = list(self._settings.hosts)
        self._random.shuffle(hosts)
        reason = ""
        for host, port in hosts:
            try:
                return await connect(self._settings, host, port, self._name)
            except NotConnected as error:
                reason = str(error)
        if self.state != "down":
            self._log("warning", "no broker node can be reached", reason=reason)
        self._change("down", reason)
        return None

    async def _live(self, connection: Connection) -> str:
        """Until the connection is lost; why it was."""
        self._connection, self.address = connection, connection.address
        connection.on_blocked(
            lambda reason: self._change("blocked", reason), lambda: self._change("up", "taking messages again")
        )
        self._change("up", f"connected to {connection.address}")
        self._log("info", "broker connected", address=connection.address)
        for kept in self._kept:
            self._spawn(connection, kept)
        try:
            return await asyncio.shield(connection.closed)
        finally:
            if connection.closed.done():
                self._connection = None
                await self._stop_keepers()

    def _spawn(self, connection: Connection, kept: _Kept) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(connection, kept), name=f"channel {kept.name}")
        self._keepers.add(task)
        task.add_done_callback(self._keepers.discard)

    async def _keep(self, connection: Connection, kept: _Kept) -> None:
        backoff = Backoff(self._random)
        told = ""
        while connection.is_open:
            ready = False
            try:
                channel = await connection.channel()
                await kept.set_up(channel)
                ready = True
                if told:
                    self._log("info", "channel set up at last", channel=kept.name)
                told = ""
                backoff.reset()
                reason = str(await asyncio.shield(channel.closed))
            except ChannelClosed as error:
                reason = str(error)
            finally:
                if ready and kept.lost is not None:
                    kept.lost("the broker's channel is gone")
            if connection.is_open and reason != told:
                self._log("warning", "channel closed, setting up again", channel=kept.name, reason=reason)
                told = reason
            await asyncio.sleep(backoff.next_s())

    async def _stop_keepers(self) -> None:
        keepers = list(self._keepers)
        for task in keepers:
            task.cancel()
        if keepers:
            await asyncio.wait(keepers)

    def _change(self, state: LinkState, reason: str) -> None:
        if self.state == "closed":
            return
        changed = state != self.state
        self.reason = reason
        if not changed:
            return
        self.state, self.since_s = state, time.time()
        for listener in self._listeners:
            listener(state)
