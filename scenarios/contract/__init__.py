"""What any image put in a service's place must keep to, service by service; ``compose/CONTRACT.md`` has it in words."""

from __future__ import annotations

from scenarios.contract.claims import scenario
from sim.checks.contract import GATEWAY
from sim.services.catalogue import SERVICE_MODULES

SCENARIOS = (
    scenario(
        GATEWAY,
        "The gateway's image takes the documented environment, tells its health and its golden signals, uses its own "
        "broker user and ends by itself when asked to.",
    ),
    *(
        scenario(
            key,
            f"The image of {key} keeps its contract: environment, health, metrics, its own queue, users and database, "
            "no harm by malformed messages, an orderly end.",
        )
        for key in SERVICE_MODULES
    ),
)
