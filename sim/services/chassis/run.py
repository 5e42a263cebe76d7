"""One service as a process: started in whatever order, waiting for what is missing, drained when told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from random import Random
from typing import Final

import uvloop

from sim.services.chassis.http import listening, pages
from sim.services.chassis.logs import Logs
from sim.services.chassis.process import Process
from sim.services.chassis.service import Service
from sim.services.chassis.settings import Settings, SettingsInvalid, read_settings
from sim.services.contract.events import EVENTS

DRAIN_S: Final = 8.0
INVALID: Final = 2
"""Exit code of a start that no repetition would cure."""


def run(name: str, service: Service, environment: Mapping[str, str]) -> int:
    """Until SIGTERM or SIGINT; the exit code."""
    mistakes = [*_mistakes(service)]
    try:
        settings = settings_of(name, service, environment)
    except SettingsInvalid as error:
        mistakes += error.mistakes
    if mistakes:
        for mistake in mistakes:
            sys.stderr.write(f"{name}: {mistake}\n")
        return INVALID
    logs = Logs(settings.service, settings.pod, settings.log_level)
    logs.adopt_library_logs()
    return uvloop.run(_serve(service, settings, environment, logs))


def settings_of(name: str, service: Service, environment: Mapping[str, str]) -> Settings:
    """Raises SettingsInvalid."""
    own = (*service.settings, *(("SERVICES",) if service.coordinates_broker else ()))
    settings = read_settings(
        environment,
        database=bool(service.migrations),
        cache=service.uses_cache,
        bucket=service.uses_bucket,
        own=own,
    )
    if settings.service != name:
        raise SettingsInvalid([f"SERVICE_NAME: is {settings.service}, yet {name} was to be started"])
    return settings


def _mistakes(service: Service) -> list[str]:
    """Of its code: found at the start, not by the first request that needs what is not there."""
    mistakes = [f"route and handler do not match: {name}" for name in service.unhandled()]
    heard = {event.name for event in EVENTS if service.key in event.subscribers}
    mistakes += [
        f"event without handler, or handler without event: {name}" for name in sorted(heard ^ set(service.events))
    ]
    if service.events and not service.migrations:
        mistakes.append("hears events without a database to remember them in")
    return mistakes


async def _serve(service: Service, settings: Settings, environment: Mapping[str, str], logs: Logs) -> int:
    began_s = time.monotonic()
    stop = asyncio.Event()
    logs.gather(asyncio.get_running_loop())
    _listen_to_signals(stop)
    process = Process(
        service,
        settings,
        environment,
        logs=logs,
        random=Random(),  # noqa: S311 - jitter, no secret
        stop=stop,
    )
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(listening(process.health.app(), settings.http_host, settings.http_port))
            metrics = pages({"/metrics": process.metrics.page})
            await stack.enter_async_context(listening(metrics, settings.http_host, settings.metrics_port))
        except OSError as error:
            logs.log("error", "cannot listen", reason=str(error))
            return 1
        process.start()
        logs.log("info", "started", duration_ms=round((time.monotonic() - began_s) * 1000))
        await stop.wait()
        logs.log("info", "stopping")
        drained = await process.stop(DRAIN_S)
        logs.log("info", "stopped", drained=drained)
    return process.exit_code


def _listen_to_signals(stop: asyncio.Event) -> None:
    """The first asks, the second insists."""

    def heard(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heard, number)
