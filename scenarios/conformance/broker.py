"""Section 6: the RabbitMQ cluster's nodes and endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.checks import tables
from sim.checks.facts import (
    Doubt,
    Fact,
    ask,
    at_least,
    equals,
    every,
    exactly,
    observe_state,
    running,
)
from sim.plan.model import ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import BrokerCluster

_SECTION = "6"

_METRICS = ("rabbitmq_build_info", "rabbitmq_queues")


def each_node(observe: Callable[[Stage, ServerSpec, BrokerCluster], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        cluster = stage.servers.broker()
        for spec in stage.plan.of_kind("rabbitmq"):
            observe(stage, spec, cluster)

    return rehearse


def broker_scenario(name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[..., Any]) -> Scenario:
    return Scenario(f"conformance/broker-{name}", claim, _SECTION, ("rabbitmq",), rehearse, judge)


def _running(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    observe_state(stage, spec.name)
    ask(stage, "running-nodes", spec.name, lambda: cluster.running_nodes(spec.name))


def _partitions(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "partitions", spec.name, lambda: cluster.partitions(spec.name))


def _version(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "version", spec.name, lambda: cluster.version(spec.name))


def not_documented(evidence: Evidence, _observed: Any, _documented: Any) -> str:
    return tables.not_the_documented_image(evidence, "rabbitmq")


def _metrics(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    def present() -> dict[str, Any]:
        lines = cluster.metrics(spec.name).splitlines()
        names = {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}
        return {"port": spec.port("metrics").number, "names": sorted(names & set(_METRICS))}

    ask(stage, "metrics", spec.name, present)


def _metrics_problem(observed: Any, documented: Any) -> str:
    port = equals("metrics port")(observed["port"], documented)
    return port or at_least("metrics")(observed["names"], _METRICS)


def _management(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    def answered() -> dict[str, Any]:
        return {"port": spec.port("management").number, "sees_itself": spec.name in cluster.running_nodes(spec.name)}

    ask(stage, "management", spec.name, answered)


def _management_problem(observed: Any, documented: Any) -> str:
    if not observed["sees_itself"]:
        return Doubt("its management interface answered for a cluster without it")
    return equals("management port")(observed["port"], documented)


SCENARIOS = (
    broker_scenario(
        "cluster-members",
        "Three nodes run as one cluster, and each of them sees all three.",
        each_node(_running),
        every(
            running(_SECTION, lambda e: tables.on_brokers(e, "running")),
            Fact(
                "running-nodes",
                _SECTION,
                lambda e: tables.on_brokers(e, tables.broker_nodes(e)),
                exactly("running nodes in its eyes"),
                "every node sees all members run",
            ),
        ),
    ),
    broker_scenario(
        "no-partitions",
        "No node believes that another is on the far side of a partition.",
        each_node(_partitions),
        Fact("partitions", _SECTION, lambda e: tables.on_brokers(e, []), exactly("partitions"), "no partition is seen"),
    ),
    broker_scenario(
        "version",
        "Every node runs RabbitMQ of the documented release line.",
        each_node(_version),
        Fact(
            "version",
            _SECTION,
            lambda e: tables.on_brokers(e, e.images["rabbitmq"]) if "rabbitmq" in e.images else {},
            tables.release_line,
            "the documented release line runs",
            excused=not_documented,
        ),
    ),
    broker_scenario(
        "metrics",
        "Each node offers its metrics on the documented port, queue counts included.",
        each_node(_metrics),
        Fact(
            "metrics",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.metrics_port),
            _metrics_problem,
            "metrics with queue counts on the documented port",
        ),
    ),
    broker_scenario(
        "management",
        "Each node's management interface answers on the documented port.",
        each_node(_management),
        Fact(
            "management",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.management_port),
            _management_problem,
            "the management interface answers on the documented port",
        ),
    ),
)
