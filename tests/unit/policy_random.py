"""Small, dense clusters as manifests, each choice one byte: any bytes make a valid cluster, fewer make a simpler one.

Few labels, few pods and few ports, so that selectors hit and miss about as often.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Manifest = dict[str, Any]
_T = TypeVar("_T")

NODE = "10.0.0.1"
OUTSIDE = "10.0.2.7"
ASKED = (("TCP", 80), ("TCP", 81), ("UDP", 80), ("SCTP", 9))
_NAMES = ("web", "alt")
_CIDRS = ("10.0.0.0/16", "10.0.1.0/24", "10.0.1.0/29", "0.0.0.0/0", "10.0.2.0/24", "10.0.1.3/32")
# Inside each of _CIDRS, strictly.
_EXCEPTIONS = {
    "10.0.0.0/16": ("10.0.1.0/24", "10.0.2.7/32", "10.0.0.0/24"),
    "10.0.1.0/24": ("10.0.1.2/32", "10.0.1.0/30"),
    "10.0.1.0/29": ("10.0.1.0/31", "10.0.1.4/32"),
    "0.0.0.0/0": ("10.0.1.0/24", "10.0.0.0/15", "10.0.2.7/32"),
    "10.0.2.0/24": ("10.0.2.0/29",),
    "10.0.1.3/32": (),
}


@dataclass(frozen=True, slots=True)
class RandomCluster:
    namespaces: list[Manifest]
    pods: list[Manifest]
    policies: list[Manifest]


def random_cluster(choices: bytes) -> RandomCluster:
    """2 namespaces, 4 pods, 1 to 3 policies."""
    draw = _Draw(choices)
    namespaces = [_object("v1", "Namespace", {"name": name, "labels": draw.labels()}) for name in ("x", "y")]
    pods = [_pod(draw, number) for number in range(4)]
    policies = [_policy(draw, number) for number in range(1 + draw.below(3))]
    return RandomCluster(namespaces, pods, policies)


class _Draw:
    def __init__(self, choices: bytes) -> None:
        self._choices: Iterator[int] = iter(choices)

    def below(self, bound: int) -> int:
        """0 when the bytes have run out: the first, simplest choice."""
        return next(self._choices, 0) % bound

    def one(self, options: Sequence[_T]) -> _T:
        return options[self.below(len(options))]

    def labels(self) -> dict[str, str]:
        bits = self.below(9)
        return {key: value for key, value in (("k", " ab"[bits % 3]), ("l", " ab"[bits // 3])) if value != " "}


def _object(version: str, kind: str, metadata: Manifest, **rest: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def _pod(draw: _Draw, number: int) -> Manifest:
    metadata = {"name": f"p{number}", "namespace": "xy"[number % 2], "labels": draw.labels()}
    ports = [
        {"containerPort": 80, "name": draw.one(_NAMES), "protocol": draw.one(("TCP", "UDP"))},
        {"containerPort": 81, "name": draw.one(_NAMES)},
    ]
    spec = {"containers": [{"name": "c", "ports": ports[: draw.below(3)]}]}
    return _object("v1", "Pod", metadata, spec=spec, status={"podIP": f"10.0.1.{number + 1}"})


def _policy(draw: _Draw, number: int) -> Manifest:
    spec: Manifest = {"podSelector": _selector(draw)}
    types = draw.one((None, ["Ingress"], ["Egress"], ["Ingress", "Egress"], [], ["Egress", "Ingress"]))
    if types is not None:
        spec["policyTypes"] = types
    for key, peers in (("ingress", "from"), ("egress", "to")):
        rules = draw.below(5)
        if rules == 3:
            spec[key] = None
        elif rules < 3:
            spec[key] = [_rule(draw, peers) for _ in range(rules)]
    metadata = {"name": f"n{number}", "namespace": "xy"[draw.below(2)]}
    return _object("networking.k8s.io/v1", "NetworkPolicy", metadata, spec=spec)


def _rule(draw: _Draw, peers: str) -> Manifest:
    rule: Manifest = {}
    count = draw.below(5)
    if count:
        rule[peers] = None if count == 4 else [_peer(draw) for _ in range(count - 1)]
    count = draw.below(5)
    if count:
        rule["ports"] = None if count == 4 else [_port(draw) for _ in range(count - 1)]
    return rule


def _peer(draw: _Draw) -> Manifest:
    kind = draw.below(4)
    if kind == 3:
        cidr = draw.one(_CIDRS)
        block: Manifest = {"cidr": cidr}
        excepted = [each for each in _EXCEPTIONS[cidr] if draw.below(2)]
        return {"ipBlock": {**block, "except": excepted} if excepted else block}
    peer = {}
    if kind in {0, 2}:
        peer["podSelector"] = _selector(draw)
    if kind in {1, 2}:
        peer["namespaceSelector"] = _selector(draw, namespaces=True)
    return peer


def _selector(draw: _Draw, *, namespaces: bool = False) -> Manifest:
    kind = draw.below(6)
    if kind < 2:
        return {}
    if namespaces and kind == 2:
        return {"matchLabels": {"kubernetes.io/metadata.name": draw.one("xy")}}
    if kind < 4:
        return {"matchLabels": {draw.one("kl"): draw.one("ab")}}
    operator = draw.one(("In", "NotIn", "Exists", "DoesNotExist"))
    expression: Manifest = {"key": draw.one("kl"), "operator": operator}
    if operator in {"In", "NotIn"}:
        expression["values"] = draw.one((["a"], ["b"], ["a", "b"]))
    labels = {"matchLabels": {draw.one("kl"): draw.one("ab")}} if kind == 5 else {}
    return {**labels, "matchExpressions": [expression]}


def _port(draw: _Draw) -> Manifest:
    port: Manifest = {}
    protocol = draw.one((None, "TCP", "UDP", "SCTP"))
    if protocol is not None:
        port["protocol"] = protocol
    kind = draw.below(5)
    if kind == 1:
        port["port"] = draw.one((80, 81, 9))
    elif kind == 2:
        port["port"] = draw.one((*_NAMES, "nobody"))
    elif kind >= 3:
        port |= draw.one(({"port": 80, "endPort": 81}, {"port": 81, "endPort": 90}, {"port": 1, "endPort": 80}))
    return port
