"""Policies as nftables text: the one table that a pod's network namespace holds, replaced in one transaction.

Only ``inet sim_policy`` is ever named: the engine's address translation and faults' tables in the same namespace stay
as they are. Each rule counts its packets under a comment that names policy and rule; ``counters`` reads them back.

In an isolated direction, in this order: loopback, invalid packets dropped, established flows, packets from the node
(ingress), the rules, and a drop. A pod with a loopback address is a server that the engine puts inside every namespace
(its DNS) and reaches through address translation: what is sent to that address is ruled by its original destination,
before loopback is accepted.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from sim.policy.matching import (
    ALL_PORTS,
    Block,
    Network,
    Resolved,
    ResolvedPeer,
    ResolvedRule,
    Side,
    Span,
    parsed_address,
    port_spans,
)
from sim.policy.objects import Direction, Pod, Protocol, RuleRef

FAMILY = "inet"
TABLE = "sim_policy"
_MAX_COMMENT = 120  # the kernel keeps 128 bytes
_VERSIONS = (4, 6)
_ELEMENTS_PER_LINE = 6
_ESTABLISHED = "ct state established,related accept"


class Established(Enum):
    """What a policy that now denies does to a flow that it once allowed."""

    SURVIVES = "lax"  # as most networks do, and as Kubernetes leaves open
    CUT = "strict"  # each packet in the direction of the connection is ruled anew; replies alone pass


def rule_comment(ref: RuleRef) -> str:
    """Unique for each rule; the rule's own name unless that is longer than the kernel keeps."""
    name = str(ref)
    if len(name) <= _MAX_COMMENT:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: _MAX_COMMENT - len(digest) - 1]}~{digest}"


def drop_comment(direction: Direction) -> str:
    return f"drop {direction}"


def node_comment(direction: Direction) -> str:
    return f"node {direction}"


def render_removal() -> str:
    """Leaves no policy in force; succeeds where there was none."""
    return f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"


def render_ruleset(resolved: Resolved, pod: Pod, established: Established = Established.SURVIVES) -> str:
    """The whole table of ``pod``, for ``nft -f -`` inside its namespace. Raises KeyError where there is no such pod."""
    index = next((i for i, other in enumerate(resolved.cluster.pods) if other.full_name == pod.full_name), None)
    if index is None:
        raise KeyError(pod.full_name)
    writer = _Writer(resolved, resolved.cluster.pods[index], established)
    chains = [writer.chain(direction, resolved.sides.get((index, direction))) for direction in Direction]
    body = "".join([*writer.sets, *chains])
    return f"{render_removal()}table {FAMILY} {TABLE} {{\n{body}}}\n"


