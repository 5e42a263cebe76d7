"""What is done every so often: jittered, so that replicas spread; a failure is logged and the next time comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from sim.services.chassis.context import CallContext, Resources
from sim.services.chassis.outcomes import Contention
from sim.services.chassis.service import Chore
from sim.services.chassis.tracing import continue_trace, tracing
from sim.services.chassis.workers import Workers
from sim.services.contract.problem import Problem

_JITTER: Final = 0.1


async def run_chore(
    chore: Chore, resources: Resources, workers: Workers, random: Random, may_run: Callable[[], bool]
) -> None:
    """For ever; left out while ``may_run`` says no (no database, no schema)."""
    while True:
        await asyncio.sleep(chore.every_s * random.uniform(1 - _JITTER, 1 + _JITTER))
        if may_run():
            await workers.run(lambda: _once(chore, resources))


def _once(chore: Chore, resources: Resources) -> None:
    with tracing(continue_trace(None)):
        try:
            chore.run(CallContext(resources))
        except (Problem, Contention) as error:
            resources.logs.log("warning", "chore put off", chore=chore.name, reason=str(error))
        except Exception as error:  # noqa: BLE001 - the boundary: a chore's bug is a line in the log
            resources.logs.failure("chore failed", error, chore=chore.name)
