"""For every scenario of the network's wall ways to spoil what is in force that must make it fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from scenarios.isolation.edges import SCENARIOS as EDGES
from scenarios.isolation.rooms import SCENARIOS as ROOMS
from scenarios.isolation.under_policies import SCENARIOS as UNDER
from sim.policy.objects import Cluster, Direction, NetworkPolicy
from sim.runtime.fake.network import Flaws
from sim.runtime.fake.platform import FakePlatform
from tests.fake.drill_rehearsal import Sabotage

_CANARY = "sim-canary"


def _distorted(distort: Callable[[Cluster], Cluster]) -> Sabotage:
    """What comes in force is something else, but for the control's own policy, which a run would be blind without."""

    def guarded(cluster: Cluster) -> Cluster:
        named = {policy.name for policy in cluster.policies}
        return cluster if _CANARY in named else distort(cluster)

    return lambda platform: setattr(platform.control.flaws, "distort", guarded)


def _flawed(**flaws: object) -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        for name, value in flaws.items():
            assert hasattr(Flaws(), name)
            setattr(platform.control.flaws, name, value)

    return spoil


def _without(name: str) -> Sabotage:
    """One policy is lost on its way into force."""
    return _distorted(lambda c: c.with_policies(p for p in c.policies if p.name != name))


def _first_rule_of(name: str) -> Sabotage:
    """One policy lets in, or out, whoever there is: its rule has lost peers and ports."""

    def widen(policy: NetworkPolicy) -> NetworkPolicy:
        if policy.name != name:
            return policy
        return replace(
            policy,
            ingress=tuple(replace(rule, peers=(), ports=()) for rule in policy.ingress),
            egress=tuple(replace(rule, peers=(), ports=()) for rule in policy.egress),
        )

    return _distorted(lambda c: c.with_policies(map(widen, c.policies)))


nothing_in_force = _distorted(lambda cluster: cluster.with_policies(()))
"""Tables are there and let everything through."""

all_shut = _distorted(
    lambda cluster: cluster.with_policies(
        NetworkPolicy("shut", namespace, policy_types=tuple(Direction)) for namespace in ("x", "y")
    )
)
"""Nothing gets into two of a room's namespaces, nor out; the control is played in the third."""


def _neighbour_falls(platform: FakePlatform) -> None:
    """Whenever some server dies, the cache is started anew too."""

    def fall(server: str) -> None:
        if server != "redis":
            platform.control.kill("redis")
            platform.control.start("redis")

    platform.processes.died.append(fall)


_ROOM_WAYS: Mapping[str, tuple[Sabotage, ...]] = {
    "no-policies": (all_shut,),
    "every-namespace": (all_shut,),
    "empty-ingress": (nothing_in_force, all_shut),
    "first-packet": (_flawed(fresh_unfiltered=True), nothing_in_force),
    "established-survives": (_flawed(cut_established=True), nothing_in_force),
    "established-is-cut": (_flawed(keep_established=True), nothing_in_force),
    "loopback": (_flawed(loopback_shut=True), nothing_in_force),
    "node-probes": (_flawed(node_shut_out_by_policies=True), nothing_in_force),
    "dns": (_flawed(dns_unruled=True), nothing_in_force, _without("dns")),
    "replies": (nothing_in_force, all_shut),
    "deny-and-allow": (nothing_in_force, all_shut, _without("b-allow"), _without("a-allow")),
}

_EDGE_WAYS: Mapping[str, tuple[Sabotage, ...]] = {
    "edges": (_without("allow-gateway-to-broker-egress"),),
    "edges-ingress-alone": (_first_rule_of("allow-own-database-auth-ingress"),),
    "edges-egress-alone": (_first_rule_of("allow-own-database-auth-egress"),),
    "gateway-and-services": (nothing_in_force, _without("allow-gateway-to-services-ingress")),
    "own-database-only": (
        nothing_in_force,
        _without("allow-own-database-sav-egress"),
        _flawed(unfiltered=("e-commerce-dev/sav-service-mysql",)),
    ),
    "broker-ports": (nothing_in_force, _without("allow-broker-cluster-egress")),
    "cache-edges": (nothing_in_force, _without("allow-cache-users-ingress")),
    "store-edges": (nothing_in_force, _first_rule_of("allow-bucket-users-ingress")),
    "into-the-gateway": (nothing_in_force, _first_rule_of("allow-ingress-to-gateway-ingress")),
    "scraping": (nothing_in_force, _without("allow-store-scrape-ingress")),
}

_UNDER_WAYS: Mapping[str, tuple[Sabotage, ...]] = {
    "names-under-policies": (_flawed(dns_unruled=True), _without("allow-dns-egress"), nothing_in_force),
    "restart-under-policies": (nothing_in_force, _flawed(node_shut_out_by_policies=True), _neighbour_falls),
}

SABOTAGES: Mapping[str, tuple[Sabotage, ...]] = {
    **{s.name: _ROOM_WAYS.get(s.name.partition("policy-")[2], (nothing_in_force, all_shut)) for s in ROOMS},
    **{s.name: _UNDER_WAYS[s.name.partition("/")[2]] for s in UNDER},
    **{s.name: _EDGE_WAYS[s.name.partition("/")[2]] for s in EDGES},
}
