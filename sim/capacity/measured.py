"""From a history to the costs it shows: what idles, what each kind of visit spends, how long answers take.

Operations: ``rest`` one a server, ``{"deployment", "cores", "memory_bytes"}``; ``cost`` one a server and kind of visit,
``{"visit", "deployment", "cpu_s", "duration_s"}``, and ``visit`` one a kind, ``{"visit", "weight", "requests",
"think_s", "answered", "generator_cpu_s"}``; ``machine`` once, ``{"cores"}``; ``base`` once,
the latency of the mix at a low rate, ``{"mean_s", "p50_s", "p95_s", "p99_s", "rate_per_s"}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.capacity.calibration import Calibration, Latency, Visit
from sim.history import Observation, Outcome, only

REST = "rest"
COST = "cost"
VISIT = "visit"
MACHINE = "machine"
BASE = "base"


NOISE_SHARE = 0.25
"""Of what idles: idling is not that even, and less than it is no request's doing."""


class TooLittleError(ValueError):
    """The history does not hold what a calibration needs. The message says what is missing."""


def calibration_of(
    observations: Sequence[Observation],
    *,
    measured_at: str = "",
    host: str = "",
    environment: str = "",
    fidelity: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Calibration:
    """Raises TooLittleError. What idles is taken off; what is hardly more than that is noise and counts as nothing."""
    seen = [o for o in observations if o.outcome is Outcome.OK]
    machine = next((o.detail for o in only(seen, MACHINE)), None)
    base = next((o.detail for o in only(seen, BASE)), None)
    rests, visits = only(seen, REST), only(seen, VISIT)
    if machine is None or base is None or not rests or not visits:
        parts = {"machine": machine, "servers at rest": rests, "visits": visits, "latency of the mix": base}
        raise TooLittleError(f"not on record: {', '.join(what for what, found in parts.items() if not found)}")
    idle = {o.target: float(o.detail["cores"]) for o in rests}
    costs = only(seen, COST)
    by_visit = {str(o.detail["visit"]): [c for c in costs if c.detail["visit"] == o.detail["visit"]] for o in visits}
    found_visits = {str(o.detail["visit"]): _visit(o.detail, by_visit[str(o.detail["visit"])], idle) for o in visits}
    pods: dict[str, list[Mapping[str, Any]]] = {}
    for o in rests:
        pods.setdefault(str(o.detail["deployment"]), []).append(o.detail)
    return Calibration(
        measured_at=measured_at,
        host=host,
        cores=int(machine["cores"]),
        environment=environment,
        fidelity=dict(fidelity or {}),
        rate_per_s=float(base["rate_per_s"]),
        latency=Latency(*(float(base[name]) for name in ("mean_s", "p50_s", "p95_s", "p99_s"))),
        visits=found_visits,
        idle_cores={name: sum(float(d["cores"]) for d in each) / len(each) for name, each in pods.items()},
        memory_bytes={name: max(int(d["memory_bytes"]) for d in each) for name, each in pods.items()},
        machine_idle_cores=sum(idle.values()),
        notes=notes,
    )


def _visit(detail: Mapping[str, Any], costs: Sequence[Observation], idle: Mapping[str, float]) -> Visit:
    answered = int(detail["answered"])
    if answered <= 0 or not costs:
        raise TooLittleError(f"nothing was answered on {detail['visit']}, or nothing was measured of it")
    spent: dict[str, float] = {}
    for cost in costs:
        deployment = str(cost.detail["deployment"])
        idle_s = idle.get(cost.target, 0.0) * float(cost.detail["duration_s"])
        busy_s = float(cost.detail["cpu_s"]) - idle_s
        spent[deployment] = spent.get(deployment, 0.0) + (busy_s if busy_s > NOISE_SHARE * idle_s else 0.0)
    # Not all that the machine did in that time: it may have done other things, too.
    whole_s = sum(spent.values()) + float(detail["generator_cpu_s"])
    return Visit(
        weight=float(detail["weight"]),
        requests=int(detail["requests"]),
        think_s=float(detail["think_s"]),
        sampled=answered,
        cpu_s={name: round(busy_s / answered, 9) for name, busy_s in sorted(spent.items())},
        machine_cpu_s=round(max(0.0, whole_s) / answered, 9),
    )
