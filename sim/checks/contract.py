"""What a service's image must keep to, whoever built it: expected from the document and the published contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.checks.facts import Fact, Judge, at_least, every, running, shown
from sim.scenario import Evidence
from sim.services.contract.environment import (
    AUTH_ONLY,
    BROKER_SERVICE_ONLY,
    EVERY_SERVICE,
    GATEWAY_ONLY,
    WITH_BUCKET,
    WITH_CACHE,
    WITH_DATABASE,
    WITH_TOKENS,
)
from sim.services.contract.queues import DELIVERY_LIMIT
from sim.services.contract.signals import ERRORS_LABEL, GATEWAY_SIGNALS, SERVICE_SIGNALS, TRAFFIC
from sim.topology.model import Topology
from sim.topology.names import pod_names

GATEWAY = "gateway"
"""Stands for the gateway where others are named by their key in the document."""
SECTION = "3"
_AS_AGREED = "as agreed"

ENVIRONMENT, HEALTH, METRICS, PING = "environment", "health", "metrics", "ping"
QUEUE, CONSUMERS, BROKER_USER = "queue", "consumers", "broker-user"
DATABASE_SESSION, POISON, DRAIN = "database-session", "poison", "drain"


def deployment_of(topology: Topology, key: str) -> str:
    return topology.gateway.name if key == GATEWAY else topology.services[key].name


def environment_of(topology: Topology, key: str) -> tuple[str, ...]:
    """The names of the variables that a service's container is given, by what the document says it uses."""
    tables: list[Mapping[str, str]] = [EVERY_SERVICE]
    if key == GATEWAY:
        tables += [WITH_TOKENS, GATEWAY_ONLY]
    else:
        service = topology.services[key]
        tables += [WITH_DATABASE] * bool(service.database)
        tables += [WITH_CACHE] * bool(service.cache_use)
        tables += [WITH_BUCKET] * bool(service.bucket)
        tables += [WITH_TOKENS, AUTH_ONLY] * (key == "auth")
        tables += [BROKER_SERVICE_ONLY] * (key == "messages-broker")
    return tuple(sorted({name for table in tables for name in table}))


def signals_of(key: str) -> Mapping[str, str]:
    return GATEWAY_SIGNALS if key == GATEWAY else SERVICE_SIGNALS


def samples(page: str) -> Mapping[str, tuple[str, ...]]:
    """Metric name → the names of its labels, as a page of the text format has them."""
    seen: dict[str, set[str]] = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition("{")
            labels = rest.rpartition("}")[0].split('",') if rest else ()
            seen.setdefault(name.split(" ")[0], set()).update(part.partition("=")[0].strip(" ,") for part in labels)
    return {name: tuple(sorted(labels - {""})) for name, labels in seen.items()}


