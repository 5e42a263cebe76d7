"""Facts that hold across kinds: limits, replicas, images on record, and names on the pod network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import Doubt, Fact, ask, equals, every, exactly, observe_state, running
from sim.plan.model import ServerKind
from sim.scenario import Evidence, Scenario, Stage
from sim.topology.model import ResourceList, Topology
from sim.topology.names import deployment_names

_EVERY_KIND: tuple[ServerKind, ...] = (
    "mysql",
    "rabbitmq",
    "object-store",
    "redis",
    "prometheus",
    "alertmanager",
    "node-exporter",
    "mysql-exporter",
    "gateway",
    "service",
)
# The engine counts processor time in billionths of a core.
_CORES_TOLERANCE = 1e-6


def _limits_scenario(kind: ServerKind, subject: str, section: str) -> Scenario:
    def rehearse(stage: Stage) -> None:
        for spec in stage.plan.of_kind(kind):
            planned = {"memory_bytes": spec.limits.memory_bytes, "cpu_cores": spec.limits.cpu_cores}

            def limits(name: str = spec.name, planned: dict[str, Any] = planned) -> dict[str, Any]:
                state = stage.control.state(name)
                applied = {"memory_bytes": state.memory_limit_bytes, "cpu_cores": state.cpu_limit_cores}
                return {"state": state.state, "planned": planned, "applied": applied}

            ask(stage, "limits", spec.name, limits)

    def expected(evidence: Evidence) -> Mapping[str, Any]:
        environment = next(e for n, e in evidence.topology.environments.items() if n == evidence.environment)
        return {
            name: (resources.limits, environment.limits)
            for name, resources in tables.resources(evidence).items()
            if tables.kinds(evidence)[name] == kind
        }

    fact = Fact("limits", section, expected, _limits_problem, "the documented memory and CPU limits are applied")
    claim = f"The engine holds {subject} to the documented memory and CPU limits."
    return Scenario(f"conformance/limits-{kind}", claim, section, (kind,), rehearse, fact)


def _limits_problem(observed: Any, documented: Any) -> str:
    """The component's own limits, or the environment's where a run was planned with those (C5)."""
    applied, planned = observed["applied"], observed["planned"]
    if observed["state"] != "running":
        return Doubt(f"its container is {observed['state']}: nothing is held to any limit")
    if not applied["memory_bytes"] and not applied["cpu_cores"]:
        return Doubt("the engine applies no limit at all: this stack was started without them")
    own, environment = documented
    asked_for = environment if _is_limit(planned, environment) and not _is_limit(planned, own) else own
    if _is_limit(applied, asked_for):
        return ""
    wrong = (
        equals("the memory limit in bytes")(applied["memory_bytes"], asked_for.memory_bytes),
        equals("the CPU limit in cores")(applied["cpu_cores"], asked_for.cpu_cores),
    )
    return "; ".join(problem for problem in wrong if problem)


def _is_limit(limits: Any, documented: ResourceList) -> bool:
    memory = documented.memory_bytes is None or limits["memory_bytes"] == documented.memory_bytes
    cores = documented.cpu_cores
    return memory and (cores is None or abs((limits["cpu_cores"] or 0.0) - cores) < _CORES_TOLERANCE)


def _states(stage: Stage) -> None:
    for spec in stage.plan.servers:
        if spec.kind in _EVERY_KIND:
            observe_state(stage, spec.name)


def _unkilled(observed: Any, _documented: Any) -> str:
    return "its container was killed for want of memory" if observed["oom_killed"] else ""


def _images(stage: Stage) -> None:
    for spec in stage.plan.servers:
        if spec.kind in _EVERY_KIND:

            def image(name: str = spec.name) -> dict[str, str]:
                state = stage.control.state(name)
                return {"state": state.state, "digest": state.image_digest}

            ask(stage, "image", spec.name, image)


def _recorded_images(evidence: Evidence) -> Mapping[str, Any]:
    """A real service's image is on record under its own name, the stand-ins' under the one they share."""
    images = evidence.images
    own = {pod: f"service:{deployment}" for pod, deployment in tables.service_pods(evidence).items()}
    known = {
        name: images.get(own.get(name, "")) or images.get("service" if name in own else kind)
        for name, kind in tables.kinds(evidence).items()
    }
    return {name: image.digest if image else "" for name, image in known.items()}


def _image_problem(observed: Any, recorded: Any) -> str:
    if not recorded:
        return Doubt("no image is on record for it")
    if observed["state"] != "running":
        return Doubt(f"its container is {observed['state']}: no image runs")
    return "" if observed["digest"] == recorded else f"runs {observed['digest']}, recorded {recorded}"


def _lookups(
    op: str, names: Callable[[Stage], Mapping[str, str]], asker: Callable[[Stage], str]
) -> Callable[[Stage], None]:
    """Resolve names inside a pod, and note beside each the addresses of the pods that it should lead to."""

    def rehearse(stage: Stage) -> None:
        pod = asker(stage)
        for name, service in names(stage).items():
            addresses = sorted(s.address for s in stage.plan.servers if s.app == service)

            def resolved(name: str = name, addresses: list[str] = addresses) -> dict[str, Any]:
                return {"answer": sorted(stage.control.resolve(pod, name)), "pods": addresses}

            ask(stage, op, name, resolved, asked_from=pod)

    return rehearse


def _resolves(observed: Any, _documented: Any) -> str:
    if not observed["pods"]:
        return Doubt("no pod of that service is part of this stack")
    return exactly("addresses")(observed["answer"], observed["pods"])


def _resolves_nowhere(observed: Any, documented: Any) -> str:
    if observed["answer"]:
        return f"resolves to {', '.join(observed['answer'])}, documented unknown there"
    return Doubt("no such pod anywhere in this stack") if documented and not observed["pods"] else ""


def _main_services(topology: Topology) -> dict[str, str]:
    return {name: name for name in (*(d.deployment for d in topology.databases.values()), topology.cache.name)}


def _database_pod(stage: Stage) -> str:
    return stage.plan.of_kind("mysql")[0].name


def _messaging_pod(stage: Stage) -> str:
    return stage.plan.of_kind("rabbitmq")[0].name


def _services(topology: Topology, main: str) -> dict[str, str]:
    """Fully qualified name → service, of every service of every namespace that runs here."""
    monitoring = topology.monitoring
    placed = [
        *((d.deployment, main) for d in topology.databases.values()),
        *((deployment, main) for deployment in deployment_names(topology)),
        (topology.cache.name, main),
        (topology.broker.name, topology.broker.namespace),
        (topology.object_store.name, topology.object_store.namespace),
        (monitoring.prometheus.name, monitoring.namespace),
        (monitoring.alertmanager.name, monitoring.namespace),
    ]
    return {f"{service}.{namespace}.svc.{topology.cluster_domain}": service for service, namespace in placed}


def _unknown_names(topology: Topology) -> dict[str, str]:
    """A service that is not there, and short names of services that live in another namespace."""
    # Short names are tried of services that do run: of an absent one they would lead nowhere in any case.
    elsewhere = (topology.cache.name, topology.monitoring.prometheus.name)
    return {"no-such-service": "", **{name: name for name in elsewhere}}


def _own_name(topology: Topology) -> dict[str, str]:
    return {topology.broker.name: topology.broker.name}


def _strangers(stage: Stage) -> None:
    """A name that must resolve beside those that must not: a resolver that knows nothing would prove nothing."""
    _lookups("resolve-known", lambda s: _own_name(s.topology), _messaging_pod)(stage)
    _lookups("resolve-unknown", lambda s: _unknown_names(s.topology), _messaging_pod)(stage)


SCENARIOS = (
    Scenario(
        "conformance/servers-running",
        "Every documented server runs, with its documented number of replicas, and none was killed for want of memory.",
        "2",
        _EVERY_KIND,
        _states,
        every(
            running("2", lambda e: dict.fromkeys(tables.kinds(e), "running")),
            Fact("engine-state", "2", lambda e: dict.fromkeys(tables.kinds(e)), _unkilled, "nobody was killed"),
        ),
    ),
    Scenario(
        "conformance/images-on-record",
        "Every server runs exactly the image that this run's record names, with its fidelity to the document.",
        "2",
        _EVERY_KIND,
        _images,
        Fact("image", "2", _recorded_images, _image_problem, "the recorded image runs"),
    ),
    _limits_scenario("mysql", "each database", "5"),
    _limits_scenario("rabbitmq", "each broker node", "6"),
    _limits_scenario("object-store", "the object store", "7"),
    _limits_scenario("redis", "the cache", "8"),
    _limits_scenario("prometheus", "each Prometheus replica", "9"),
    Scenario(
        "conformance/dns-short-names",
        "Inside the main namespace a service's short name leads to its pods.",
        "5",
        ("mysql", "redis"),
        _lookups("resolve-short", lambda s: _main_services(s.topology), _database_pod),
        Fact(
            "resolve-short",
            "5",
            lambda e: _main_services(e.topology),
            _resolves,
            "short names lead to their pods",
        ),
    ),
    Scenario(
        "conformance/dns-full-names",
        "A service's full name leads to all of its pods from another namespace.",
        "6",
        _EVERY_KIND,
        _lookups("resolve-full", lambda s: _services(s.topology, s.plan.namespace), _messaging_pod),
        Fact(
            "resolve-full",
            "6",
            lambda e: _services(e.topology, tables.main_namespace(e)),
            _resolves,
            "full names lead to all their pods",
        ),
    ),
    Scenario(
        "conformance/dns-unknown-names",
        "A name nobody has, or a short name from another namespace, leads nowhere.",
        "6",
        ("rabbitmq", "redis", "prometheus"),
        _strangers,
        every(
            Fact(
                "resolve-known", "6", lambda e: _own_name(e.topology), _resolves, "a name of its own namespace resolves"
            ),
            Fact(
                "resolve-unknown",
                "6",
                lambda e: _unknown_names(e.topology),
                _resolves_nowhere,
                "names that should lead nowhere lead nowhere",
            ),
        ),
    ),
)
