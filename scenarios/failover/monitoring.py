"""One Prometheus and one Alertmanager die: no alert is missed."""

from __future__ import annotations

from functools import partial

from scenarios.failover.broker_drills import wait
from scenarios.failover.serving import serves
from sim.checks.missed_alerts import ALERT, BEFORE, DURING, SEVERITY, WATCH, judge_missed_alerts
from sim.errors import SimError
from sim.faults.kill import Kill
from sim.faults.together import Together
from sim.history import Outcome
from sim.scenario import Scenario, Stage

_DELIVERY_S = 30.0
_EVALUATED_S = 90.0


def _rehearse(stage: Stage) -> None:
    prometheuses = [spec.name for spec in stage.plan.of_kind("prometheus")]
    alertmanagers = [spec.name for spec in stage.plan.of_kind("alertmanager")]
    victims = (stage.rng.choice(prometheuses), stage.rng.choice(alertmanagers))
    survivors = (
        next(name for name in prometheuses if name != victims[0]),
        next(name for name in alertmanagers if name != victims[1]),
    )
    _watch(stage, survivors[0], BEFORE)
    _alert(stage, survivors[1], BEFORE)
    kills = Together(tuple(Kill(victim, partial(serves, stage, victim)) for victim in victims))
    with kills.inject(stage) as effective:
        if effective:
            _alert(stage, survivors[1], DURING)
            _watch(stage, survivors[0], DURING)


def _watch(stage: Stage, prometheus: str, phase: str) -> None:
    server = stage.servers.prometheus(prometheus)

    def healthy() -> list[str]:
        return [name for name, rule in server.rules().items() if rule["health"] == "ok"]

    # A rule has no health before it was evaluated for the first time.
    wait(stage, lambda: len(healthy()) == len(server.rules()) > 0, _EVALUATED_S)
    try:
        stage.record(
            WATCH, prometheus, Outcome.OK, phase=phase, rules=len(healthy()), alertmanagers=list(server.alertmanagers())
        )
    except SimError as error:
        stage.record(WATCH, prometheus, Outcome.UNSURE, phase=phase, message=str(error))


def _alert(stage: Stage, alertmanager: str, phase: str) -> None:
    """Fired as a Prometheus would, at the Alertmanager that is left; resolved again whatever came of it."""
    server, sink = stage.servers.alertmanager(alertmanager), stage.servers.alert_sink()
    routes = stage.topology.monitoring.alertmanager.routes
    documented = {channel for route in routes if route.severity == SEVERITY for channel in route.channels}
    name = f"SimDrill{phase.capitalize()}{stage.rng.getrandbits(32):08x}"
    began_s = stage.clock.now_s()

    def channels() -> set[str]:
        return {delivery.channel for delivery in sink.deliveries(name) if delivery.status == "firing"}

    try:
        server.fire(name, SEVERITY, {"origin": "sim"})
        arrived = wait(stage, lambda: channels() >= documented, _DELIVERY_S)
        stage.record_at(
            began_s,
            ALERT,
            alertmanager,
            Outcome.OK if arrived else Outcome.FAILED,
            phase=phase,
            channels=sorted(channels()),
            took_s=round(stage.clock.now_s() - began_s, 3),
        )
        server.resolve(name, SEVERITY, {"origin": "sim"})
    except SimError as error:
        stage.record_at(began_s, ALERT, alertmanager, Outcome.UNSURE, phase=phase, message=str(error))


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/monitoring-replicas",
        claim="With one Prometheus and one Alertmanager dead every alert still arrives on its documented channels.",
        section="9",
        needs=("prometheus", "alertmanager", "alert-sink"),
        rehearse=_rehearse,
        judge=judge_missed_alerts,
        essential=False,
        source="Prometheus documentation, Alertmanager (high availability)",
    ),
)
