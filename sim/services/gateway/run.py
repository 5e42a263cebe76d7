"""``python -m sim.services api-gateway``: everything put together, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

import uvloop

from sim.services.chassis.caller import Caller
from sim.services.chassis.http import listening, pages
from sim.services.chassis.link import Link
from sim.services.chassis.logs import Logs
from sim.services.chassis.metrics import Metrics
from sim.services.chassis.settings import SettingsInvalid
from sim.services.contract.message import GATEWAY
from sim.services.contract.route import Route
from sim.services.gateway.answers import Answer, json_answer
from sim.services.gateway.app import App, Page
from sim.services.gateway.broadcasts import Broadcasts
from sim.services.gateway.circuits import Circuit, CircuitPolicy, State
from sim.services.gateway.clients import Clients
from sim.services.gateway.forwarding import Destination, Forwarder
from sim.services.gateway.handling import Api, Doorkeeper
from sim.services.gateway.health import Health
from sim.services.gateway.metrics import GatewayMetrics
from sim.services.gateway.openapi import document
from sim.services.gateway.pages import DOCS_PATH, OPENAPI_PATH, docs, index
from sim.services.gateway.protocol import BoundedProtocol
from sim.services.gateway.published import published_routes
from sim.services.gateway.rates import RateLimit
from sim.services.gateway.revocations import Revocations
from sim.services.gateway.settings import GatewaySettings, read_gateway_settings
from sim.services.gateway.tokens import Verifier

API_VERSION: Final = "1.0.0"
_DRAIN_S: Final = 8.0
_KEEP_ALIVE_S: Final = 100
"""Longer than the ingress keeps a connection idle, so that it is never the gateway that closes one in use."""
_BAD_INPUT: Final = 2


@dataclass(frozen=True, slots=True)
class Assembled:
    """The parts with something to start, stop or show."""

    link: Link
    health: Health
    app: App
    metrics: Metrics


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit 0, or 2 where the environment is wrong."""
    try:
        settings = read_gateway_settings(os.environ)
    except SettingsInvalid as error:
        for mistake in error.mistakes:
            sys.stderr.write(f"{mistake}\n")
        raise SystemExit(_BAD_INPUT) from None
    uvloop.run(_serve(settings))


async def _serve(settings: GatewaySettings) -> None:
    chassis = settings.chassis
    logs = Logs(chassis.service, chassis.pod, chassis.log_level)
    logs.adopt_library_logs()
    assembled = assemble(settings, logs)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    logs.gather(loop)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    assembled.link.start()
    metrics_app = pages({"/metrics": assembled.metrics.page})
    async with (
        listening(metrics_app, chassis.http_host, chassis.metrics_port),
        listening(
            assembled.app,
            chassis.http_host,
            chassis.http_port,
            drain_s=_DRAIN_S,
            keep_alive_s=_KEEP_ALIVE_S,
            protocol=BoundedProtocol,
        ),
    ):
        logs.log("info", "listening", port=chassis.http_port, services=len(settings.services))
        await stop.wait()
        assembled.health.draining = True
        logs.log("info", "stopping")
    await assembled.link.close()
    logs.log("info", "stopped")


def assemble(settings: GatewaySettings, logs: Logs) -> Assembled:
    """Wire the parts; nothing connects or listens yet. Needs a running event loop."""
    chassis = settings.chassis
    random = Random()  # noqa: S311 - jitter
    metrics = Metrics()
    counts = GatewayMetrics(metrics)
    link = Link(chassis.broker, name=chassis.pod, log=logs.log, random=random)
    caller = Caller(link, chassis.broker.direct, GATEWAY)
    revocations = Revocations(time.time)
    broadcasts = Broadcasts(
        link,
        Caller(link, chassis.broker.direct, f"{GATEWAY}.internal"),
        revocations,
        pod=chassis.pod,
        exchange=chassis.broker.fanout,
        auth=settings.services.get("auth", ""),
        log=logs.log,
        random=random,
    )
    destinations = {
        key: Destination(key, deployment, _circuit(key, counts, logs)) for key, deployment in settings.services.items()
    }
    forwarder = Forwarder(
        caller, destinations, timeout_s=settings.request_timeout_s, max_in_flight=settings.max_in_flight
    )
    rates = RateLimit(settings.rate_limit_per_s, settings.rate_limit_burst, time.monotonic)
    doorkeeper = Doorkeeper(
        Clients(settings.trusted_proxies),
        Verifier(settings.jwt_secret, settings.jwt_issuer, settings.jwt_audience, time.time),
        revocations,
        rates,
    )
    routes = published_routes(settings.services)
    api = Api(routes, doorkeeper, forwarder, max_body_bytes=settings.max_body_bytes)
    health = Health(chassis.service, chassis.pod, link, caller, forwarder, broadcasts, revocations)
    for key, destination in destinations.items():
        metrics.watch(counts.in_flight, partial(_in_flight, destination), service=key)
    metrics.watch(counts.revoked, lambda: len(revocations))
    metrics.watch(counts.clients, lambda: len(rates))
    metrics.watch(metrics.dependency_up, lambda: float(link.is_up), dependency="rabbitmq")
    app = App(api, _pages(health, routes), counts, logs, time.monotonic)
    return Assembled(link, health, app, metrics)


def _in_flight(destination: Destination) -> float:
    return float(destination.in_flight)


def _circuit(key: str, counts: GatewayMetrics, logs: Logs) -> Circuit:
    counts.circuit_changed(key, State.CLOSED)

    def changed(state: State) -> None:
        counts.circuit_changed(key, state)
        logs.log("warning" if state is State.OPEN else "info", "circuit", target=key, state=state.name.lower())

    return Circuit(CircuitPolicy(), time.monotonic, changed)


def _pages(health: Health, routes: Mapping[str, tuple[Route, ...]]) -> Mapping[str, Page]:
    """The documents are written once, when they are first asked for: most pods never are."""
    written: dict[str, Answer] = {}

    def openapi() -> dict[str, Any]:
        return document(routes, API_VERSION)

    def once(path: str, write: Page) -> Page:
        def page() -> Answer:
            if path not in written:
                written[path] = write()
            return written[path]

        return page

    return {
        "/": once("/", lambda: index(routes)),
        DOCS_PATH: once(DOCS_PATH, lambda: docs(openapi())),
        OPENAPI_PATH: once(OPENAPI_PATH, lambda: json_answer(200, openapi())),
        "/health": health.ready,
        "/health/live": health.live,
        "/health/ready": health.ready,
    }
