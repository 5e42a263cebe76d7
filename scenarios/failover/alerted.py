"""A database dies, and the documented alert for it fires, reaches people, and is over when the database is back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sim.checks.alerted import AFTER, ALERT, BEFORE, DURING, FIRING, INACTIVE, RESOLVED, TOLD, judge_alerted
from sim.errors import SimError
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.scenario import Scenario, Stage

_ALERT = "DatabaseConnectionFailure"
_FIRES_S = 180.0
_CLEARS_S = 120.0
_TOLD_S = 30.0
_POLL_S = 1.0
_T = TypeVar("_T")


def _rehearse(stage: Stage) -> None:
    database = stage.rng.choice(stage.plan.of_kind("mysql")).name
    server = stage.servers.sql(database)
    _see(stage, BEFORE, INACTIVE, 0.0)
    heard = {status: _heard(stage, status) for status in (FIRING, RESOLVED)}
    with Kill(database, ready=lambda: bool(server.version())).inject(stage) as killed:
        if killed:
            _see(stage, DURING, FIRING, _FIRES_S)
            _see_told(stage, FIRING, heard[FIRING])
    _see(stage, AFTER, INACTIVE, _CLEARS_S)
    _see_told(stage, RESOLVED, heard[RESOLVED])


def _see(stage: Stage, phase: str, wanted: str, deadline_s: float) -> None:
    """The rule's state on every Prometheus, as soon as it is the one wanted, or at the deadline."""
    began_s = stage.clock.now_s()
    for spec in stage.plan.of_kind("prometheus"):
        state, message = _until(stage, partial(_state, stage, spec.name), lambda s: s == wanted, began_s + deadline_s)
        outcome = Outcome.UNSURE if state is None else Outcome.OK
        after_s = round(stage.clock.now_s() - began_s, 3)
        stage.record(ALERT, spec.name, outcome, phase=phase, state=state or "", after_s=after_s, message=message)


def _state(stage: Stage, prometheus: str) -> str:
    return str(stage.servers.prometheus(prometheus).rules()[_ALERT]["state"])


def _heard(stage: Stage, status: str) -> int:
    """How many were told of it before: an earlier drill may have been the cause."""
    return sum(delivery.status == status for delivery in stage.servers.alert_sink().deliveries(_ALERT))


def _see_told(stage: Stage, status: str, before: int) -> None:
    """The channels that were told since, once both documented ones were, or at the deadline."""
    sink = stage.servers.alert_sink()

    def channels() -> list[str]:
        since = [d.channel for d in sink.deliveries(_ALERT) if d.status == status][before:]
        return sorted(set(since))

    def all_told(heard: list[str] | None) -> bool:
        return wanted <= set(heard or ())

    severity = next(r.severity for r in stage.topology.monitoring.prometheus.rules if r.name == _ALERT)
    routes = stage.topology.monitoring.alertmanager.routes
    wanted = {channel for route in routes if route.severity == severity for channel in route.channels}
    found, message = _until(stage, channels, all_told, stage.clock.now_s() + _TOLD_S)
    outcome = Outcome.UNSURE if found is None else Outcome.OK
    stage.record(TOLD, sink.name, outcome, status=status, channels=found or [], message=message)


def _until(
    stage: Stage, read: Callable[[], _T], satisfied: Callable[[_T], bool], ends_s: float
) -> tuple[_T | None, str]:
    """The last answer, None when none came, and why not."""
    last: _T | None = None
    message = ""
    while True:
        try:
            last, message = read(), ""
            if satisfied(last):
                return last, message
        except SimError as error:
            message = error.what
        if stage.clock.now_s() >= ends_s:
            return last, message
        stage.clock.sleep_s(_POLL_S)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/database-alert",
        claim="When a database dies the documented alert fires everywhere, reaches its channels, and clears again.",
        section="9",
        needs=("mysql", "mysql-exporter", "prometheus", "alertmanager", "alert-sink"),
        rehearse=_rehearse,
        judge=judge_alerted(_ALERT),
        essential=False,
        source="Prometheus documentation, Alerting rules; Chaos Toolkit, steady-state hypothesis",
        parameters={"fires_within_s": _FIRES_S, "clears_within_s": _CLEARS_S},
        lasts_s=130.0,
    ),
)
