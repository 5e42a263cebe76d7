"""Each environment's documented limits applied for real: what serves under them, what is killed or starved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from scenarios.limits.trying import Trial, try_all, try_alone
from sim.checks.limits import Known, judge_limits
from sim.plan.model import ServerKind, ServerSpec
from sim.plan.mysql import RIG_FLAGS
from sim.scenario import Scenario, Stage
from sim.topology.model import EnvironmentName

_ENVIRONMENTS: tuple[EnvironmentName, ...] = get_args(EnvironmentName)


def _scenario(name: str, claim: str, section: str, *kinds: ServerKind, needs: Sequence[ServerKind] = ()) -> Scenario:
    def rehearse(stage: Stage) -> None:
        try_all(stage, [trial for kind in kinds for trial in _trials(stage, stage.plan.of_kind(kind))])

    return Scenario(
        name=f"limits/{name}",
        claim=claim,
        section=section,
        needs=(*kinds, *needs),
        rehearse=rehearse,
        judge=judge_limits(kinds, _ENVIRONMENTS),
        product_claim=True,
        essential=False,
        undisturbed=True,
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


def _stock(stage: Stage) -> None:
    """As the document has it, without the settings by which the rig keeps eleven databases small."""
    server = stage.plan.of_kind("mysql")[-1]
    command = tuple(word for word in server.command if word not in _SMALL and not word.startswith(_INIT_FILE))
    trials = tuple(replace(trial, server=server) for trial in _trials(stage, (server,)))
    try_alone(stage, trials, command, _PING)


_SMALL = frozenset(flag for flag in RIG_FLAGS if flag.startswith(("--innodb-buffer", "--performance", "--mysqlx")))
_INIT_FILE = "--init-file"
_PING = ("mysqladmin", "ping", "-h", "localhost")
"""The documented probe (section 5)."""

SCENARIOS: tuple[Scenario, ...] = (
    _scenario("redis", "The cache starts and serves under every environment's limits.", "4", "redis"),
    _scenario("mysql", "A database starts and serves under every environment's limits.", "4", "mysql"),
    Scenario(
        name="limits/mysql-stock",
        claim="A database with the documented arguments alone starts under every environment's limits.",
        section="4",
        needs=("mysql",),
        rehearse=_stock,
        judge=judge_limits(("mysql",), _ENVIRONMENTS, Known("C5", "development")),
        product_claim=True,
        essential=False,
        undisturbed=True,
        source="document, sections 4 and 5; contradiction C5",
    ),
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
