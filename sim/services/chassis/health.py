"""Health as an orchestrator asks for it: alive (the loop turns), ready (it can do its work), and why not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from sim.services.chassis.dependency import Dependency
from sim.services.chassis.http import Answer, App, pages
from sim.services.chassis.link import Link

_encode = msgspec.json.Encoder().encode


class Health:
    """``steps`` are names and states of what must have happened besides: ``requests`` consumed, ``schema`` in place.

    A dependency that is not required leaves the service ready, and ``degraded``.
    """

    def __init__(
        self,
        service: str,
        pod: str,
        link: Link,
        dependencies: Sequence[Dependency],
        steps: Callable[[], dict[str, str]],
    ) -> None:
        self._service = service
        self._pod = pod
        self._link = link
        self._dependencies = dependencies
        self._steps = steps
        self.draining = False

    def app(self) -> App:
        """``/health`` and ``/health/ready`` (200 or 503), ``/health/live`` (200)."""
        return pages({"/health": self._ready, "/health/ready": self._ready, "/health/live": self._live})

    async def report(self) -> dict[str, Any]:
        """Each dependency's state, since when and why; asked afresh where nothing was heard of it lately."""
        await asyncio.gather(*(dependency.refresh() for dependency in self._dependencies))
        waiting = {name: state for name, state in self._steps().items() if state != "done"}
        broker = {
            "state": self._link.state,
            "required": True,
            "since": _utc(self._link.since_s),
            "reason": self._link.reason,
        }
        found = {"broker": broker}
        for dependency in self._dependencies:
            found[dependency.name] = {
                "state": "up" if dependency.up else "down",
                "required": dependency.required,
                "since": _utc(dependency.since_s),
                "reason": dependency.reason,
            }
        lacking = [name for name, entry in found.items() if entry["state"] != "up" and entry["required"]]
        degraded = [name for name, entry in found.items() if entry["state"] != "up" and not entry["required"]]
        status = "degraded" if degraded else "ready"
        if self.draining:
            status = "draining"
        elif lacking or waiting:
            status = "not ready"
        return {
            "service": self._service,
            "pod": self._pod,
            "status": status,
            "waiting_for": {**{name: found[name]["reason"] for name in lacking}, **waiting},
            "dependencies": found,
        }

    async def _ready(self) -> Answer:
        report = await self.report()
        status = 200 if report["status"] in {"ready", "degraded"} else 503
        return status, "application/json", _encode(report)

    async def _live(self) -> Answer:
        return 200, "application/json", _encode({"service": self._service, "pod": self._pod, "status": "alive"})


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
