"""A zone is lost, a node is drained: the platform around them goes on."""

from __future__ import annotations

from dataclasses import replace

from scenarios.failover.broker_drills import MIXED, OUTAGE_S, Drill, broker_drill, wait
from scenarios.failover.serving import ready, serves
from sim.checks.broker_drill import Promise
from sim.checks.split import also
from sim.checks.zones import KEPT_SERVING, RETURNED, STANDING, blast_radius, budgets_kept
from sim.faults.drain import Drain
from sim.faults.table import budgets
from sim.faults.zone_loss import ZoneLoss
from sim.history import Outcome
from sim.plan.zones import zones
from sim.scenario import Evidence, Scenario, Stage
from sim.verdict import Verdict

_ASK_DEADLINE_S = 20.0
_SERVICE_KINDS = frozenset({"gateway", "service", "mysql-exporter", "node-exporter"})


def _lose_the_leaders_zone(drill: Drill) -> None:
    stage = drill.stage
    found = zones(stage.plan, stage.topology.spread)
    leader = drill.leader
    zone = next(name for name, servers in found.items() if leader in servers)
    lost_s = stage.clock.now_s()
    with ZoneLoss(zone, found[zone], ready(stage)).inject(stage) as effective:
        if effective:
            _ask_the_others(stage, found[zone])
            drill.recover(lost_s, at_least_s=OUTAGE_S)
    for server in found[zone]:
        stage.record(RETURNED, server, Outcome.OK if serves(stage, server) else Outcome.FAILED, zone=zone)


def _ask_the_others(stage: Stage, lost: tuple[str, ...]) -> None:
    """Stores and brokers of other zones; whoever has a store in the lost one suffers by design."""
    for spec in stage.plan.servers:
        if spec.name not in lost and spec.kind not in _SERVICE_KINDS:
            stands = wait(stage, lambda name=spec.name: serves(stage, name), _ASK_DEADLINE_S)  # type: ignore[misc]
            stage.record(STANDING, spec.name, Outcome.OK if stands else Outcome.FAILED)


def _drain_the_budgets_node(drill: Drill) -> None:
    """The node that carries a pod with a disruption budget."""
    stage = drill.stage
    kept = budgets(stage.topology)
    found = zones(stage.plan, stage.topology.spread)
    pods = [spec.name for spec in stage.plan.servers if spec.app in kept]
    node, servers = next((zone, servers) for zone, servers in found.items() if pods and pods[0] in servers)
    # What speaks for a pod here must outlast its neighbours: only what the budget and the broker are about leaves.
    leaving = tuple(s for s in servers if s in pods or stage.plan.server(s).kind in {"rabbitmq", "redis"})
    began_s = stage.clock.now_s()
    with Drain(node, leaving, kept, ready(stage)).inject(stage) as effective:
        if effective:
            drill.recover(began_s, at_least_s=OUTAGE_S)
            for pod in pods:
                up = stage.control.state(pod).state == "running" and stage.servers.service(pod).health("live").accepted
                stage.record(KEPT_SERVING, pod, Outcome.OK if up else Outcome.FAILED)


def _zone_cost(drill: Scenario) -> Scenario:
    """Its servers are killed at once: the ledger's judge takes any one's death for the fault's beginning."""
    return replace(drill, needs=("rabbitmq", "mysql", "redis"), judge=also(drill.judge, blast_radius))


def _judge_drain(drill: Scenario) -> Scenario:
    def judge(evidence: Evidence) -> Verdict:
        return also(drill.judge, budgets_kept(budgets(evidence.topology)))(evidence)

    return replace(drill, needs=("rabbitmq", "service"), judge=judge)


SCENARIOS: tuple[Scenario, ...] = (
    _zone_cost(
        broker_drill(
            "zone-loss",
            "When a whole zone dies nothing acknowledged is lost, and what sits in other zones goes on serving.",
            _lose_the_leaders_zone,
            Promise(),
            consumers=MIXED,
            section="12",
            source="Kubernetes documentation, Pod Topology Spread Constraints",
        )
    ),
    _judge_drain(
        broker_drill(
            "drain-budget",
            "Draining a node evicts no pod against its disruption budget, and nothing acknowledged is lost.",
            _drain_the_budgets_node,
            Promise(),
            consumers=MIXED,
            section="12",
            source="Kubernetes documentation, API-initiated Eviction; Specifying a Disruption Budget",
        )
    ),
)
