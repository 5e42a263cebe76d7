"""Measuring what requests cost on a stack that is up, for ``sim capacity --calibrate``."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from scenarios.throughput.capacity_model import capacity_model
from sim.capacity.as_run import calibration_as_run
from sim.capacity.calibration import Calibration
from sim.capacity.runs import host_words, model_error
from sim.checks.capacity_model import judge_capacity_model
from sim.cli.progress import say
from sim.clock import SystemClock
from sim.errors import RigError
from sim.history import History, Observation
from sim.judging import RIG_FAULT
from sim.record import Host
from sim.rehearsal import Rehearsal
from sim.scenario import Evidence
from sim.topology.load import parse_topology


def calibrate_on(stack: str | None) -> Calibration:
    """A minute or two of load up to the knee. Raises RigError when it did not measure what it should."""
    from sim.runtime import state  # noqa: PLC0415 - drivers load when a stack is really touched
    from sim.runtime.calibrations import keep_calibration  # noqa: PLC0415
    from sim.runtime.engine import connect  # noqa: PLC0415
    from sim.runtime.stack import attached, choose  # noqa: PLC0415

    found = attached(connect(), choose(stack))
    clock, history = SystemClock(), History()
    topology = parse_topology(found.memory.topology, f"the topology of stack {found.id}")
    say(f"measuring what requests cost on stack {found.id}, up to the rate that it carries")
    with state.ownership(found.id):
        rehearsal = Rehearsal(topology, found, clock, secrets.randbelow(2**32), history, clock.now_s())
        scenario = capacity_model()
        rehearsal.play((scenario,), lambda *_: None)
    now = datetime.now(UTC)
    seen = history.of(scenario.name)
    judged = judge_capacity_model(Evidence(seen, topology, found.plan.environment, {}))
    measured = measured_calibration(
        seen,
        notes=model_error(judged.numbers),
        measured_at=now.isoformat(timespec="seconds"),
        host=found.host(),
        environment=found.plan.environment,
        fidelity={server.image.component: server.image.fidelity.value for server in found.plan.servers},
    )
    say(f"kept: {keep_calibration(now.strftime('%Y%m%dT%H%M%SZ'), measured.to_json())}")
    return measured


def measured_calibration(
    observations: Iterable[Observation],
    *,
    measured_at: str,
    host: Host,
    environment: str,
    fidelity: dict[str, str],
    notes: tuple[str, ...] = (),
) -> Calibration:
    """Raises RigError with what is missing."""
    seen = tuple(observations)
    faults = [str(o.detail.get("message", "")) for o in seen if o.op == RIG_FAULT]
    try:
        return calibration_as_run(
            seen,
            measured_at=measured_at,
            host=host_words(host),
            environment=environment,
            fidelity=fidelity,
            notes=notes,
        )
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise RigError(
            "The costs were not measured.", evidence=(faults or [str(error)])[0], next_step="sim status, then again"
        ) from error
