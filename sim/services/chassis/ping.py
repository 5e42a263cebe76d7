"""The route every service has: answered without leaving the event loop, so that it measures the way there and back."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from sim.services.chassis.service import Call, Service
from sim.services.contract.route import PUBLIC, Route


class Pong(msgspec.Struct, frozen=True):
    """Who answered."""

    service: str
    pod: str


def ping_route(service_key: str) -> Route:
    return Route(f"{service_key}.ping", "GET", "/ping", "Who answers", PUBLIC, answers=Pong, light=True)


def with_ping(service: Service, pod: str) -> Service:
    route = ping_route(service.key)

    def ping(call: Call) -> Pong:
        return Pong(call.context.service, pod)

    return replace(service, routes=(*service.routes, route), handlers={**service.handlers, route.name: ping})
