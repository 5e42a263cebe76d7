"""Section 9: Alertmanager's replicas, and which channel an alert of each severity arrives on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import Fact, ask, equals, every, observe_state, running, until
from sim.plan.model import ServerKind, ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import AlertServer, Delivery

_SECTION = "9"
_PEERING_S = 20.0
_DELIVERY_S = 30.0
# What else a route might send goes out with the same notification: after this long, nothing more is on its way.
_STRAGGLERS_S = 2.0


def _scenario(
    name: str,
    claim: str,
    needs: tuple[ServerKind, ...],
    rehearse: Callable[[Stage], None],
    judge: Callable[..., Any],
) -> Scenario:
    return Scenario(f"conformance/alertmanager-{name}", claim, _SECTION, needs, rehearse, judge)


def _each(observe: Callable[[Stage, ServerSpec, AlertServer], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        for spec in stage.plan.of_kind("alertmanager"):
            observe(stage, spec, stage.servers.alertmanager(spec.name))

    return rehearse


def _on_each(value: Callable[[Evidence], Any]) -> Callable[[Evidence], Mapping[str, Any]]:
    return lambda evidence: dict.fromkeys(tables.alertmanagers(evidence), value(evidence))


def _peers(stage: Stage, spec: ServerSpec, server: AlertServer) -> None:
    observe_state(stage, spec.name)
    expected = stage.topology.monitoring.alertmanager.replicas
    ask(stage, "peers", spec.name, lambda: until(stage, server.peers, lambda count: count == expected, _PEERING_S))


def _retention(stage: Stage, spec: ServerSpec, server: AlertServer) -> None:
    ask(stage, "retention", spec.name, server.retention_s)


def _routes(stage: Stage, spec: ServerSpec, server: AlertServer) -> None:
    ask(stage, "routes", spec.name, server.routes)


def _routes_problem(observed: Any, documented: Any) -> str:
    wrong = [equals(f"receiver of {severity}")(observed.get(severity), name) for severity, name in documented.items()]
    return "; ".join(problem for problem in wrong if problem)


def _delivery(severity: str, claim: str) -> Scenario:
    """Fire one alert at each replica and watch the sink; it is resolved again whatever came of it."""

    def rehearse(stage: Stage) -> None:
        documented = next(r for r in stage.topology.monitoring.alertmanager.routes if r.severity == severity)
        sink = stage.servers.alert_sink()
        spec = stage.plan.of_kind("alertmanager")[0]
        server = stage.servers.alertmanager(spec.name)
        name = f"SimProbe{severity.capitalize()}{stage.rng.getrandbits(32):08x}"

        def firing() -> list[Delivery]:
            return [delivery for delivery in sink.deliveries(name) if delivery.status == "firing"]

        def arrived() -> list[dict[str, str]]:
            try:
                server.fire(name, severity, {"origin": "sim"})
                until(stage, firing, lambda seen: _channels(seen) >= set(documented.channels), _DELIVERY_S)
                until(stage, firing, lambda seen: len(seen) > len(documented.channels), _STRAGGLERS_S)
                return [{"channel": d.channel, "receiver": d.receiver} for d in firing()]
            finally:
                server.resolve(name, severity, {"origin": "sim"})

        ask(stage, f"deliver-{severity}", stage.topology.monitoring.alertmanager.name, arrived)

    def expected(evidence: Evidence) -> Mapping[str, Any]:
        alertmanager = evidence.topology.monitoring.alertmanager
        return {alertmanager.name: sorted(c for r in alertmanager.routes if r.severity == severity for c in r.channels)}

    fact = Fact(
        f"deliver-{severity}", _SECTION, expected, _delivery_problem, f"{severity}: the alert arrived where it should"
    )
    return _scenario(f"delivers-{severity}", claim, ("alertmanager", "alert-sink"), rehearse, fact)


def _channels(deliveries: list[Delivery]) -> set[str]:
    return {delivery.channel for delivery in deliveries}


def _delivery_problem(observed: Any, documented: Any) -> str:
    return equals("channels the alert arrived on")(sorted({d["channel"] for d in observed}), documented)


SCENARIOS = (
    _scenario(
        "peers",
        "The documented Alertmanager replicas run and know each other, so that each alert is sent once.",
        ("alertmanager",),
        _each(_peers),
        every(
            running(_SECTION, _on_each(lambda _: "running")),
            Fact(
                "peers",
                _SECTION,
                _on_each(lambda e: e.topology.monitoring.alertmanager.replicas),
                equals("cluster size"),
                "every replica knows all replicas",
            ),
        ),
    ),
    _scenario(
        "retention",
        "Alertmanager keeps its state for the documented time.",
        ("alertmanager",),
        _each(_retention),
        Fact(
            "retention",
            _SECTION,
            _on_each(lambda e: e.topology.monitoring.alertmanager.retention_s),
            equals("retention in seconds"),
            "the documented retention",
        ),
    ),
    _scenario(
        "routes",
        "Each severity is routed to its documented receiver.",
        ("alertmanager",),
        _each(_routes),
        Fact(
            "routes",
            _SECTION,
            _on_each(lambda e: {r.severity: r.receiver for r in e.topology.monitoring.alertmanager.routes}),
            _routes_problem,
            "every severity has its documented receiver",
        ),
    ),
    _delivery("critical", "A critical alert arrives by e-mail and on Slack, and nowhere else."),
    _delivery("warning", "A warning arrives by e-mail, and nowhere else."),
    _delivery("info", "An informational alert arrives at the webhook, and nowhere else."),
)