@dataclass(frozen=True, slots=True)
class Contract:
    """The facts of one service. ``key`` is its key in the document, or :data:`GATEWAY`."""

    key: str

    def judge(self) -> Judge:
        of_gateway = [self._environment(), running(SECTION, self._on_pods("running")), self._health(), self._metrics()]
        of_service = [self._ping(), self._queue(), self._consumers(), self._poison(), self._database()]
        rest = [self._broker_user(), self._drain()]
        facts = of_gateway + ([] if self.key == GATEWAY else of_service) + rest
        judges = {owns: every(*(fact for fact in facts if owns or fact.op != DATABASE_SESSION)) for owns in (0, 1)}
        return lambda evidence: judges[bool(self._database_of(evidence))](evidence)

    def _deployment(self, evidence: Evidence) -> str:
        return deployment_of(evidence.topology, self.key)

    def _on_pods(self, value: Any) -> Callable[[Evidence], Mapping[str, Any]]:
        def expected(evidence: Evidence) -> Mapping[str, Any]:
            replicas = next(e.replicas for n, e in evidence.topology.environments.items() if n == evidence.environment)
            found = value(evidence) if callable(value) else value
            return dict.fromkeys(pod_names(self._deployment(evidence), replicas), found)

        return expected

    def _on_deployment(self, value: Any) -> Callable[[Evidence], Mapping[str, Any]]:
        def expected(evidence: Evidence) -> Mapping[str, Any]:
            return {self._deployment(evidence): value(evidence) if callable(value) else value}

        return expected

    def _environment(self) -> Fact:
        return Fact(
            ENVIRONMENT,
            SECTION,
            self._on_pods(lambda evidence: environment_of(evidence.topology, self.key)),
            at_least("its environment variables"),
            "the documented environment is given",
        )

    def _health(self) -> Fact:
        return Fact(HEALTH, SECTION, self._on_pods({"": 200, "live": 200, "ready": 200}), _health_problem, "it is well")

    def _metrics(self) -> Fact:
        return Fact(
            METRICS, SECTION, self._on_pods(dict(signals_of(self.key))), _metrics_problem, "the golden signals are told"
        )

    def _ping(self) -> Fact:
        return Fact(PING, SECTION, self._on_deployment(self._deployment), _ping_problem, "it answers its callers")

    def _queue(self) -> Fact:
        def documented(evidence: Evidence) -> Mapping[str, Any]:
            return {
                "type": "quorum",
                "dead_letter_exchange": evidence.topology.broker.dead_letter_exchange,
                "delivery_limit": DELIVERY_LIMIT,
                "dead_letter_queue": "quorum",
            }

        return Fact(QUEUE, "6", self._on_deployment(documented), _settings_problem, "its queue is as agreed")

    def _consumers(self) -> Fact:
        return Fact(
            CONSUMERS, "6", self._on_deployment(self._deployment), _consumers_problem, "it consumes as its own user"
        )

    def _broker_user(self) -> Fact:
        return Fact(
            BROKER_USER,
            "10",
            self._on_deployment(_AS_AGREED),
            _rights_problem,
            "its user may do what it must and no more",
        )

    def _database_of(self, evidence: Evidence) -> Mapping[str, str]:
        """Its database server with the user, empty for a service without one."""
        if self.key == GATEWAY or evidence.topology.services[self.key].database is None:
            return {}
        database = evidence.topology.databases[str(evidence.topology.services[self.key].database)]
        return {database.deployment: database.user}

    def _database(self) -> Fact:
        return Fact(DATABASE_SESSION, "5", self._database_of, _session_problem, "it is at its own database")

    def _poison(self) -> Fact:
        return Fact(
            POISON,
            "6",
            self._on_deployment(_AS_AGREED),
            _poison_problem,
            "what nobody understands is a dead letter, and harms nobody",
        )

    def _drain(self) -> Fact:
        def first_pod(evidence: Evidence) -> Mapping[str, Any]:
            return dict([next(iter(self._on_pods(0)(evidence).items()))])

        return Fact(DRAIN, SECTION, first_pod, _drain_problem, "it ends by itself when asked to")


def _health_problem(observed: Any, documented: Any) -> str:
    wrong = [
        f"/health{'/' if kind else ''}{kind} answered {observed.get(kind) or 'nothing'}, not {status}"
        for kind, status in documented.items()
        if observed.get(kind) != status
    ]
    return "; ".join(wrong)


def _metrics_problem(observed: Any, documented: Any) -> str:
    missing = [f"{signal} ({name})" for signal, name in documented.items() if name not in observed]
    if missing:
        return f"its metrics lack {', '.join(missing)}"
    traffic = documented[TRAFFIC]
    return "" if ERRORS_LABEL in observed[traffic] else f"{traffic} does not tell errors by the label {ERRORS_LABEL}"


def _ping_problem(observed: Any, documented: Any) -> str:
    if observed["status"] != 200:
        return f"/ping answered {observed['status']} through the gateway"
    said = observed["service"]
    return "" if said == documented else f"{shown(said)} answered for it"


def _settings_problem(observed: Any, documented: Any) -> str:
    wrong = [
        f"{name} is {shown(observed.get(name))}, agreed {shown(value)}"
        for name, value in documented.items()
        if observed.get(name) != value
    ]
    return "; ".join(wrong)


def _consumers_problem(observed: Any, documented: Any) -> str:
    if not observed:
        return "nobody consumes its queue"
    others = sorted(set(observed) - {documented})
    return f"{', '.join(others)} consume its queue" if others else ""


def _rights_problem(observed: Any, _documented: Any) -> str:
    if observed["tags"]:
        return f"its user is {', '.join(observed['tags'])}"
    everything = [name for name in ("configure", "write", "read") if observed[name].strip("^$") in {".*", ".+"}]
    return f"its user may {', '.join(everything)} everything" if everything else ""


def _session_problem(observed: Any, documented: Any) -> str:
    if not observed.get(documented):
        return f"{documented} is not connected"
    return ""


def _poison_problem(observed: Any, _documented: Any) -> str:
    lines: list[str] = []
    if observed["dead_lettered"] != observed["sent"]:
        lines.append(f"{observed['dead_lettered']} of {observed['sent']} malformed messages became dead letters")
    if observed["restarted"]:
        lines.append(f"{', '.join(observed['restarted'])} was restarted by them")
    if observed["ping"] != 200:
        lines.append(f"it answered {observed['ping']} after them")
    return "; ".join(lines)


def _drain_problem(observed: Any, _documented: Any) -> str:
    if observed["exit_code"] != 0:
        return f"it ended with {observed['exit_code']} {observed['took_s']:.1f} s after SIGTERM"
    return ""
