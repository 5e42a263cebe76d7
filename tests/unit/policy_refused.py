"""Manifests that the API server would refuse: what is wrong → (manifest, the field's path, a part of what is said)."""

from __future__ import annotations

import copy
from typing import Any

from tests.unit.policy_sample import Manifest, namespace, pod, policy

_DEPLOYMENT: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]},
        },
    },
}


def with_peer(**peer: Any) -> Manifest:
    return policy("x", "p", ingress=[{}, {"from": [{"podSelector": {}}, peer]}])


def with_port(**port: Any) -> Manifest:
    return policy("x", "p", egress=[{"ports": [{"port": 1}, port]}])


def _select(**selector: Any) -> Manifest:
    return policy("x", "p", podSelector=selector)


def _expression(**expression: Any) -> Manifest:
    return _select(matchExpressions=[expression])


def _changed(manifest: Manifest, path: str, value: Any) -> Manifest:
    changed = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    place: Any = changed
    for part in parents:
        place = place[int(part)] if part.isdigit() else place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


_POLICY = policy("x", "p")
_BLOCK = "spec.ingress[1].from[1].ipBlock"
_EGRESS_PORT = "spec.egress[0].ports[1]"

# what is wrong → (manifest, the field's path, a part of what is said about it)
REFUSED: dict[str, tuple[Manifest, str, str]] = {
    "unknown field of spec": (policy("x", "p", ingres=[]), "spec.ingres", "unknown field; did you mean 'ingress'?"),
    "unknown field of the policy": (_changed(_POLICY, "specs", {}), "specs", "did you mean 'spec'?"),
    "unknown field of metadata": (_changed(_POLICY, "metadata.nam", "a"), "metadata.nam", "did you mean 'name'?"),
    "unknown field of a rule": (policy("x", "p", ingress=[{"to": []}]), "spec.ingress[0].to", "unknown field"),
    "unknown field of a peer": (with_peer(pod={}), "spec.ingress[1].from[1].pod", "unknown field"),
    "unknown field of a port": (with_port(ports=1), f"{_EGRESS_PORT}.ports", "did you mean 'port'?"),
    "unknown field of a block": (
        with_peer(ipBlock={"cidr": "1.0.0.0/8", "exept": []}),
        f"{_BLOCK}.exept",
        "did you mean 'except'?",
    ),
    "unknown field of a selector": (
        _select(matchLabel={}),
        "spec.podSelector.matchLabel",
        "did you mean 'matchLabels'?",
    ),
    "unknown field of an expression": (
        _expression(key="a", operator="Exists", value=["a"]),
        "spec.podSelector.matchExpressions[0].value",
        "did you mean 'values'?",
    ),
    "no pod selector": (
        _changed(_POLICY, "spec.podSelector", None),
        "spec.podSelector",
        "required: write 'podSelector: {}'",
    ),
    "a null pod selector": (policy("x", "p", podSelector=None), "spec.podSelector", "required"),
    "no spec": (_changed(_POLICY, "spec", None), "spec.podSelector", "required"),
    "no name": (_changed(_POLICY, "metadata.name", None), "metadata.name", "required"),
    "a name of capitals": (policy("x", "Deny"), "metadata.name", "'Deny': expected small letters"),
    "a name too long": (policy("x", "a" * 254), "metadata.name", "longer than 253"),
    "a namespace that is no label": (policy("x.y", "p"), "metadata.namespace", "'x.y': expected small letters"),
    "a namespace too long": (policy("x" * 64, "p"), "metadata.namespace", "longer than 63"),
    "spec a list": (_changed(_POLICY, "spec", []), "spec", "expected a mapping"),
    "ingress a mapping": (policy("x", "p", ingress={}), "spec.ingress", "expected a list"),
    "a rule that is text": (policy("x", "p", ingress=["all"]), "spec.ingress[0]", "expected a mapping"),
    "apiVersion of long ago": (
        _changed(_POLICY, "apiVersion", "extensions/v1beta1"),
        "apiVersion",
        "expected networking.k8s.io/v1",
    ),
    "apiVersion of the core": (_changed(_POLICY, "apiVersion", "v1"), "apiVersion", "'v1' is not served"),
    "apiVersion beta": (
        _changed(_POLICY, "apiVersion", "networking.k8s.io/v1beta1"),
        "apiVersion",
        "expected networking.k8s.io/v1",
    ),
    "no apiVersion": (_changed(_POLICY, "apiVersion", None), "apiVersion", "required: networking.k8s.io/v1"),
    "no kind": (_changed(_POLICY, "kind", None), "kind", "required"),
    "type unknown": (
        policy("x", "p", policyTypes=["Ingress", "egress"]),
        "spec.policyTypes[1]",
        "'egress': expected one of Ingress, Egress",
    ),
    "three types": (
        policy("x", "p", policyTypes=["Ingress", "Egress", "Ingress"]),
        "spec.policyTypes",
        "more than two",
    ),
    "a null type": (policy("x", "p", policyTypes=[None]), "spec.policyTypes[0]", "nothing: expected one of"),
    "types as text": (policy("x", "p", policyTypes="Ingress"), "spec.policyTypes", "expected a list"),
    "label key of blanks": (
        _select(matchLabels={"a b": "c"}),
        "spec.podSelector.matchLabels.a b",
        "label key: expected letters",
    ),
    "label key empty": (
        _select(matchLabels={"": "c"}),
        "spec.podSelector.matchLabels",
        "label key: the name must have 1 to 63",
    ),
    "label key too long": (_select(matchLabels={"a" * 64: "c"}), "spec.podSelector.matchLabels", "1 to 63 characters"),
    "label prefix of capitals": (
        _select(matchLabels={"Ex.com/a": "c"}),
        "spec.podSelector.matchLabels",
        "DNS subdomain",
    ),
    "label prefix empty": (_select(matchLabels={"/a": "c"}), "spec.podSelector.matchLabels", "DNS subdomain"),
    "label value of blanks": (
        _select(matchLabels={"a": "b c"}),
        "spec.podSelector.matchLabels.a",
        "'b c': expected letters",
    ),
    "label value too long": (_select(matchLabels={"a": "b" * 64}), "spec.podSelector.matchLabels.a", "longer than 63"),
    "label value with a dash at its end": (_select(matchLabels={"a": "b-"}), "spec.podSelector.matchLabels.a", "'b-'"),
    "label value a number": (
        _select(matchLabels={"a": 1}),
        "spec.podSelector.matchLabels.a",
        "expected text, found 1: put it in quotes",
    ),
    "label value true": (_select(matchLabels={"a": True}), "spec.podSelector.matchLabels.a", "put it in quotes"),
    "metadata's own labels": (_changed(_POLICY, "metadata.labels", {"a": "b c"}), "metadata.labels.a", "'b c'"),
    "In without values": (
        _expression(key="a", operator="In"),
        "spec.podSelector.matchExpressions[0].values",
        "required with operator In",
    ),
    "NotIn with no values": (
        _expression(key="a", operator="NotIn", values=[]),
        "spec.podSelector.matchExpressions[0].values",
        "required with operator NotIn",
    ),
    "Exists with values": (
        _expression(key="a", operator="Exists", values=["b"]),
        "spec.podSelector.matchExpressions[0].values",
        "may not be given with operator Exists",
    ),
    "DoesNotExist with values": (
        _expression(key="a", operator="DoesNotExist", values=["b"]),
        "spec.podSelector.matchExpressions[0].values",
        "may not be given with operator DoesNotExist",
    ),
    "operator unknown": (
        _expression(key="a", operator="in", values=["b"]),
        "spec.podSelector.matchExpressions[0].operator",
        "'in': expected one of In, NotIn",
    ),
    "operator of nodes": (
        _expression(key="a", operator="Gt", values=["1"]),
        "spec.podSelector.matchExpressions[0].operator",
        "'Gt'",
    ),
    "no operator": (_expression(key="a"), "spec.podSelector.matchExpressions[0].operator", "required"),
    "no key": (_expression(operator="Exists"), "spec.podSelector.matchExpressions[0].key", "required"),
    "an expression's key": (
        _expression(key="a b", operator="Exists"),
        "spec.podSelector.matchExpressions[0].key",
        "'a b'",
    ),
    "an expression's value": (
        _expression(key="a", operator="In", values=["b", "c d"]),
        "spec.podSelector.matchExpressions[0].values[1]",
        "'c d'",
    ),
    "an empty peer": (with_peer(), "spec.ingress[1].from[1]", "must specify a peer"),
    "a peer of null": (with_peer(podSelector=None), "spec.ingress[1].from[1]", "must specify a peer"),
    "block and pods": (
        with_peer(ipBlock={"cidr": "1.0.0.0/8"}, podSelector={}),
        "spec.ingress[1].from[1]",
        "both ipBlock and another peer",
    ),
    "block and namespaces": (
        with_peer(ipBlock={"cidr": "1.0.0.0/8"}, namespaceSelector={}),
        "spec.ingress[1].from[1]",
        "both ipBlock and another peer",
    ),
    "a peer's selector": (
        with_peer(namespaceSelector={"matchLabels": {"a": "b c"}}),
        "spec.ingress[1].from[1].namespaceSelector.matchLabels.a",
        "'b c'",
    ),
    "no cidr": (with_peer(ipBlock={}), f"{_BLOCK}.cidr", "required"),
    "an empty cidr": (with_peer(ipBlock={"cidr": ""}), f"{_BLOCK}.cidr", "required"),
    "a cidr without a mask": (
        with_peer(ipBlock={"cidr": "10.0.0.1"}),
        f"{_BLOCK}.cidr",
        "'10.0.0.1': must be an address and a mask's length",
    ),
    "a mask too long": (with_peer(ipBlock={"cidr": "10.0.0.0/33"}), f"{_BLOCK}.cidr", "'10.0.0.0/33'"),
    "a mask as an address": (with_peer(ipBlock={"cidr": "10.0.0.0/255.0.0.0"}), f"{_BLOCK}.cidr", "mask's length"),
    "an octet too big": (with_peer(ipBlock={"cidr": "10.0.0.256/32"}), f"{_BLOCK}.cidr", "'10.0.0.256/32'"),
    "a scoped address": (with_peer(ipBlock={"cidr": "fe80::1%eth0/64"}), f"{_BLOCK}.cidr", "mask's length"),
    "a host's name": (with_peer(ipBlock={"cidr": "example.com/32"}), f"{_BLOCK}.cidr", "mask's length"),
    "an exception that is no cidr": (
        with_peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.1.0.0"]}),
        f"{_BLOCK}.except[0]",
        "'10.1.0.0': must be an address and a mask's length",
    ),
    "an exception outside": (
        with_peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16"]}),
        f"{_BLOCK}.except[1]",
        "'11.0.0.0/16': must be a strict subset of cidr (10.0.0.0/8)",
    ),
    "an exception as large": (
        with_peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}),
        f"{_BLOCK}.except[0]",
        "strict subset",
    ),
    "an exception larger": (
        with_peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.0.0.0/7"]}),
        f"{_BLOCK}.except[0]",
        "strict subset",
    ),
    "an exception of the other family": (
        with_peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["::/16"]}),
        f"{_BLOCK}.except[0]",
        "strict subset",
    ),
    "a null exception": (
        with_peer(ipBlock={"cidr": "10.0.0.0/8", "except": [None]}),
        f"{_BLOCK}.except[0]",
        "nothing: expected",
    ),
    "protocol in small letters": (
        with_port(protocol="tcp"),
        f"{_EGRESS_PORT}.protocol",
        "'tcp': expected one of TCP, UDP, SCTP",
    ),
    "protocol unknown": (with_port(protocol="ICMP"), f"{_EGRESS_PORT}.protocol", "'ICMP'"),
    "port 0": (with_port(port=0), f"{_EGRESS_PORT}.port", "0: must be between 1 and 65535"),
    "port 65536": (with_port(port=65536), f"{_EGRESS_PORT}.port", "must be between 1 and 65535"),
    "port a fraction": (with_port(port=80.5), f"{_EGRESS_PORT}.port", "expected a whole number"),
    "port true": (with_port(port=True), f"{_EGRESS_PORT}.port", "expected a whole number"),
    "a number in quotes": (with_port(port="80"), f"{_EGRESS_PORT}.port", "'80': expected at least one letter"),
    "a port's name too long": (with_port(port="a-port-too-long1"), f"{_EGRESS_PORT}.port", "1 to 15 characters"),
    "an empty port's name": (with_port(port=""), f"{_EGRESS_PORT}.port", "1 to 15 characters"),
    "a port's name of capitals": (with_port(port="HTTP"), f"{_EGRESS_PORT}.port", "'HTTP': expected small letters"),
    "a port's name with a dash at its end": (with_port(port="web-"), f"{_EGRESS_PORT}.port", "'web-'"),
    "a port's name with two dashes": (with_port(port="a--b"), f"{_EGRESS_PORT}.port", "'a--b'"),
    "endPort below port": (
        with_port(port=90, endPort=80),
        f"{_EGRESS_PORT}.endPort",
        "80: must be greater than or equal to port (90)",
    ),
    "endPort too big": (with_port(port=90, endPort=65536), f"{_EGRESS_PORT}.endPort", "must be between 1 and 65535"),
    "endPort without port": (with_port(endPort=80), f"{_EGRESS_PORT}.endPort", "may not be given without port"),
    "endPort with a named port": (
        with_port(port="http", endPort=80),
        f"{_EGRESS_PORT}.endPort",
        "port must be a number",
    ),
    "endPort as text": (with_port(port=80, endPort="90"), f"{_EGRESS_PORT}.endPort", "expected a whole number"),
    "a namespace's name": (namespace("X"), "metadata.name", "'X'"),
    "a namespace's label": (namespace("x", {"a": "b c"}), "metadata.labels.a", "'b c'"),
    "a namespace's version": (_changed(namespace("x"), "apiVersion", "v2"), "apiVersion", "expected v1"),
    "a pod's label": (pod("x", "a", None, {"a": "-"}), "metadata.labels.a", "'-'"),
    "a pod's port": (
        _changed(pod("x", "a"), "spec.containers.0.ports.0.containerPort", 0),
        "spec.containers[0].ports[0].containerPort",
        "between 1 and 65535",
    ),
    "a pod's port without a number": (
        _changed(pod("x", "a"), "spec.containers.0.ports.0.containerPort", None),
        "spec.containers[0].ports[0].containerPort",
        "required",
    ),
    "a pod's port name": (
        _changed(pod("x", "a"), "spec.containers.0.ports.1.name", "A"),
        "spec.containers[0].ports[1].name",
        "'A'",
    ),
    "a pod's protocol": (
        _changed(pod("x", "a"), "spec.containers.0.ports.1.protocol", "tcp"),
        "spec.containers[0].ports[1].protocol",
        "'tcp'",
    ),
    "a pod's address": (pod("x", "a", "10.0.0"), "status.podIP", "'10.0.0': expected an IP address"),
    "a workload's old version": (
        _changed(_DEPLOYMENT, "apiVersion", "extensions/v1beta1"),
        "apiVersion",
        "expected apps/v1",
    ),
    "a workload without a selector": (_changed(_DEPLOYMENT, "spec.selector", None), "spec.selector", "required"),
    "a selector that misses its template": (
        _changed(_DEPLOYMENT, "spec.selector.matchLabels.app", "api"),
        "spec.template.metadata.labels",
        "does not match the pod's labels",
    ),
    "a workload without a template": (_changed(_DEPLOYMENT, "spec.template", None), "spec.template", "required"),
    "negative replicas": (_changed(_DEPLOYMENT, "spec.replicas", -1), "spec.replicas", "-1: may not be negative"),
    "a label of a template": (
        _changed(_DEPLOYMENT, "spec.template.metadata.labels.b", "c d"),
        "spec.template.metadata.labels.b",
        "'c d'",
    ),
}
