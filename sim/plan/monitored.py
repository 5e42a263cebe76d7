"""What every part of the monitoring stack shares: names, namespace, command line, HTTP probe."""

from __future__ import annotations

from typing import Any

import yaml

from sim.plan.draft import Draft, pod_name
from sim.plan.model import Healthcheck, ServerSpec
from sim.plan.pod_labels import MONITORING, operator_labels


def dump_yaml(document: Any) -> str:
    """A configuration file, keys in the order given."""
    text: str = yaml.safe_dump(document, sort_keys=False, width=120)
    return text


def replica_names(name: str, replicas: int) -> tuple[str, ...]:
    return tuple(f"{name}-{i}" for i in range(replicas))


def _aliases(draft: Draft, pod: str, service: str) -> tuple[str, ...]:
    namespace = draft.topology.monitoring.namespace
    headless = tuple(name.replace(service, f"{pod}.{service}", 1) for name in draft.names(service, namespace))
    return (*draft.names(service, namespace), *(headless if pod != service else ()))


def monitoring_server(draft: Draft, name: str, service: str, **specifics: Any) -> ServerSpec:
    requests, limits = draft.limits(specifics.pop("resources"))
    return ServerSpec(
        name=name,
        namespace=draft.topology.monitoring.namespace,
        app=service,
        hostname=name if name != service else pod_name(name),
        address=draft.next_address(),
        aliases=_aliases(draft, name, service),
        environment={},
        labels=operator_labels(service, MONITORING),
        requests=requests,
        limits=limits,
        # Upstream's images name their binary as the entrypoint, others do not: the command line is ours alone.
        replaces_entrypoint=True,
        **specifics,
    )


def http_check(port: int, path: str) -> Healthcheck:
    return Healthcheck(("sh", "-c", f"busybox wget -qO- http://127.0.0.1:{port}{path} >/dev/null"), 5.0, 10.0)
