"""Prometheus in memory: targets and rules from its own files, their health from the servers they point at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.errors import RigError
from sim.plan.model import ServerSpec
from sim.runtime.fake.documents import read_yaml
from sim.runtime.fake.processes import FakeProcesses
from sim.servers.protocol import ScrapeTarget
from sim.topology.quantities import parse_duration_s

# What a target's page held at its last scrape, by target host and port; None when it did not answer.
Scrape = Callable[[str, str, str], str | None]
_METRIC = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)$")


@dataclass(slots=True)
class FakeTarget:
    """``host`` is the scraped address, ``parameter`` the ``?target=`` of a probing exporter."""

    job: str
    instance: str
    host: str
    parameter: str
    path: str
    interval_s: float


@dataclass(slots=True)
class FakePrometheusState:
    version: str
    retention_s: float
    targets: list[FakeTarget]
    rules: dict[str, dict[str, Any]]
    alertmanagers: list[str]
    withheld: set[str] = field(default_factory=set)


def boot(spec: ServerSpec) -> FakePrometheusState:
    """Read flags, ``prometheus.yml`` and its rule files as Prometheus does."""
    files = {file.path: file.content for file in spec.files}
    configuration: dict[str, Any] = next(
        (read_yaml(text) for path, text in files.items() if path.endswith("prometheus.yml")), {}
    )
    retention = next((a.partition("=")[2] for a in spec.command if "retention.time=" in a), "15d")
    rules: dict[str, dict[str, Any]] = {}
    for path in configuration.get("rule_files", ()):
        for group in read_yaml(files.get(path, "groups: []"))["groups"]:
            for rule in group["rules"]:
                rules[rule["alert"]] = {
                    "expr": rule["expr"],
                    "for_s": parse_duration_s(rule.get("for", "0s")),
                    "severity": rule["labels"]["severity"],
                    "state": "inactive",
                    "health": "ok",
                }
    alerting = configuration.get("alerting", {}).get("alertmanagers", ())
    alertmanagers = [t for manager in alerting for config in manager["static_configs"] for t in config["targets"]]
    targets = [target for job in configuration.get("scrape_configs", ()) for target in _targets(job)]
    return FakePrometheusState(spec.image.version, parse_duration_s(retention), targets, rules, alertmanagers)


def _targets(job: Mapping[str, Any]) -> list[FakeTarget]:
    """With relabelling, what is listed becomes the probed ``target`` and the exporter the scraped address."""
    relabelled = {rule["target_label"]: rule for rule in job.get("relabel_configs", ())}
    exporter = relabelled.get("__address__", {}).get("replacement", "")
    shorten = re.compile(relabelled.get("instance", {}).get("regex", "(.*)"))
    listed = [address for config in job["static_configs"] for address in config["targets"]]
    return [
        FakeTarget(
            job=job["job_name"],
            instance=found[1] if "instance" in relabelled and (found := shorten.fullmatch(address)) else address,
            host=exporter or address,
            parameter=address if exporter else "",
            path=job["metrics_path"],
            interval_s=parse_duration_s(job["scrape_interval"]),
        )
        for address in listed
    ]


class FakeMetricsServer:
    """The client of one in-memory Prometheus."""

    def __init__(
        self,
        spec: ServerSpec,
        state: FakePrometheusState,
        processes: FakeProcesses,
        scrape: Scrape,
        evaluate: Callable[[str, Mapping[str, Any]], str],
    ) -> None:
        self.name = spec.name
        self._state = state
        self._processes = processes
        self._scrape = scrape
        self._evaluate = evaluate

    def _reached(self) -> FakePrometheusState:
        self._processes.require(self.name)
        return self._state

    def version(self) -> str:
        return self._reached().version

    def retention_s(self) -> float:
        return self._reached().retention_s

    def targets(self) -> tuple[ScrapeTarget, ...]:
        return tuple(
            ScrapeTarget(
                target.job,
                target.instance,
                "down" if self._page(target) is None else "up",
                target.interval_s,
                target.path,
            )
            for target in self._reached().targets
        )

    def _page(self, target: FakeTarget) -> str | None:
        return self._scrape(target.host, target.path, target.parameter)

    def rules(self) -> Mapping[str, Mapping[str, Any]]:
        return {n: {**rule, "state": self._evaluate(n, rule)} for n, rule in self._reached().rules.items()}

    def alertmanagers(self) -> tuple[str, ...]:
        return tuple(sorted(self._reached().alertmanagers))

    def query(self, expression: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        """A plain selector: a metric's name, with label equality at most. Raises RigError for more."""
        match = re.fullmatch(r"\s*([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s*", expression)
        if match is None:
            raise RigError(f"The in-memory Prometheus only knows plain selectors, not {expression!r}.")
        wanted = _labels(match[2] or "")
        samples = [sample for target in self._reached().targets for sample in self._samples(target, match[1])]
        return tuple(s for s in samples if all(s[0].get(name) == value for name, value in wanted.items()))

    def _samples(self, target: FakeTarget, metric: str) -> list[tuple[Mapping[str, str], float]]:
        page = self._page(target)
        labels = {"job": target.job, "instance": target.instance}
        if metric == "up":
            return [({"__name__": "up", **labels}, float(page is not None))]
        if metric in self._state.withheld:
            return []
        matches = [m for line in (page or "").splitlines() if (m := _METRIC.match(line)) and m[1] == metric]
        return [({"__name__": metric, **_labels(m[2] or ""), **labels}, float(m[3])) for m in matches]


def _labels(text: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', text))
