"""On random policy sets a room of an engine's pods, policed and probed, decides every edge as the oracle does."""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from sim.policy.objects import Cluster, IPBlock, NetworkPolicy, Pod, Protocol, Rule
from sim.policy.verdict import oracle_of
from sim.probing.model import NODE, Answer, Edge, Listener, Question, Reach
from sim.runtime.pod_network import EnginePodNetwork
from tests.docker.bare_room import bare_room
from tests.unit.policy_random import random_cluster
from tests.unit.test_policy_properties import cluster_of

_SETS = 40
_SEED = 20_240_607
_CHOICES_BYTES = 128
_TIMEOUT_S = 0.15
_PATIENT_S = 1.5
_PODS = tuple(Pod(f"p{number}", "xy"[number % 2]) for number in range(4))
_NAMES = tuple(pod.full_name for pod in _PODS)
_PLACES = ((Protocol.TCP, 80), (Protocol.TCP, 81), (Protocol.UDP, 80), (Protocol.TCP, 9))
_EDGES = tuple(
    Edge(source, target, protocol, port)
    for source in (*_NAMES, NODE)
    for target in _NAMES
    if source != target
    for protocol, port in _PLACES
)


@pytest.fixture(scope="module")
def room() -> Iterator[EnginePodNetwork]:
    with bare_room("test-room", _PODS) as made:
        yield made


def _moved(random_one: Cluster, base: Cluster) -> Cluster:
    """The random labels, ports and policies, on the room's own addresses."""
    own = {pod.full_name: pod.addresses for pod in base.pods}
    pods = tuple(replace(pod, addresses=own[pod.full_name]) for pod in random_one.pods)
    policies = tuple(_policy(policy, base.node_addresses[0]) for policy in random_one.policies)
    return Cluster(random_one.namespaces, pods, policies, base.node_addresses)


def _policy(policy: NetworkPolicy, node: str) -> NetworkPolicy:
    return replace(policy, ingress=_rules(policy.ingress, node), egress=_rules(policy.egress, node))


def _rules(rules: Sequence[Rule], node: str) -> tuple[Rule, ...]:
    return tuple(
        replace(
            rule,
            peers=tuple(
                peer if peer.ip_block is None else replace(peer, ip_block=_block(peer.ip_block, node))
                for peer in rule.peers
            ),
        )
        for rule in rules
    )


def _block(block: IPBlock, node: str) -> IPBlock:
    """The random sets put pods at 10.0.1.1 and on; here they begin at .10 of the room's own network."""
    room = ipaddress.IPv4Network(f"{node}/24", strict=False)
    around = room.supernet(new_prefix=16)
    places = {
        "10.0.0.0/16": str(around),
        "10.0.1.0/24": str(room),
        "10.0.1.0/29": f"{room[8]}/29",
        "10.0.1.0/30": f"{room[8]}/30",
        "10.0.1.0/31": f"{room[10]}/31",
        "10.0.0.0/15": str(room.supernet(new_prefix=15)),
        **{f"10.0.1.{n}/32": f"{room[9 + n]}/32" for n in range(1, 5)},
        "10.0.0.0/24": f"{room[128]}/25",
        "10.0.2.7/32": f"{room[100]}/32",
    }
    return IPBlock(places.get(block.cidr, block.cidr), tuple(places.get(each, each) for each in block.excluded))


def _agrees(answer: Answer, *, allowed: bool) -> bool:
    return answer.reach in ({Reach.CONNECTED, Reach.REFUSED} if allowed else {Reach.DROPPED})


def test_a_policed_room_is_the_oracle_once_more(room: EnginePodNetwork) -> None:
    """Every pair of four pods and the node, by TCP and UDP, in force one set after the other in the same room."""
    base, questions = room.cluster, [Question(edge) for edge in _EDGES]
    tally: Counter[tuple[bool, str]] = Counter()
    with room.listening([Listener(pod, protocol, 80) for pod in _NAMES for protocol in (Protocol.TCP, Protocol.UDP)]):
        for number in range(_SETS):
            choices = random.Random(_SEED + number).randbytes(_CHOICES_BYTES)  # noqa: S311 - repeatable on purpose
            cluster = _moved(cluster_of(random_cluster(choices)), base)
            room.enforce(cluster)
            oracle, node = oracle_of(cluster), base.node_addresses[0]
            answers = dict(zip(_EDGES, room.probe(questions, _TIMEOUT_S), strict=True))
            allowed = {
                e: oracle.decide(node if e.source == NODE else e.source, e.target, e.protocol, e.port).allowed
                for e in _EDGES
            }
            slow = [e for e in _EDGES if not _agrees(answers[e], allowed=allowed[e])]
            if slow:  # a packet late on a busy machine: asked again with patience, it must agree
                answers |= zip(slow, room.probe([Question(e) for e in slow], _PATIENT_S), strict=True)
            wrong = [f"{e}: {answers[e]}" for e in slow if not _agrees(answers[e], allowed=allowed[e])]
            assert not wrong, (number, cluster.policies, wrong)
            tally.update((allowed[e], e.protocol.value) for e in _EDGES)
    assert min(tally[verdict, protocol] for verdict in (True, False) for protocol in ("TCP", "UDP")) > _SETS