@dataclass(slots=True)
class _Writer:
    """Collects the named sets while it writes chains: one set for each peer, address family and named port."""

    resolved: Resolved
    pod: Pod
    established: Established
    sets: list[str] = field(default_factory=list)
    _names: dict[tuple[object, ...], str | None] = field(default_factory=dict)

    def chain(self, direction: Direction, side: Side | None) -> str:
        hook = "input" if direction is Direction.INGRESS else "output"
        lines = [f"type filter hook {hook} priority filter; policy accept;"]
        if side is not None:
            lines += self._before(direction, side)
            lines += [line for rule in side.rules for line in self._rule(direction, rule)]
            lines.append(f'counter drop comment "{drop_comment(direction)}"')
        else:
            # Asking is what makes the kernel track flows here: one that began before a pod was isolated is then known.
            lines.append(_ESTABLISHED)
        return f"  chain {direction} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"

    def _before(self, direction: Direction, side: Side) -> list[str]:
        lines = []
        if direction is Direction.EGRESS:
            lines += self._to_loopback_servers(side)
        lines.append(f'{"iifname" if direction is Direction.INGRESS else "oifname"} "lo" accept')
        lines.append("ct state invalid drop")
        if self.established is Established.CUT:
            lines += ["ct state established ct direction reply accept", "ct state related accept"]
        else:
            lines.append(_ESTABLISHED)
        if any(parsed_address(address).version == 6 for address in self.pod.addresses):
            # Without its neighbours' link addresses a pod reaches nobody; IPv4 asks for them outside these hooks.
            kinds = "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert"
            lines.append(f"icmpv6 type {{ {kinds} }} accept")
        if direction is Direction.INGRESS:
            for version in _VERSIONS:
                nodes = [
                    node for node in self.resolved.cluster.node_addresses if parsed_address(node).version == version
                ]
                if nodes:
                    match = f"{_ip(version)} saddr {{ {', '.join(nodes)} }}"
                    lines.append(f'{match} counter accept comment "{node_comment(direction)}"')
        return lines

    def _to_loopback_servers(self, side: Side) -> list[str]:
        lines = []
        for index, server in enumerate(self.resolved.cluster.pods):
            for address in map(parsed_address, server.addresses):
                if not address.is_loopback:
                    continue
                to = f'oifname "lo" ct direction original ct original {_ip(address.version)} daddr {address} '
                for rule in side.rules:
                    if rule.matches_peer(index, address):
                        lines += [f"{to}{match}{_accept(rule)}" for match in _original_ports(rule, server)]
                lines.append(f'{to}counter drop comment "{drop_comment(Direction.EGRESS)}"')
        return lines

    def _rule(self, direction: Direction, rule: ResolvedRule) -> list[str]:
        peers: Sequence[ResolvedPeer | None] = rule.peers or (None,)
        matches = [match for peer in peers for match in self._matches(direction, rule, peer)]
        return [f"{match}{_accept(rule)}" for match in matches]

    def _matches(self, direction: Direction, rule: ResolvedRule, peer: ResolvedPeer | None) -> list[str]:
        """What a packet is compared with: nothing at all, or text that ends in a space."""
        ends = [""] if peer is None else list(self._addresses(direction, peer))
        if not rule.ports:
            return ends
        matches = []
        for protocol in Protocol:
            ports = [port for port in rule.ports if port.protocol is protocol]
            named = [port for port in ports if isinstance(port.port, str)]
            # A name means what the destination calls so: this pod itself, or whichever pod is spoken to.
            fixed = ports if direction is Direction.INGRESS else [port for port in ports if port not in named]
            spans = _merged(span for port in fixed for span in port_spans(port, self.pod))
            if spans:
                matches += [f"{end}{_ports(protocol, spans)} " for end in ends]
            if direction is Direction.EGRESS:
                matches += [match for port in named for match in self._pairs(protocol, str(port.port), peer)]
        return matches

    def _addresses(self, direction: Direction, peer: ResolvedPeer) -> Iterable[str]:
        field_name = "saddr" if direction is Direction.INGRESS else "daddr"
        for version in _VERSIONS:
            name = self._set_of("peer", version, peer)
            if name is not None:
                yield f"{_ip(version)} {field_name} @{name} "

    def _pairs(self, protocol: Protocol, port_name: str, peer: ResolvedPeer | None) -> Iterable[str]:
        for version in _VERSIONS:
            name = self._set_of("named", version, peer, protocol, port_name)
            if name is not None:
                yield f"{_ip(version)} daddr . {protocol.lower()} dport @{name} "

    def _set_of(
        self,
        prefix: str,
        version: int,
        peer: ResolvedPeer | None,
        protocol: Protocol | None = None,
        port_name: str = "",
    ) -> str | None:
        """The name of the set that holds what ``peer`` means; None where it means nothing in this family."""
        key = (prefix, version, None if peer is None else (peer.peer, peer.pods), protocol, port_name)
        if key not in self._names:
            name = f"{prefix}{len(self.sets) + 1}_v{version}"
            kind = f"ipv{version}_addr"
            if prefix == "named":
                kind, elements, flags = f"{kind} . inet_service", self._named(version, peer, protocol, port_name), ""
            elif peer is not None and peer.block is not None:
                elements, flags = _intervals(peer.block, version), "    flags interval\n"
            else:
                pods = () if peer is None else peer.pods
                elements, flags = _sorted({a for i in pods for a in self._addresses_of(i, version)}), ""
            if elements:
                self.sets.append(f"  set {name} {{\n    type {kind}\n{flags}    elements = {_listed(elements)}\n  }}\n")
            self._names[key] = name if elements else None
        return self._names[key]

    def _named(self, version: int, peer: ResolvedPeer | None, protocol: Protocol | None, port_name: str) -> list[str]:
        pairs = []
        for index, pod in enumerate(self.resolved.cluster.pods):
            numbers = sorted({own.port for own in pod.ports if own.name == port_name and own.protocol is protocol})
            for address in self._addresses_of(index, version) if numbers and not pod.host_network else ():
                if peer is None or peer.matches(index, parsed_address(address)):
                    pairs += [f"{address} . {number}" for number in numbers]
        return pairs

    def _addresses_of(self, index: int, version: int) -> list[str]:
        addresses = map(parsed_address, self.resolved.cluster.pods[index].addresses)
        return [str(address) for address in addresses if address.version == version]


