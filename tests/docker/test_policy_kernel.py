"""On random policy sets, the kernel lets through what the oracle allows, and nothing else.

Four pods, a node and an outsider in network namespaces of their own on one bridge, without an engine. Every pair, over
TCP to two ports and UDP to one; SCTP and what nothing listens on is the pure tests' business.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sim.policy.matching import resolve
from sim.policy.nftables import Established, render_removal, render_ruleset
from sim.policy.objects import (
    Cluster,
    Direction,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    Peer,
    Pod,
    PodPort,
    PortRule,
    Protocol,
    Rule,
)
from sim.policy.verdict import oracle_of
from tests.docker import policy_kernel_pod
from tests.unit.policy_random import NODE, OUTSIDE, random_cluster
from tests.unit.test_policy_properties import cluster_of

_SETS = 120
_SEED = 20_240
_CHOICES_BYTES = 128
_PODS = tuple(f"10.0.1.{number}" for number in range(1, 5))
_SIX = {address: f"fd00::{number}" for number, address in enumerate((*_PODS, OUTSIDE), 1)}
_EDGES = tuple((protocol, port) for protocol, ports in policy_kernel_pod.PORTS.items() for port in ports)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "ip", "nft"))),
    reason="network namespaces need root, iproute2 and nftables",
)


class _End:
    """A process in a network namespace of its own (``unshare -n``), which dies with its standard input."""

    def __init__(self) -> None:
        command = ["unshare", "-n", sys.executable, "-m", "tests.docker.policy_kernel_pod"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        assert self._line() == "ready"

    def tell(self, order: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        return json.loads(self._line())

    def run(self, *command: str) -> None:
        subprocess.run(["nsenter", "-t", str(self.process.pid), "-n", *command], check=True)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture(scope="module")
def ends() -> Iterator[Mapping[str, _End]]:
    """Address → its end. The bridge is in the node's namespace: nothing of the machine's own network is touched."""
    started = {address: _End() for address in (NODE, *_PODS, OUTSIDE)}
    try:
        node = started[NODE]
        node.run("ip", "link", "add", "br0", "type", "bridge")
        node.run("ip", "address", "add", f"{NODE}/16", "dev", "br0")
        node.run("ip", "link", "set", "br0", "up")
        for number, (address, end) in enumerate(started.items()):
            if address != NODE:
                peer = f"v{number}"
                node.run("ip", "link", "add", peer, "type", "veth", "peer", "eth0", "netns", str(end.process.pid))
                node.run("ip", "link", "set", peer, "master", "br0", "up")
                end.run("ip", "address", "add", f"{address}/16", "dev", "eth0")
                end.run("ip", "address", "add", f"{_SIX[address]}/64", "dev", "eth0", "nodad")
                end.run("ip", "link", "set", "eth0", "up")
        yield started
    finally:
        for end in started.values():
            end.process.kill()
            end.process.communicate()


_Edge = tuple[str, str, int, bool]  # to, protocol, port, expected


def _enforce(ends: Mapping[str, _End], texts: Mapping[str, str]) -> None:
    for address, text in texts.items():
        ends[address].tell({"nft": text})
    assert {address: ends[address].answer() for address in texts} == dict.fromkeys(texts, "")


def _seen(ends: Mapping[str, _End], expected: Mapping[str, list[_Edge]]) -> dict[str, list[bool]]:
    for source, edges in expected.items():
        ends[source].tell({"try": edges})
    return {source: ends[source].answer() for source in expected}


def _expected(cluster: Cluster) -> dict[str, list[_Edge]]:
    oracle = oracle_of(cluster)
    return {
        source: [
            (to, protocol, port, oracle.decide(source, to, Protocol(protocol), port).allowed)
            for to in (NODE, *_PODS, OUTSIDE)
            for protocol, port in _EDGES
            if to != source
        ]
        for source in (NODE, *_PODS, OUTSIDE)
    }


def _disagreements(expected: Mapping[str, list[_Edge]], seen: Mapping[str, list[bool]]) -> list[tuple[str, _Edge]]:
    return [
        (source, edge)
        for source, edges in expected.items()
        for edge, through in zip(edges, seen[source], strict=True)
        if edge[3] is not through
    ]


def test_the_kernel_decides_as_the_oracle(ends: Mapping[str, _End]) -> None:
    """Rules that replace one another in namespaces that live on: what an earlier set left behind would show."""
    verdicts: Counter[bool] = Counter()
    for number in range(_SETS):
        cluster = cluster_of(random_cluster(random.Random(_SEED + number).randbytes(_CHOICES_BYTES)))  # noqa: S311
        resolved, established = resolve(cluster), list(Established)[number % 2]
        _enforce(ends, {pod.addresses[0]: render_ruleset(resolved, pod, established) for pod in cluster.pods})
        expected = _expected(cluster)
        seen = _seen(ends, expected)
        assert not _disagreements(expected, seen), number
        verdicts.update(through for answers in seen.values() for through in answers)
    assert min(verdicts[True], verdicts[False]) > verdicts.total() // 10


def test_a_kernel_that_is_not_told_is_caught(ends: Mapping[str, _End]) -> None:
    """With no table in force every denied edge is a disagreement, and no other edge is."""
    deny = NetworkPolicy("deny", "x", policy_types=(Direction.INGRESS, Direction.EGRESS))
    pods = tuple(Pod(f"p{n}", "x", {}, (address,)) for n, address in enumerate(_PODS))
    expected = _expected(Cluster(pods=pods, policies=(deny,), node_addresses=(NODE,)))
    _enforce(ends, dict.fromkeys(_PODS, render_removal()))
    wrong = _disagreements(expected, _seen(ends, expected))
    assert wrong == [(source, edge) for source, edges in expected.items() for edge in edges if not edge[3]]
    assert len(wrong) == (4 * 5 + 4) * len(_EDGES)


_A, _B = _PODS[:2]


def _two(*policies: NetworkPolicy) -> Cluster:
    a = Pod("a", "x", {"pod": "a"}, (_A, _SIX[_A]))
    b = Pod("b", "x", {"pod": "b"}, (_B, _SIX[_B]))
    return Cluster(pods=(a, b), policies=policies, node_addresses=(NODE,))


def _enforce_two(ends: Mapping[str, _End], cluster: Cluster, established: Established = Established.SURVIVES) -> None:
    resolved = resolve(cluster)
    _enforce(ends, {pod.addresses[0]: render_ruleset(resolved, pod, established) for pod in cluster.pods})


def _ask(end: _End, order: Mapping[str, Any]) -> Any:
    end.tell(order)
    return end.answer()


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("established", Established)
def test_an_established_flow_after_a_deny_does_as_declared(
    ends: Mapping[str, _End], established: Established, direction: Direction
) -> None:
    """New connections are denied either way, and what is allowed again goes on."""
    survives = established is Established.SURVIVES
    deny = NetworkPolicy(
        "deny", "x", LabelSelector.of({"pod": "b" if direction is Direction.INGRESS else "a"}), (direction,)
    )
    _enforce_two(ends, _two())
    assert _ask(ends[_A], {"open": [_B, 80]})
    assert _ask(ends[_A], {"say": True})
    _enforce_two(ends, _two(deny), established)
    assert _ask(ends[_A], {"say": survives}) is survives
    assert _ask(ends[_A], {"try": [(_B, "TCP", 80, False)]}) == [False]
    _enforce_two(ends, _two(), established)
    assert _ask(ends[_A], {"say": True})


def test_ipv6_is_ruled_by_its_own_rules_and_neighbours_are_still_found(ends: Mapping[str, _End]) -> None:
    """Only b's IPv6 address may come in, on port 80; nobody has been spoken to over IPv6 before."""
    allow = Rule((Peer(ip_block=IPBlock(f"{_SIX[_B]}/128")),), (PortRule(port=80),))
    both = (Direction.INGRESS, Direction.EGRESS)
    policy = NetworkPolicy("p", "x", LabelSelector.of({"pod": "a"}), both, ingress=(allow,))
    _enforce_two(ends, _two(policy))
    tries = [(_SIX[_A], "TCP", 80, True), (_SIX[_A], "TCP", 81, False), (_A, "TCP", 80, False)]
    assert _ask(ends[_B], {"try": tries}) == [True, False, False]
    assert _ask(ends[OUTSIDE], {"try": [(_SIX[_A], "TCP", 80, False)]}) == [False]
    assert _ask(ends[_A], {"try": [(_SIX[_B], "TCP", 80, False)]}) == [False]


