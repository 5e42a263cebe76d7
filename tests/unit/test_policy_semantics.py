"""What Kubernetes says of policies, case by case: policies, then edges that must be allowed and edges that must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.policy.objects import Direction, Protocol, RuleRef
from sim.policy.verdict import Decision, Oracle, oracle_of
from tests.unit.policy_sample import Manifest, loaded, namespace, pod, policy, world

Case = tuple[list[Manifest], str, str]  # policies, allowed edges, denied edges

_BOTH = ["Ingress", "Egress"]
_A = {"matchLabels": {"pod": "a"}}
_B = {"matchLabels": {"pod": "b"}}
_NS_Y = {"matchLabels": {"ns": "y"}}


def _ingress(*rules: Any, **spec: Any) -> Manifest:
    return policy("x", "in", ingress=list(rules), **spec)


def _egress(*rules: Any, **spec: Any) -> Manifest:
    return policy("x", "out", egress=list(rules), **{"policyTypes": ["Egress"], **spec})


def _from(*peers: Any) -> Manifest:
    return {"from": list(peers)}


def _expression(key: str, operator: str, *values: str) -> Manifest:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


_DENY_IN = policy("x", "deny-in", policyTypes=["Ingress"])
_DENY_OUT = policy("x", "deny-out", policyTypes=["Egress"])
_PORT_80 = {"port": 80}
_ALLOW_IN = policy("x", "allow-in", ingress=[{}])

# An edge: source>destination[/port[/protocol]]; TCP 80 where it is not said.
CASES: dict[str, Case] = {
    "no policies": ([], "x/a>x/b x/a>y/b z/c>x/a 8.8.8.8>x/a x/a>8.8.8.8 x/a>x/b/80/UDP x/a>x/b/9/SCTP", ""),
    "default deny ingress": ([_DENY_IN], "x/a>y/a x/a>8.8.8.8 y/a>z/a", "y/a>x/a x/b>x/a 8.8.8.8>x/a"),
    "default deny both": (
        [policy("x", "deny", policyTypes=_BOTH)],
        "y/a>z/a",
        "x/a>y/a y/a>x/a x/a>x/b x/a>8.8.8.8 8.8.8.8>x/a",
    ),
    "deny, then allow: a union": ([_DENY_IN, _ALLOW_IN], "y/a>x/a 8.8.8.8>x/a", ""),
    "allow, then deny: a union": ([_ALLOW_IN, _DENY_IN], "y/a>x/a 8.8.8.8>x/a", ""),
    "rules of two policies add up": (
        [_ingress(_from({"podSelector": _A})), policy("x", "two", ingress=[_from({"podSelector": _B})])],
        "x/a>x/c x/b>x/c",
        "x/c>x/a y/a>x/c",
    ),
    "egress allowed, ingress denied": (
        [_egress({}), policy("y", "deny", policyTypes=["Ingress"])],
        "x/a>z/a",
        "x/a>y/a",
    ),
    "ingress allowed, egress denied": ([_DENY_OUT, policy("y", "in", ingress=[{}])], "z/a>y/a", "x/a>y/a"),
    "ingress an empty list": ([_ingress()], "x/a>y/a", "y/a>x/a"),
    "ingress null": ([policy("x", "in", ingress=None)], "x/a>y/a", "y/a>x/a"),
    "ingress omitted": ([policy("x", "in")], "x/a>y/a", "y/a>x/a"),
    "one empty rule allows all": ([_ingress({})], "y/a>x/a 8.8.8.8>x/a y/a>x/a/9/SCTP", ""),
    "an empty from is every source": ([_ingress({"from": [], "ports": [_PORT_80]})], "8.8.8.8>x/a", "y/a>x/a/81"),
    "null from and ports allow all": ([_ingress({"from": None, "ports": None})], "8.8.8.8>x/a/9/UDP", ""),
    "an empty ports is every port": ([_ingress({"from": [{"podSelector": {}}], "ports": []})], "x/b>x/a/7", "y/a>x/a"),
    "policyTypes omitted, no egress rules": ([_ingress()], "x/a>y/a", "y/a>x/a"),
    "policyTypes omitted, an empty egress": ([policy("x", "p", egress=[])], "x/a>y/a", "y/a>x/a"),
    "policyTypes omitted, egress rules": (
        [policy("x", "p", egress=[{"to": [{"podSelector": _B}]}])],
        "",
        "x/a>y/a x/a>x/b y/a>x/a",
    ),
    "policyTypes an empty list": ([policy("x", "p", policyTypes=[], egress=[{}])], "x/a>y/a", "y/a>x/a"),
    "egress only: ingress rules do not count": (
        [policy("x", "p", policyTypes=["Egress"], ingress=[_from({"podSelector": _A})], egress=[{}])],
        "y/a>x/a x/a>y/a",
        "",
    ),
    "ingress only: egress rules do not count": (
        [policy("x", "p", policyTypes=["Ingress"], ingress=[{}], egress=[{"ports": [_PORT_80]}])],
        "x/a>y/a/81",
        "",
    ),
    "namespace and pod selector in one peer: both": (
        [_ingress(_from({"namespaceSelector": _NS_Y, "podSelector": _A}))],
        "y/a>x/a",
        "y/b>x/a x/a>x/b z/a>x/a",
    ),
    "namespace and pod selector as two peers: either": (
        [_ingress(_from({"namespaceSelector": _NS_Y}, {"podSelector": _A}))],
        "y/a>x/a y/b>x/a x/a>x/b",
        "x/b>x/a z/a>x/a",
    ),
    "a pod selector is the policy's own namespace": (
        [_ingress(_from({"podSelector": _A}))],
        "x/a>x/b",
        "y/a>x/b x/c>x/b",
    ),
    "one pod selector in policies of two namespaces is two peers": (
        [_ingress(_from({"podSelector": _A})), policy("y", "in", ingress=[_from({"podSelector": _A})])],
        "x/a>x/b y/a>y/b",
        "y/a>x/b x/a>y/b",
    ),
    "an empty pod selector is all pods of the namespace": (
        [_ingress(_from({"podSelector": {}}))],
        "x/a>x/b x/c>x/b",
        "y/a>x/b 8.8.8.8>x/b",
    ),
    "an empty namespace selector is all namespaces": (
        [_ingress(_from({"namespaceSelector": {}}))],
        "x/a>x/b y/c>x/b z/a>x/b",
        "8.8.8.8>x/b",
    ),
    "all namespaces, some pods": (
        [_ingress(_from({"namespaceSelector": {}, "podSelector": _B}))],
        "x/b>x/a y/b>x/a z/b>x/a",
        "y/a>x/a",
    ),
    "the policy selects some pods alone": ([_ingress(podSelector=_A)], "y/a>x/b", "y/a>x/a x/b>x/a"),
    "a policy selects in its own namespace alone": ([_DENY_IN], "x/a>y/b", "y/b>x/a"),
    "In": ([_ingress(_from({"podSelector": _expression("pod", "In", "a", "c")}))], "x/a>x/b x/c>x/b", "x/b>x/a"),
    "NotIn": ([_ingress(_from({"podSelector": _expression("pod", "NotIn", "a")}))], "x/b>x/a x/c>x/a", "x/a>x/b"),
    "NotIn of a label that is not there": (
        [_ingress(_from({"podSelector": _expression("tier", "NotIn", "web")}))],
        "x/b>x/a",
        "y/a>x/a",
    ),
    "In of a label that is not there": (
        [_ingress(_from({"podSelector": _expression("tier", "In", "web")}))],
        "",
        "x/b>x/a",
    ),
    "Exists": ([_ingress(podSelector=_expression("pod", "Exists"))], "x/a>y/a", "y/a>x/a"),
    "Exists of a label that is not there": ([_ingress(podSelector=_expression("tier", "Exists"))], "y/a>x/a", ""),
    "DoesNotExist": (
        [_ingress(_from({"podSelector": _expression("tier", "DoesNotExist")}))],
        "x/b>x/a",
        "y/b>x/a",
    ),
    "labels and expressions: all of them": (
        [_ingress(_from({"podSelector": {**_A, **_expression("pod", "NotIn", "a")}}))],
        "",
        "x/a>x/b x/b>x/a",
    ),
    "namespaces by their own name": (
        [_ingress(_from({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "y"}}}))],
        "y/a>x/a",
        "z/a>x/a x/b>x/a",
    ),
    "an address alone": ([_ingress(_from({"ipBlock": {"cidr": "10.0.2.1/32"}}))], "y/a>x/a 10.0.2.1>x/a", "y/b>x/a"),
    "an address going out": (
        [_egress({"to": [{"ipBlock": {"cidr": "10.0.2.1/32"}}]})],
        "x/a>y/a",
        "x/a>y/b x/a>8.8.8.8",
    ),
    "bits beyond the mask do not count": (
        [_ingress(_from({"ipBlock": {"cidr": "10.0.2.9/24"}}))],
        "y/a>x/a",
        "z/a>x/a",
    ),
    "except": (
        [_ingress(_from({"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.2.0/24", "10.0.3.3/32"]}}))],
        "x/b>x/a z/a>x/a",
        "y/a>x/a z/c>x/a 8.8.8.8>x/a",
    ),
    "an excepted address in another peer of the rule": (
        [
            _ingress(
                _from(
                    {"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.2.0/24"]}},
                    {"ipBlock": {"cidr": "10.0.2.1/32"}},
                )
            )
        ],
        "y/a>x/a z/a>x/a",
        "y/b>x/a",
    ),
    "an excepted address in another rule": (
        [
            _ingress(
                _from({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.2.0/24"]}}),
                _from({"namespaceSelector": _NS_Y}),
            )
        ],
        "y/a>x/a 8.8.8.8>x/a",
        "",
    ),
    "an address block of the other family": (
        [_ingress(_from({"ipBlock": {"cidr": "::/0"}}))],
        "2001:db8::1>x/a",
        "8.8.8.8>x/a",
    ),
    "UDP alone": (
        [_ingress({"ports": [{"port": 80, "protocol": "UDP"}]})],
        "y/a>x/a/80/UDP",
        "y/a>x/a/80/TCP y/a>x/a/80/SCTP",
    ),
    "SCTP alone": ([_ingress({"ports": [{"protocol": "SCTP"}]})], "y/a>x/a/80/SCTP", "y/a>x/a/80/TCP y/a>x/a/80/UDP"),
    "protocol omitted: TCP": ([_ingress({"ports": [_PORT_80]})], "y/a>x/a/80", "y/a>x/a/80/UDP y/a>x/a/81"),
    "port omitted: every port of the protocol": (
        [_ingress({"ports": [{"protocol": "TCP"}]})],
        "y/a>x/a/1 y/a>x/a/65535",
        "y/a>x/a/80/UDP",
    ),
    "several ports: any of them": (
        [_ingress({"ports": [_PORT_80, {"port": 53, "protocol": "UDP"}]})],
        "y/a>x/a/80 y/a>x/a/53/UDP",
        "y/a>x/a/53 y/a>x/a/81",
    ),
    "peers and ports: both": (
        [_ingress({"from": [{"namespaceSelector": _NS_Y}], "ports": [_PORT_80]})],
        "y/a>x/a",
        "y/a>x/a/81 z/a>x/a",
    ),
    "two rules do not mix": (
        [
            _ingress(
                {"from": [{"namespaceSelector": _NS_Y}], "ports": [_PORT_80]},
                {"from": [{"podSelector": {}}], "ports": [{"port": 81}]},
            )
        ],
        "y/a>x/a x/b>x/a/81",
        "y/a>x/a/81 x/b>x/a/80",
    ),
    "endPort: both bounds and no further": (
        [_ingress({"ports": [{"port": 1000, "endPort": 1010}]})],
        "y/a>x/a/1000 y/a>x/a/1005 y/a>x/a/1010",
        "y/a>x/a/999 y/a>x/a/1011 y/a>x/a/1005/UDP",
    ),
    "endPort of one port": ([_egress({"ports": [{"port": 80, "endPort": 80}]})], "x/a>y/a/80", "x/a>y/a/81 x/a>y/a/79"),
    "a named port coming in": ([_ingress({"ports": [{"port": "serve-81-tcp"}]})], "y/a>x/a/81", "y/a>x/a/80"),
    "a named port going out": (
        [_egress({"ports": [{"port": "serve-81-tcp"}]})],
        "x/a>y/a/81",
        "x/a>y/a x/a>8.8.8.8/81",
    ),
    "a named port nobody has": ([_ingress({"ports": [{"port": "nothing"}]})], "", "y/a>x/a/80 y/a>x/a/81"),
    "a named port of another protocol": (
        [_ingress({"ports": [{"port": "serve-80-udp", "protocol": "TCP"}]})],
        "",
        "y/a>x/a/80/UDP y/a>x/a/80/TCP",
    ),
    "a named port of its own protocol": (
        [_ingress({"ports": [{"port": "serve-80-udp", "protocol": "UDP"}]})],
        "y/a>x/a/80/UDP",
        "y/a>x/a/80",
    ),
    "a named port beside an unknown one": (
        [_ingress({"ports": [{"port": "nothing"}, {"port": "serve-80-tcp"}]})],
        "y/a>x/a/80",
        "y/a>x/a/81",
    ),
    "a pod reaches itself": ([policy("x", "deny", policyTypes=_BOTH)], "x/a>x/a 10.0.1.1>x/a", "x/a>x/b"),
    "the node reaches its pods": (
        [policy("x", "deny", policyTypes=_BOTH)],
        "192.168.0.10>x/a",
        "192.168.0.11>x/a x/a>192.168.0.10",
    ),
    "deny egress shuts DNS": ([_DENY_OUT], "", "x/a>y/a/53/UDP x/a>y/a/53/TCP"),
    "allow DNS over both protocols": (
        [
            _DENY_OUT,
            _egress({"to": [{"namespaceSelector": _NS_Y}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}),
        ],
        "x/a>y/a/53/UDP x/a>y/a/53",
        "x/a>y/a x/a>z/a/53",
    ),
}


def _decide(oracle: Oracle, edge: str) -> Decision:
    source, destination = edge.split(">")
    parts = destination.split("/")
    place = "/".join(parts[:2]) if parts[0] in {"x", "y", "z"} else parts[0]
    rest = parts[2:] if parts[0] in {"x", "y", "z"} else parts[1:]
    port, protocol = (rest[0] if rest else "80"), (rest[1] if len(rest) > 1 else "TCP")
    return oracle.decide(source, place, Protocol(protocol), int(port))


@pytest.mark.parametrize("name", CASES)
def test_kubernetes_semantics(name: str, tmp_path: Path) -> None:
    policies, allowed, denied = CASES[name]
    assert allowed or denied
    oracle = oracle_of(loaded(tmp_path, [*world(), *policies]).cluster)
    decisions = {edge: _decide(oracle, edge) for edge in (allowed + " " + denied).split()}
    assert {edge for edge, decision in decisions.items() if decision.allowed} == set(allowed.split())


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name][0]) > 1])
def test_the_order_of_policies_changes_nothing(name: str, tmp_path: Path) -> None:
    policies, allowed, denied = CASES[name]
    oracle = oracle_of(loaded(tmp_path, [*world(), *reversed(policies)]).cluster)
    assert all(_decide(oracle, edge).allowed for edge in allowed.split())
    assert not any(_decide(oracle, edge).allowed for edge in denied.split())


def test_a_decision_names_the_direction_the_policy_and_the_rule(tmp_path: Path) -> None:
    egress = _egress({"ports": [{"port": 9}]}, {"to": [{"namespaceSelector": _NS_Y}]})
    oracle = oracle_of(loaded(tmp_path, [*world(), egress, policy("y", "deny")]).cluster)
    decision = _decide(oracle, "x/a>y/a")
    assert decision.egress.rule == RuleRef("x/out", Direction.EGRESS, 1)
    assert decision.denied == (Direction.INGRESS,)
    assert decision.ingress.isolated_by == ("y/deny",)
    assert decision.why == "egress: x/out egress[1]; ingress: denied, isolated by y/deny and no rule allows it"
    assert _decide(oracle, "x/a>z/a").denied == (Direction.EGRESS,)
    assert _decide(oracle, "z/a>z/b").why == "egress: not isolated; ingress: not isolated"
    assert oracle.isolated_by("x/a", Direction.EGRESS) == ("x/out",)
    assert oracle.isolated_by("x/a", Direction.INGRESS) == ()


def test_a_label_moved_to_a_pod_or_a_namespace_opens_the_edge(tmp_path: Path) -> None:
    """The same policies on a cluster whose labels have changed: access is added, then removed."""
    policies = [_ingress(_from({"namespaceSelector": {"matchLabels": {"team": "ops"}}, "podSelector": _B}))]
    plain = world()
    labelled = [*(each for each in plain if each["metadata"]["name"] != "y"), namespace("y", {"team": "ops"})]
    relabelled = [
        *(each for each in labelled if each["metadata"].get("namespace") != "y"),
        pod("y", "a", None, {"pod": "b"}),
    ]
    seen = [
        oracle_of(loaded(tmp_path, [*manifests, *policies]).cluster).decide("y/a", "x/a", Protocol.TCP, 80).allowed
        for manifests in (plain, labelled, relabelled, plain)
    ]
    assert seen == [False, False, True, False]


def test_two_address_families_meet_in_the_one_they_share(tmp_path: Path) -> None:
    """A block of IPv6 addresses says nothing of a connection over IPv4."""
    both = pod("x", "dual") | {"status": {"podIPs": [{"ip": "10.0.9.9"}, {"ip": "fd00::9"}]}}
    six = pod("x", "six", "fd00::6")
    oracle = oracle_of(
        loaded(tmp_path, [*world(), both, six, _ingress(_from({"ipBlock": {"cidr": "fd00::/8"}}))]).cluster
    )
    assert oracle.decide("x/six", "x/dual", Protocol.TCP, 80).allowed
    assert oracle.decide("x/dual", "x/six", Protocol.TCP, 80).allowed
    assert not oracle.decide("x/a", "x/dual", Protocol.TCP, 80).allowed
    assert not oracle.decide("x/dual", "x/a", Protocol.TCP, 80).allowed
    assert oracle.decide("fd00::9", "x/six", Protocol.TCP, 80).allowed
    assert oracle.decide("x/six", "x/a", Protocol.TCP, 80).allowed  # no family in common: the first address counts


def test_a_pod_on_its_nodes_network_is_the_node(tmp_path: Path) -> None:
    """No policy selects it, no selector finds it, and what it sends comes from the node."""
    exporter = pod("x", "exporter")
    exporter["spec"]["hostNetwork"] = True
    deny = policy("x", "deny", policyTypes=_BOTH, egress=[{"to": [{"podSelector": {}}]}])
    oracle = oracle_of(loaded(tmp_path, [*world(), exporter, deny]).cluster)
    assert oracle.decide("x/exporter", "x/a", Protocol.TCP, 80).allowed
    assert oracle.decide("y/a", "x/exporter", Protocol.TCP, 80).allowed
    assert not oracle.decide("x/a", "x/exporter", Protocol.TCP, 80).allowed


def test_a_place_that_is_no_pod_and_no_address_is_a_mistake(tmp_path: Path) -> None:
    oracle = oracle_of(loaded(tmp_path, world()).cluster)
    with pytest.raises(KeyError, match="x/nobody"):
        oracle.decide("x/nobody", "x/a", Protocol.TCP, 80)
