"""Nobody waits for a server known to be gone; it is found again by itself, and health says since when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, cast

import msgspec

from sim.services.chassis.dependency import Dependency
from sim.services.chassis.health import Health
from sim.services.chassis.link import Link
from sim.services.chassis.workers import Workers

_RANDOM = Random(1)  # noqa: S311 - a schedule that can be repeated


class Server:
    """Answers or does not, and counts how often it was tried."""

    def __init__(self) -> None:
        self.there = True
        self.tries = 0

    def ping(self) -> None:
        self.tries += 1
        if not self.there:
            raise ConnectionRefusedError("refused")


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another thread
            await asyncio.sleep(0.01)


def _play(scene: Callable[[Server, Dependency], Awaitable[None]], *, required: bool = True) -> list[str]:
    """The log's messages."""
    said: list[str] = []

    async def play() -> None:
        server = Server()
        workers = Workers("test", 1)
        workers.start()
        dependency = Dependency(
            "database",
            server.ping,
            required=required,
            log=lambda _level, message, **_fields: said.append(message),
            random=_RANDOM,
        )
        watching = asyncio.ensure_future(dependency.watch(workers))
        try:
            await scene(server, dependency)
        finally:
            watching.cancel()
            workers.stop()

    asyncio.run(play())
    return said


def test_it_is_tried_when_suspected_and_found_again() -> None:
    """Up at once; down after a failure somebody reported; up again without anybody asking; each told once."""

    async def scene(server: Server, dependency: Dependency) -> None:
        await _until(lambda: dependency.up)
        server.there = False
        dependency.suspect()
        await _until(lambda: not dependency.up)
        assert dependency.reason == "refused"
        await _until(lambda: server.tries > 4)
        server.there = True
        await _until(lambda: dependency.up)

    assert _play(scene) == ["database reached", "database lost", "database reached"]


def test_a_false_alarm_changes_nothing() -> None:
    """One broken connection is not a broken server."""

    async def scene(server: Server, dependency: Dependency) -> None:
        await _until(lambda: dependency.up)
        tries = server.tries
        dependency.suspect()
        await _until(lambda: server.tries > tries)
        assert dependency.up

    assert _play(scene) == ["database reached"]


def test_nobody_tries_a_server_that_was_heard_of_lately() -> None:
    """Health asks only where nothing else has shown that it answers."""

    async def scene(server: Server, dependency: Dependency) -> None:
        await _until(lambda: dependency.up)
        tries = server.tries
        await dependency.refresh()
        assert server.tries == tries
        dependency._proved_s = -1000.0
        server.there = False
        await dependency.refresh()
        assert not dependency.up

    _play(scene)


class _Link:
    state, since_s, reason = "up", 0.0, "connected"


def _health(dependency: Dependency, steps: dict[str, str]) -> Health:
    return Health("orders-service", "orders-1", cast("Link", _Link()), [dependency], lambda: steps)


def _ask(health: Health) -> tuple[int, dict[str, Any]]:
    async def ask() -> tuple[int, dict[str, Any]]:
        status, _, body = await health._ready()
        return status, msgspec.json.decode(body)

    return asyncio.run(ask())


def _dependency(*, required: bool, up: bool) -> Dependency:
    made = Dependency("thing", lambda: None, required=required, log=lambda *_a, **_k: None, random=_RANDOM)
    made.up, made._proved_s = up, float("inf")
    return made


def test_ready_means_all_that_is_required() -> None:
    """A required one gone: 503; one that is not: ready and degraded; a step not done: 503; draining: 503."""
    assert _ask(_health(_dependency(required=True, up=True), {}))[1]["status"] == "ready"
    status, report = _ask(_health(_dependency(required=True, up=False), {}))
    assert (status, report["status"], list(report["waiting_for"])) == (503, "not ready", ["thing"])
    status, report = _ask(_health(_dependency(required=False, up=False), {}))
    assert (status, report["status"], report["dependencies"]["thing"]["state"]) == (200, "degraded", "down")
    status, report = _ask(_health(_dependency(required=True, up=True), {"schema": "migrating"}))
    assert (status, report["waiting_for"]) == (503, {"schema": "migrating"})
    draining = _health(_dependency(required=True, up=True), {})
    draining.draining = True
    assert _ask(draining)[0] == 503


def test_it_is_alive_whatever_is_gone() -> None:
    """A restart would not bring a database back."""
    status, _, _ = asyncio.run(_health(_dependency(required=True, up=False), {})._live())
    assert status == 200
