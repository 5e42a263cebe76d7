"""A NetworkPolicy manifest as a value, with every mistake that the API server would refuse told with its field's path.

One departure: ``podSelector`` must be written. The server takes a missing one for "all pods", which nobody means by
leaving it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.policy.fields import Field
from sim.policy.objects import (
    Direction,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    Operator,
    Peer,
    PortRule,
    Protocol,
    Requirement,
    Rule,
    resolved_policy_types,
)
from sim.policy.syntax import (
    cidr_fault,
    dns_label_fault,
    exception_fault,
    label_key_fault,
    label_value_fault,
    port_name_fault,
    port_number_fault,
    subdomain_fault,
)

ADDED_ANNOTATION = "sim/added"
_TOP = ("apiVersion", "kind", "metadata", "spec", "status")
_METADATA = (
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_DIRECTIONS = {"Ingress": Direction.INGRESS, "Egress": Direction.EGRESS}


def read_policy(document: Field) -> NetworkPolicy:
    """What is wrong is refused field by field; the value is good where nothing was."""
    document.mapping(_TOP)
    metadata = document.child("metadata")
    metadata.mapping(_METADATA)
    name, namespace = read_name(metadata), read_namespace(metadata)
    read_labels(metadata.child("labels"))
    annotations = metadata.child("annotations").mapping()
    added = annotations[ADDED_ANNOTATION].text() if ADDED_ANNOTATION in annotations else None
    spec = document.child("spec")
    spec.mapping(("podSelector", "policyTypes", "ingress", "egress"))
    if not spec.child("podSelector").given:
        spec.child("podSelector").refuse("required: write 'podSelector: {}' for all pods of the namespace")
    selector = read_selector(spec.child("podSelector"))
    ingress = tuple(_rule(field, "from") for field in spec.child("ingress").items())
    egress = tuple(_rule(field, "to") for field in spec.child("egress").items())
    return NetworkPolicy(
        name=name,
        namespace=namespace,
        pod_selector=selector,
        policy_types=_policy_types(spec.child("policyTypes"), has_egress_rules=bool(egress)),
        ingress=ingress,
        egress=egress,
        added=added,
    )


def read_name(metadata: Field) -> str:
    """Empty, with a refusal, where there is none. A generated name's last letters are not ours to guess."""
    name = metadata.child("name")
    if name.given:
        return name.text(subdomain_fault) or ""
    generated = metadata.child("generateName")
    if generated.given:
        return (generated.text() or "").rstrip("-.")
    name.refuse("required")
    return ""


def read_namespace(metadata: Field) -> str:
    return metadata.child("namespace").text(dns_label_fault) or "default"


def read_labels(field: Field) -> dict[str, str]:
    labels = {}
    for key, member in field.mapping().items():
        fault = label_key_fault(key)
        if fault is not None:
            member.refuse(f"label key: {fault}", at_key=True)
        # Null is the empty text in a map of text.
        labels[key] = member.text(label_value_fault) or ""
    return labels


def read_selector(field: Field) -> LabelSelector:
    field.mapping(("matchLabels", "matchExpressions"))
    labels: Mapping[str, str] = read_labels(field.child("matchLabels"))
    found = (_requirement(entry) for entry in field.child("matchExpressions").items())
    return LabelSelector.of(labels, *(requirement for requirement in found if requirement is not None))


def _requirement(field: Field) -> Requirement | None:
    field.mapping(("key", "operator", "values"))
    key, operator, values = field.child("key"), field.child("operator"), field.child("values")
    if not key.given or key.text() == "":
        key.refuse("required")
    key_text = key.text(label_key_fault) if key.data else None
    if not operator.given:
        operator.refuse(f"required: one of {', '.join(Operator)}")
    word = operator.choice(list(Operator))
    texts = [entry.text(label_value_fault) if entry.given else "" for entry in values.items()]
    if word in {Operator.IN, Operator.NOT_IN} and not texts:
        values.refuse(f"required with operator {word}: at least one value")
    if word in {Operator.EXISTS, Operator.DOES_NOT_EXIST} and texts:
        values.refuse(f"may not be given with operator {word}")
    if key_text is None or word is None:
        return None
    return Requirement(key_text, Operator(word), tuple(text for text in texts if text is not None))


def _policy_types(field: Field, *, has_egress_rules: bool) -> tuple[Direction, ...]:
    entries = list(field.items())
    if len(entries) > len(_DIRECTIONS):
        field.refuse("may not hold more than two")
    if not entries:
        return resolved_policy_types(has_egress_rules=has_egress_rules)
    written = set()
    for entry in entries:
        if not entry.given:
            entry.refuse(f"nothing: expected one of {', '.join(_DIRECTIONS)}")
        written.add(entry.choice(list(_DIRECTIONS)))
    return tuple(direction for word, direction in _DIRECTIONS.items() if word in written)


def _rule(field: Field, peers: str) -> Rule:
    field.mapping((peers, "ports"))
    found = (_peer(entry) for entry in field.child(peers).items())
    return Rule(
        tuple(peer for peer in found if peer is not None),
        tuple(_port(entry) for entry in field.child("ports").items()),
    )


def _peer(field: Field) -> Peer | None:
    field.mapping(("podSelector", "namespaceSelector", "ipBlock"))
    pods, namespaces, block = (field.child(name) for name in ("podSelector", "namespaceSelector", "ipBlock"))
    if not (pods.given or namespaces.given or block.given):
        field.refuse("must specify a peer: podSelector, namespaceSelector or ipBlock")
        return None
    if block.given and (pods.given or namespaces.given):
        field.refuse("may not specify both ipBlock and another peer")
    return Peer(
        read_selector(pods) if pods.given else None,
        read_selector(namespaces) if namespaces.given else None,
        _block(block) if block.given else None,
    )


def _block(field: Field) -> IPBlock:
    field.mapping(("cidr", "except"))
    cidr = field.child("cidr")
    if not cidr.data:
        cidr.refuse("required: an address and a mask's length, such as 10.9.8.0/24")
    outer = cidr.text(cidr_fault) if cidr.data else None
    excluded = []
    for entry in field.child("except").items():
        inner = entry.text(cidr_fault) if entry.given else None
        if not entry.given:
            entry.refuse("nothing: expected an address and a mask's length")
        fault = exception_fault(inner, outer) if inner is not None and outer is not None else None
        if fault is not None:
            entry.refuse(f"'{inner}': {fault}")
        if inner is not None:
            excluded.append(inner)
    return IPBlock(outer or "0.0.0.0/0", tuple(excluded))


def _port(field: Field) -> PortRule:
    field.mapping(("protocol", "port", "endPort"))
    protocol = field.child("protocol").choice(list(Protocol)) or Protocol.TCP
    port, end = field.child("port"), field.child("endPort")
    number = name = None
    if isinstance(port.data, str):
        name = port.text(port_name_fault)
    elif port.given:
        number = port.integer(port_number_fault)
    last = end.integer(port_number_fault)
    if end.given and not port.given:
        end.refuse("may not be given without port")
    elif end.given and isinstance(port.data, str):
        end.refuse("may not be given with a port's name: port must be a number")
    elif last is not None and number is not None and last < number:
        end.refuse(f"{last}: must be greater than or equal to port ({number})")
    return PortRule(Protocol(protocol), number if number is not None else name, last)