# As a container engine does it: a server on another port of loopback, reached and answering through translation.
_ENGINE_DNS = """\
add table ip engine
delete table ip engine
table ip engine {
  chain out {
    type nat hook output priority -100;
    ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:5300
    ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:80
  }
  chain back {
    type nat hook postrouting priority 100;
    ip saddr 127.0.0.11 udp sport 5300 snat to :53
    ip saddr 127.0.0.11 tcp sport 80 snat to :53
  }
}
"""


@pytest.mark.parametrize("established", Established)
def test_names_served_inside_the_pod_are_ruled_as_the_clusters_dns(
    ends: Mapping[str, _End], established: Established
) -> None:
    """Deny shuts them, a rule opens them by protocol, and the rest of loopback stays open."""
    dns = Pod("dns", "dns", {}, ("127.0.0.11",), (PodPort(53, Protocol.UDP), PodPort(53)))
    deny = NetworkPolicy("deny", "x", policy_types=(Direction.EGRESS,))
    anywhere = Peer(namespace_selector=LabelSelector())
    udp = replace(deny, name="udp", egress=(Rule((anywhere,), (PortRule(Protocol.UDP, 53),)),))
    tcp = replace(deny, name="tcp", egress=(Rule((anywhere,), (PortRule(port=53),)),))
    for policies, (over_udp, over_tcp) in {
        (): (True, True),
        (deny,): (False, False),
        (deny, udp): (True, False),
        (deny, tcp): (False, True),
        (udp, tcp): (True, True),
    }.items():
        cluster = _two(*policies)
        cluster = replace(cluster, pods=(*cluster.pods, dns))
        text = _ENGINE_DNS + render_ruleset(resolve(cluster), cluster.pods[0], established)
        assert _ask(ends[_A], {"nft": text}) == ""
        tries = [
            ("127.0.0.11", "UDP", 53, over_udp),
            ("127.0.0.11", "TCP", 53, over_tcp),
            ("127.0.0.11", "UDP", 5300, not policies),  # past the translation
            ("127.0.0.1", "TCP", 81, True),
        ]
        assert _ask(ends[_A], {"try": tries}) == [over_udp, over_tcp, not policies, True]
        oracle = oracle_of(cluster)
        assert [oracle.decide("x/a", "dns/dns", kind, 53).allowed for kind in (Protocol.UDP, Protocol.TCP)] == [
            over_udp,
            over_tcp,
        ]
