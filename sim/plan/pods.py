"""Documented topology → plan: the one place that decides which servers a stack has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from sim.errors import BadInput
from sim.images.model import ResolvedImage
from sim.plan.access import COORDINATOR
from sim.plan.alertmanager import plan_alert_sink, plan_alertmanagers
from sim.plan.cache import plan_cache
from sim.plan.draft import Draft
from sim.plan.exporters import plan_mysql_exporter, plan_node_exporter
from sim.plan.model import PLACEHOLDER, Plan, ServerKind, ServerSpec
from sim.plan.mysql import plan_databases
from sim.plan.object_store import metrics_endpoint, plan_object_store
from sim.plan.order import start_order, with_dependencies
from sim.plan.policies import documented_policies
from sim.plan.prometheus import plan_prometheuses
from sim.plan.rabbitmq import plan_brokers
from sim.plan.services import COMPONENT, plan_gateway, plan_services
from sim.topology.model import EnvironmentName, Topology

COMPONENTS = (
    "mysql",
    "rabbitmq",
    "object-store",
    "redis",
    "prometheus",
    "alertmanager",
    "node-exporter",
    "mysql-exporter",
    "alert-sink",
    COMPONENT,
    "pause",
    "network-tools",
)


def build_plan(
    topology: Topology,
    environment: EnvironmentName,
    images: Mapping[str, ResolvedImage],
    subnet: str,
    *,
    only: Sequence[str] = (),
    kinds: frozenset[ServerKind] | None = None,
    environment_limits: bool = False,
) -> Plan:
    """Plan the servers of ``environment`` on ``subnet`` (a /24).

    ``images`` are the components', and by its deployment's name the real image of any service that has one.

    ``only`` names services or servers: what those need, and nothing else. ``kinds`` keeps servers of those kinds and
    what they start after. ``environment_limits`` puts the environment's limits on databases and the like, too. Raises
    BadInput for a name the document does not have.
    """
    draft = Draft(topology, environment, images, subnet, environment_limits)
    servers = _servers(draft)
    chosen = _chosen(topology, servers, only, kinds)
    if len(chosen) < len(servers):
        # Drawn up again, now that it is known whom monitoring will not find.
        draft = Draft(topology, environment, images, subnet, environment_limits, chosen)
        servers = _servers(draft)
    kept = tuple(server for server in servers if server.name in chosen)
    secrets = {name for server in kept for name in _secret_names(server)}
    named = {server.name for server in kept} | {server.app for server in kept} | {server.kind for server in kept}
    return Plan(
        platform=topology.name,
        environment=environment,
        namespace=draft.environment.namespace,
        cluster_domain=topology.cluster_domain,
        subnet=subnet,
        servers=start_order(kept),
        secret_names=tuple(sorted(secrets)),
        departures=tuple(d for d in draft.departures if d.server in named),
        pause_image=images["pause"],
        tools_image=images["network-tools"],
        policies=documented_policies(
            topology, environment, metrics_endpoint(images["object-store"], topology.object_store.api_port)[0]
        ),
    )


def _servers(draft: Draft) -> tuple[ServerSpec, ...]:
    return (
        *plan_brokers(draft),
        *plan_databases(draft),
        plan_object_store(draft),
        plan_cache(draft),
        plan_alert_sink(draft),
        *plan_alertmanagers(draft),
        plan_node_exporter(draft),
        plan_mysql_exporter(draft),
        *plan_prometheuses(draft),
        *plan_gateway(draft),
        *plan_services(draft),
    )


def _secret_names(server: ServerSpec) -> set[str]:
    texts = [*server.environment.values(), *(file.content for file in server.files)]
    found = {name for text in texts for name in PLACEHOLDER.findall(text)}
    return found | {value for key, value in server.facts.items() if key.endswith("_secret")}


def _chosen(
    topology: Topology, servers: Sequence[ServerSpec], only: Sequence[str], kinds: frozenset[ServerKind] | None
) -> frozenset[str]:
    after = {server.name: server.after for server in servers}
    if only:
        return with_dependencies([name for given in only for name in _needed_by(topology, servers, given)], after)
    if kinds is not None:
        return with_dependencies([server.name for server in servers if server.kind in kinds], after)
    return frozenset(after)


def _needed_by(topology: Topology, servers: Sequence[ServerSpec], given: str) -> tuple[str, ...]:
    """A server's, app's or kind's own name, or a service's key; with a service, the one that declares its queues."""
    deployment = topology.services[given].name if given in topology.services else given
    found = [server for server in servers if deployment in {server.name, server.app, server.kind}]
    if not found:
        raise _unknown(topology, servers, given)
    if any(server.kind == "service" for server in found) and COORDINATOR in topology.services:
        found += [server for server in servers if server.app == topology.services[COORDINATOR].name]
    return tuple(server.name for server in found)


def _unknown(topology: Topology, servers: Sequence[ServerSpec], given: str) -> BadInput:
    if given in topology.services or given in {service.name for service in topology.services.values()}:
        return BadInput(
            f"The service {given!r} has no image, and there is no stand-in for it.",
            next_step=f"give it one: --image {given}=REFERENCE, or its `image` in the topology",
        )
    known = sorted({*topology.services, *(n for s in servers for n in (s.name, s.app, s.kind))})
    near = difflib.get_close_matches(given, known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known)}"
    return BadInput(f"Nothing in the document is called {given!r}.", next_step=hint)
