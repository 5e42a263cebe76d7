"""A case of policy semantics: what is put in force step by step in a small room of pods, and what must come of it.

The expected table of each step comes from the oracle; the edges a case names are stated by hand from its source, so
that an oracle that errs together with the enforcement is found out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from sim.policy.loading import load_manifests
from sim.policy.nftables import Established
from sim.policy.objects import Cluster, IPBlock, Namespace, NetworkPolicy, Peer, Pod, PodPort, Protocol, Rule
from sim.probing.model import Edge, Listener

Extra = Literal["first packets", "flow", "loopback", "names"]
"""What a case watches beside the matrix of new connections."""

_PORTS = (
    PodPort(80, Protocol.TCP, "serve-80-tcp"),
    PodPort(81, Protocol.TCP, "serve-81-tcp"),
    PodPort(80, Protocol.UDP, "serve-80-udp"),
    PodPort(81, Protocol.UDP, "serve-81-udp"),
)
_DRAWN_UP_IN = ipaddress.IPv4Network("192.0.2.0/24")
"""Manifests write addresses in this range for documentation (RFC 5737); a room's own network takes its place."""

ROOM: tuple[Pod, ...] = tuple(
    Pod(name, namespace, {"pod": name, **({"tier": "web"} if (namespace, name) == ("y", "b") else {})}, (), _PORTS)
    for namespace in ("x", "y", "z")
    for name in ("a", "b", "c")
)
"""Three namespaces of three pods (Kubernetes' own tests and cyclonus have the same); each listens on 80 and 81."""

FLOW = Edge("y/b", "x/a", Protocol.TCP, 80)
FIRST = "x/a"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Step:
    """What is in force, and some edges stated by hand, such as ``y/b x/a TCP 80``.

    ``manifests`` None: no policies. Labels are added to the room's own.
    """

    manifests: Path | None = None
    pod_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    open: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """Steps in one room, one after the other.

    ``refused``: manifests an API server would not take, and the field it would name. ``more_ports``: TCP ports that
    nobody listens on, probed besides. ``note`` is what a reader should know of what was not tried.
    """

    steps: tuple[Step, ...]
    extras: frozenset[Extra] = frozenset()
    established: Established = Established.SURVIVES
    more_ports: tuple[int, ...] = ()
    refused: tuple[Path, str] | None = None
    note: str = ""


def step_cluster(base: Cluster, step: Step) -> Cluster:
    """The room's pods, which have addresses by now, with the step's labels and policies."""
    known = {pod.full_name: pod for pod in ROOM}
    pods = tuple(_labelled(pod, known, step) for pod in base.pods)
    namespaces = tuple(
        Namespace.named(each.name, {"ns": each.name, **step.namespace_labels.get(each.name, {})})
        for each in base.namespaces
    )
    return Cluster(namespaces, pods, _policies(base, step), base.node_addresses)


def _labelled(pod: Pod, known: Mapping[str, Pod], step: Step) -> Pod:
    if pod.full_name not in known:
        return pod
    return replace(pod, labels={**known[pod.full_name].labels, **step.pod_labels.get(pod.full_name, {})})


def _policies(base: Cluster, step: Step) -> tuple[NetworkPolicy, ...]:
    if step.manifests is None:
        return ()
    network = ipaddress.IPv4Network(f"{base.node_addresses[0]}/24", strict=False)
    return tuple(_moved(policy, network) for policy in load_manifests(step.manifests).cluster.policies)


def _moved(policy: NetworkPolicy, network: ipaddress.IPv4Network) -> NetworkPolicy:
    return replace(policy, ingress=_moved_rules(policy.ingress, network), egress=_moved_rules(policy.egress, network))


def _moved_rules(rules: Iterable[Rule], network: ipaddress.IPv4Network) -> tuple[Rule, ...]:
    return tuple(replace(rule, peers=tuple(_moved_peer(peer, network) for peer in rule.peers)) for rule in rules)


def _moved_peer(peer: Peer, network: ipaddress.IPv4Network) -> Peer:
    if peer.ip_block is None:
        return peer
    block = peer.ip_block
    excluded = tuple(_moved_network(each, network) for each in block.excluded)
    return replace(peer, ip_block=IPBlock(_moved_network(block.cidr, network), excluded))


def _moved_network(cidr: str, network: ipaddress.IPv4Network) -> str:
    given = ipaddress.IPv4Network(cidr)
    if not given.subnet_of(_DRAWN_UP_IN):
        return cidr
    offset = int(given.network_address) - int(_DRAWN_UP_IN.network_address)
    return f"{network.network_address + offset}/{given.prefixlen}"


def room_edges(case: Case) -> tuple[Edge, ...]:
    """Every pod to each other one, on 80 and 81 by TCP and UDP and on what the case adds."""
    places = [(port.protocol, port.port) for port in _PORTS]
    places += [(Protocol.TCP, port) for port in case.more_ports]
    return tuple(
        Edge(source.full_name, target.full_name, protocol, port)
        for source in ROOM
        for target in ROOM
        if source is not target
        for protocol, port in places
    )


def room_listeners() -> tuple[Listener, ...]:
    return tuple(Listener(pod.full_name, port.protocol, port.port) for pod in ROOM for port in pod.ports)


def named_edge(text: str) -> Edge:
    """``y/b x/a TCP 80`` as an edge."""
    source, target, protocol, port = text.split()
    return Edge(source, target, Protocol(protocol), int(port))
