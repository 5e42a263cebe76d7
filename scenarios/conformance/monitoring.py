"""Section 9: Prometheus, its targets and rules, and the exporters behind them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import Doubt, Fact, ask, at_least, equals, every, exactly, observe_state, running, until
from sim.plan.model import ServerKind, ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import MetricsServer, ScrapeTarget

_SECTION = "9"
# A target's first scrape comes within one interval of its discovery, and a scrape may take its time-out.
_FIRST_SCRAPE_S = 45.0
# The services are not part of every stack, and nothing serves Kubernetes' own metrics; the other jobs always are there.
_NOT_ALWAYS_RUN = frozenset({"microservices", "kube-state-metrics"})
_NODE_METRICS = ("node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes")


def _scenario(
    name: str,
    claim: str,
    needs: tuple[ServerKind, ...],
    rehearse: Callable[[Stage], None],
    judge: Callable[..., Any],
) -> Scenario:
    return Scenario(f"conformance/{name}", claim, _SECTION, needs, rehearse, judge)


def _each(observe: Callable[[Stage, ServerSpec, MetricsServer], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        for spec in stage.plan.of_kind("prometheus"):
            observe(stage, spec, stage.servers.prometheus(spec.name))

    return rehearse


def _on_each(value: Callable[[Evidence], Any]) -> Callable[[Evidence], Mapping[str, Any]]:
    return lambda evidence: dict.fromkeys(tables.prometheuses(evidence), value(evidence))


def _retention(stage: Stage, spec: ServerSpec, prometheus: MetricsServer) -> None:
    observe_state(stage, spec.name)
    ask(stage, "retention", spec.name, prometheus.retention_s)


def _targets(stage: Stage, spec: ServerSpec, prometheus: MetricsServer) -> None:
    ask(stage, "targets", spec.name, lambda: until(stage, prometheus.targets, _all_scraped, _FIRST_SCRAPE_S))


def _all_scraped(targets: tuple[ScrapeTarget, ...]) -> bool:
    return all(target.health == "up" for target in targets)


def _documented_targets(evidence: Evidence) -> dict[str, int]:
    """Job → how many targets it must have."""
    topology = evidence.topology
    counts = {
        "broker": topology.broker.replicas,
        "databases": len(topology.databases),
        "object-store": topology.object_store.replicas,
        "node": 1,
        "prometheus": topology.monitoring.prometheus.replicas,
        "alertmanager": topology.monitoring.alertmanager.replicas,
    }
    jobs = topology.monitoring.prometheus.scrape_jobs
    return {job.name: counts[job.target] for job in jobs if job.target not in _NOT_ALWAYS_RUN}


def _up_problem(observed: Any, documented: Any) -> str:
    wrong = [
        f"{job} has {len(found)} targets, documented {count}"
        for job, count in documented.items()
        if len(found := [t for t in observed if t["job"] == job]) != count
    ]
    wrong += [f"{t['instance']} of {t['job']} is down" for t in observed if t["health"] == "down"]
    unseen = [f"{t['instance']} of {t['job']}" for t in observed if t["health"] == "unknown"]
    return "; ".join(wrong) or (Doubt(f"not scraped yet: {', '.join(unseen)}") if unseen else "")


def _cadence(evidence: Evidence) -> dict[str, tuple[str, float]]:
    """Job → (path, seconds). The stand-in for the object store has its metrics elsewhere: its path is its own."""
    jobs = evidence.topology.monitoring.prometheus.scrape_jobs
    image = evidence.images.get("object-store")
    elsewhere = image is not None and image.software != "minio"
    return {
        job.name: ("" if job.target == "object-store" and elsewhere else job.path, job.interval_s)
        for job in jobs
        if job.target not in _NOT_ALWAYS_RUN
    }


def _cadence_problem(observed: Any, documented: Any) -> str:
    wrong = []
    for job, (path, interval_s) in documented.items():
        found = {(t["path"], t["interval_s"]) for t in observed if t["job"] == job}
        if not found:
            wrong.append(f"{job} is not scraped")
        wrong += [
            f"{job} is scraped at {seen_path} every {seen_s:g} s, documented {path} every {interval_s:g} s"
            for seen_path, seen_s in sorted(found)
            if seen_s != interval_s or (path and seen_path != path)
        ]
    return "; ".join(wrong)


def _rules(stage: Stage, spec: ServerSpec, prometheus: MetricsServer) -> None:
    def evaluated() -> Any:
        return until(
            stage,
            prometheus.rules,
            lambda rules: all(rule["health"] != "unknown" for rule in rules.values()),
            _FIRST_SCRAPE_S,
        )

    ask(stage, "rules", spec.name, evaluated)


def _documented_rules(evidence: Evidence) -> dict[str, Any]:
    return {
        rule.name: {"severity": rule.severity, "for_s": rule.for_s, "health": "ok"}
        for rule in evidence.topology.monitoring.prometheus.rules
    }


def _rules_problem(observed: Any, documented: Any) -> str:
    wrong = [exactly("alert rules")(list(observed), list(documented))]
    unseen = [name for name, rule in observed.items() if rule["health"] == "unknown"]
    if not wrong[0] and unseen:
        return Doubt(f"not evaluated yet: {', '.join(unseen)}")
    for name, expected in documented.items():
        if name in observed:
            wrong += [equals(f"{key} of {name}")(observed[name].get(key), value) for key, value in expected.items()]
    return "; ".join(problem for problem in wrong if problem)


def _alertmanagers(stage: Stage, spec: ServerSpec, prometheus: MetricsServer) -> None:
    """By pod: the first label of each address."""
    expected = stage.topology.monitoring.alertmanager.replicas
    found = functools.partial(
        until, stage, prometheus.alertmanagers, lambda seen: len(seen) == expected, _FIRST_SCRAPE_S
    )
    ask(stage, "alertmanagers", spec.name, lambda: sorted(address.partition(".")[0] for address in found()))


def _database_exporter(stage: Stage) -> None:
    """As Prometheus asks it: one server at a time, by its name on the pod network."""
    exporter = stage.servers.exporter(stage.plan.of_kind("mysql-exporter")[0].name)
    for spec in stage.plan.of_kind("mysql"):
        target = f"{spec.aliases[-1]}:{spec.port('mysql').number}"
        page = functools.partial(exporter.metrics, "/probe", {"target": target})
        ask(stage, "probe", spec.name, lambda page=page: _value(page(), "mysql_up"))  # type: ignore[misc]


def _value(page: str, metric: str) -> float | None:
    """The first sample of a metric, None when the page has none."""
    for line in page.splitlines():
        name, _, rest = line.partition(" ")
        if name.partition("{")[0] == metric:
            return float(rest.split()[0])
    return None


def _names(page: str) -> set[str]:
    return {line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if not line.startswith("#")}


def _node_exporter(stage: Stage) -> None:
    exporter = stage.servers.exporter(stage.plan.of_kind("node-exporter")[0].name)
    ask(stage, "metrics", exporter.name, lambda: sorted(_names(exporter.metrics()) & set(_NODE_METRICS)))


def _broker_series(stage: Stage, spec: ServerSpec, prometheus: MetricsServer) -> None:
    """Nodes whose queue counts Prometheus has stored, by the first label of the scraped address."""
    replicas = stage.topology.broker.replicas

    def nodes() -> set[str]:
        return {labels.get("instance", "").partition(".")[0] for labels, _ in prometheus.query("rabbitmq_queues")}

    ask(stage, "series", spec.name, lambda: until(stage, nodes, lambda seen: len(seen) == replicas, _FIRST_SCRAPE_S))


_MONITORED: tuple[ServerKind, ...] = (
    "prometheus",
    "alertmanager",
    "rabbitmq",
    "mysql",
    "mysql-exporter",
    "object-store",
    "node-exporter",
)

SCENARIOS = (
    _scenario(
        "mysql-exporter-sees-databases",
        "The exporter can log in to each of the eleven databases and says that it is up.",
        ("mysql-exporter", "mysql"),
        _database_exporter,
        Fact(
            "probe",
            _SECTION,
            lambda e: tables.on_databases(e, 1),
            equals("mysql_up"),
            "mysql_up is 1 for every database",
        ),
    ),
    _scenario(
        "node-exporter-measures",
        "The node's memory and processor time are measured.",
        ("node-exporter",),
        _node_exporter,
        Fact(
            "metrics",
            _SECTION,
            lambda e: {e.topology.monitoring.node_exporter.name: _NODE_METRICS},
            at_least("metrics"),
            "memory and processor metrics are there",
        ),
    ),
    _scenario(
        "prometheus-retention",
        "Both Prometheus replicas run and keep samples for the documented time.",
        ("prometheus",),
        _each(_retention),
        every(
            running(_SECTION, _on_each(lambda _: "running")),
            Fact(
                "retention",
                _SECTION,
                _on_each(lambda e: e.topology.monitoring.prometheus.retention_s),
                equals("retention in seconds"),
                "the documented retention",
            ),
        ),
    ),
    _scenario(
        "prometheus-targets-up",
        "Every documented target that runs here is scraped by both replicas, and is up.",
        _MONITORED,
        _each(_targets),
        Fact("targets", _SECTION, _on_each(_documented_targets), _up_problem, "every documented target is up"),
    ),
    _scenario(
        "prometheus-scrape-settings",
        "Targets are scraped at the documented path and interval.",
        ("prometheus", "object-store"),
        _each(lambda stage, spec, prometheus: ask(stage, "targets", spec.name, prometheus.targets)),
        Fact("targets", _SECTION, _on_each(_cadence), _cadence_problem, "the documented paths and intervals"),
    ),
    _scenario(
        "prometheus-stores-queue-counts",
        "Prometheus holds the queue counts of every broker node.",
        ("prometheus", "rabbitmq"),
        _each(_broker_series),
        Fact(
            "series",
            _SECTION,
            _on_each(tables.broker_nodes),
            exactly("broker nodes with queue counts"),
            "queue counts of every node are stored",
        ),
    ),
    _scenario(
        "prometheus-alert-rules",
        "The documented alerts are loaded by both replicas and evaluate without error.",
        ("prometheus",),
        _each(_rules),
        Fact("rules", _SECTION, _on_each(_documented_rules), _rules_problem, "all documented alerts are evaluated"),
    ),
    _scenario(
        "prometheus-finds-alertmanagers",
        "Each Prometheus replica sends its alerts to every Alertmanager replica.",
        ("prometheus", "alertmanager"),
        _each(_alertmanagers),
        Fact(
            "alertmanagers",
            _SECTION,
            _on_each(tables.alertmanagers),
            exactly("alertmanagers"),
            "every Alertmanager replica is known",
        ),
    ),
)
