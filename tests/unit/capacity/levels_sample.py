"""What a stack's rates cost, in round figures: 75 ms a request beside 0.05 cores that idle, on two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.capacity.as_run import LIMITS
from sim.capacity.demands import LEVEL, MACHINE, MIX, REST
from sim.history import Observation, Outcome

SERVERS: Mapping[str, tuple[str, float, float]] = {
    "gw": ("api-gateway", 0.01, 0.015),
    "mq-0": ("rabbitmq-cluster", 0.02, 0.015),
    "mq-1": ("rabbitmq-cluster", 0.02, 0.015),
}
"""Server → deployment, cores at rest, CPU seconds of a request; the generator's are 0.03."""
GENERATOR_CPU_S = 0.03
REQUEST_CPU_S = sum(cost for _, _, cost in SERVERS.values()) + GENERATOR_CPU_S
IDLE_CORES = sum(idle for _, idle, _ in SERVERS.values())


def seen(op: str, target: str, **detail: Any) -> Observation:
    return Observation(1.0, "s", "rig", op, target, Outcome.OK, detail)


def level(rate_per_s: float, *, foreign_cores: float = 0.0, dearer: float = 1.0, **changed: Any) -> Observation:
    """One rate over ten seconds; ``dearer`` times what a request costs elsewhere."""
    cores: dict[str, float] = {}
    for deployment, idle, cost in SERVERS.values():
        cores[deployment] = cores.get(deployment, 0.0) + idle + dearer * rate_per_s * cost
    generator = rate_per_s * GENERATOR_CPU_S
    detail = {
        "rate_per_s": float(rate_per_s),
        "duration_s": 10.0,
        "answered": round(10 * rate_per_s),
        "errors": 0,
        "cores": cores,
        "generator_cores": generator,
        "machine_cores": sum(cores.values()) + generator + foreign_cores,
        "mean_s": 0.02,
        "p50_s": 0.01,
        "p95_s": 0.05,
        "p99_s": 0.08,
    }
    return seen(LEVEL, f"step-{rate_per_s:g}", **(detail | changed))


def at_rest(cores: int = 2) -> tuple[Observation, ...]:
    rests = (
        seen(REST, name, deployment=deployment, cores=idle, memory_bytes=2**20 * number)
        for number, (name, (deployment, idle, _)) in enumerate(SERVERS.items())
    )
    return (*rests, seen(MACHINE, "", cores=cores, busy_cores=0.1), seen(MIX, "", requests=3.5, think_s=4.0))


def limits() -> tuple[Observation, ...]:
    kinds = (("api-gateway", 1), ("rabbitmq-cluster", 2))
    return tuple(seen(LIMITS, name, deployment=name, pods=pods, threads=64, limit_cores=0) for name, pods in kinds)
