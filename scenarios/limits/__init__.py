"""Each environment's documented limits applied for real: what serves under them, what is killed or starved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from scenarios.limits.trying import Trial, try_all
from sim.checks.limits import judge_limits
from sim.plan.model import ServerKind, ServerSpec
from sim.scenario import Scenario, Stage
from sim.topology.model import EnvironmentName

_ENVIRONMENTS: tuple[EnvironmentName, ...] = get_args(EnvironmentName)


def _scenario(name: str, claim: str, section: str, *kinds: ServerKind, needs: Sequence[ServerKind] = ()) -> Scenario:
    def rehearse(stage: Stage) -> None:
        for kind in kinds:
            try_all(stage, _trials(stage, stage.plan.of_kind(kind)))

    return Scenario(
        name=f"limits/{name}",
        claim=claim,
        section=section,
        needs=(*kinds, *needs),
        rehearse=rehearse,
        judge=judge_limits(kinds, _ENVIRONMENTS),
        product_claim=True,
        essential=False,
        source="document, section 4 (environments); Kubernetes, resource management for pods and containers",
    )


def _trials(stage: Stage, servers: Sequence[ServerSpec]) -> tuple[Trial, ...]:
    """Of a kind with enough servers, each environment gets one of its own, and they are tried side by side."""
    trials = []
    for number, environment in enumerate(_ENVIRONMENTS):
        limits = stage.topology.environments[environment].limits
        # The first is the busiest service's, or what most others lean on: those behind it are spared less.
        server = servers[-1 - number] if len(servers) > 2 * len(_ENVIRONMENTS) else servers[-1]
        trials.append(Trial(environment, server, limits.memory_bytes or 0, limits.cpu_cores or 0.0))
    return tuple(trials)


SCENARIOS: tuple[Scenario, ...] = (
    _scenario("redis", "The cache starts and serves under every environment's limits.", "4", "redis"),
    _scenario("mysql", "A database starts and serves under every environment's limits.", "4", "mysql"),
    _scenario(
        "object-store", "The object store starts and serves under every environment's limits.", "4", "object-store"
    ),
    _scenario(
        "services",
        "The gateway and a service start and serve under every environment's limits.",
        "4",
        "service",
        "gateway",
        needs=("rabbitmq",),
    ),
    _scenario("rabbitmq", "A broker node starts and rejoins under every environment's limits.", "4", "rabbitmq"),
)
