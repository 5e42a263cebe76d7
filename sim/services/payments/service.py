"""Payments as the chassis runs it: there, ready, and honest about what it cannot do."""

from __future__ import annotations

from typing import Final, NoReturn

from sim.services.chassis.service import Call, Service
from sim.services.contract.problem import Problem
from sim.services.payments import api


def planned(call: Call) -> NoReturn:
    raise Problem(501, f"{call.route.summary}. Orders are taken without payment until then.")


SERVICE: Final = Service(
    key="payments",
    routes=api.ROUTES,
    handlers={route.name: planned for route in api.ROUTES},
)