def _accept(rule: ResolvedRule) -> str:
    return f'counter accept comment "{rule_comment(rule.ref)}"'


def _original_ports(rule: ResolvedRule, server: Pod) -> list[str]:
    """As ``_matches``, by the port that the connection was for before its address was translated."""
    if not rule.ports:
        return [""]
    found = {protocol: _merged(rule.spans(protocol, server)) for protocol in Protocol}
    return [
        f"meta l4proto {protocol.lower()} "
        + ("" if ALL_PORTS in spans else f"ct original proto-dst {_numbers(spans)} ")
        for protocol, spans in found.items()
        if spans
    ]


def _ip(version: int) -> str:
    return "ip" if version == 4 else "ip6"


def _ports(protocol: Protocol, spans: Sequence[Span]) -> str:
    if ALL_PORTS in spans:
        return f"meta l4proto {protocol.lower()}"
    return f"{protocol.lower()} dport {_numbers(spans)}"


def _numbers(spans: Sequence[Span]) -> str:
    texts = [f"{low}" if low == high else f"{low}-{high}" for low, high in spans]
    return texts[0] if len(texts) == 1 else f"{{ {', '.join(texts)} }}"


def _merged(spans: Iterable[Span]) -> list[Span]:
    """In order, without overlaps: nftables refuses a set whose intervals overlap."""
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _intervals(block: Block, version: int) -> list[str]:
    """What is left of the block's network without its exceptions, as nftables ranges."""
    if block.network.version != version:
        return []
    if not block.excluded:
        return [str(block.network)]
    spans, start = [], int(block.network.network_address)
    for excluded in sorted(block.excluded, key=lambda network: int(network.network_address)):
        if start < int(excluded.network_address):
            spans.append((start, int(excluded.network_address) - 1))
        start = max(start, int(excluded.broadcast_address) + 1)
    if start <= int(block.network.broadcast_address):
        spans.append((start, int(block.network.broadcast_address)))
    return [_range(low, high, block.network) for low, high in spans]


def _range(low: int, high: int, network: Network) -> str:
    kind = type(network.network_address)
    return f"{kind(low)}" if low == high else f"{kind(low)}-{kind(high)}"


def _sorted(addresses: Iterable[str]) -> list[str]:
    return sorted(addresses, key=lambda address: int(ipaddress.ip_address(address)))


def _listed(elements: Sequence[str]) -> str:
    rows = [", ".join(elements[i : i + _ELEMENTS_PER_LINE]) for i in range(0, len(elements), _ELEMENTS_PER_LINE)]
    return "{ " + ",\n                 ".join(rows) + " }"
