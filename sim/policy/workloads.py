"""Pods and namespaces from manifests: pods themselves, and one for each replica that a workload's template makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.policy.fields import Field
from sim.policy.manifests import read_labels, read_name, read_namespace, read_selector
from sim.policy.matching import parsed_address
from sim.policy.objects import LabelSelector, Namespace, Pod, PodPort, Protocol
from sim.policy.syntax import dns_label_fault, port_name_fault, port_number_fault

MAX_REPLICAS = 2  # replicas are alike to policies; two are enough to see whether they may speak to each other


@dataclass(frozen=True, slots=True)
class _Kind:
    api_version: str
    template: tuple[str, ...]  # where the pod's metadata and spec are
    replicated: bool = False
    selected: bool = False  # must the workload's selector match its template?


WORKLOADS: Mapping[str, _Kind] = {
    "Pod": _Kind("v1", ()),
    "ReplicationController": _Kind("v1", ("spec", "template"), replicated=True),
    "Deployment": _Kind("apps/v1", ("spec", "template"), replicated=True, selected=True),
    "ReplicaSet": _Kind("apps/v1", ("spec", "template"), replicated=True, selected=True),
    "StatefulSet": _Kind("apps/v1", ("spec", "template"), replicated=True, selected=True),
    "DaemonSet": _Kind("apps/v1", ("spec", "template"), selected=True),
    "Job": _Kind("batch/v1", ("spec", "template")),
    "CronJob": _Kind("batch/v1", ("spec", "jobTemplate", "spec", "template")),
}


@dataclass(frozen=True, slots=True)
class Workload:
    """``replicas`` is what the manifest asks for; ``pods`` are at most ``MAX_REPLICAS`` of them."""

    kind: str
    namespace: str
    name: str
    replicas: int
    pods: tuple[Pod, ...]


def read_namespace_object(document: Field) -> Namespace | None:
    metadata = document.child("metadata")
    name = metadata.child("name")
    if not name.given:
        name.refuse("required")
    labels = read_labels(metadata.child("labels"))
    text = name.text(dns_label_fault)
    return None if text is None else Namespace.named(text, labels)


def read_workload(document: Field, kind: str, common: Mapping[str, str]) -> Workload:
    """``common`` labels are put on the pods and into the workload's selector, as a kustomization does.

    What is wrong is refused field by field.
    """
    form = WORKLOADS[kind]
    metadata = document.child("metadata")
    name, namespace = read_name(metadata), read_namespace(metadata)
    template = document
    for part in form.template:
        template = template.child(part)
    if form.template and not template.given:
        template.refuse("required: the pod's metadata and spec")
    labels = {**read_labels(template.child("metadata").child("labels")), **common}
    if form.selected:
        _refuse_mismatch(document, template, labels, common)
    spec = template.child("spec")
    ports = _ports(spec)
    replicas = _replicas(document) if form.replicated else 1
    host_network = spec.child("hostNetwork").data is True
    addresses = _addresses(document) if kind == "Pod" else ()
    names = [name] if kind == "Pod" else [f"{name}-{number}" for number in range(min(replicas, MAX_REPLICAS))]
    pods = tuple(Pod(pod, namespace, labels, addresses, ports, host_network) for pod in names)
    return Workload(kind, namespace, name, replicas, pods)


def _refuse_mismatch(document: Field, template: Field, labels: Mapping[str, str], common: Mapping[str, str]) -> None:
    selector = document.child("spec").child("selector")
    if not selector.given and not common:
        selector.refuse("required: the labels by which the workload knows its pods")
    elif not _with(read_selector(selector), common).matches(labels):
        labels_field = template.child("metadata").child("labels")
        labels_field.refuse("spec.selector does not match the pod's labels")


def _with(selector: LabelSelector, common: Mapping[str, str]) -> LabelSelector:
    return LabelSelector.of({**dict(selector.match_labels), **common}, *selector.match_expressions)


def _replicas(document: Field) -> int:
    count = document.child("spec").child("replicas").integer(lambda n: "may not be negative" if n < 0 else None)
    return 1 if count is None else count


def _ports(spec: Field) -> tuple[PodPort, ...]:
    """What containers declare; of init containers, those that stay (sidecars)."""
    containers = list(spec.child("containers").items())
    containers += [
        entry for entry in spec.child("initContainers").items() if entry.child("restartPolicy").data == "Always"
    ]
    ports = []
    for entry in (port for container in containers for port in container.child("ports").items()):
        number_field = entry.child("containerPort")
        if not number_field.given:
            number_field.refuse("required")
        number = number_field.integer(port_number_fault)
        name = entry.child("name").text(port_name_fault) if entry.child("name").data != "" else None
        protocol = entry.child("protocol").choice(list(Protocol)) or Protocol.TCP
        if number is not None:
            ports.append(PodPort(number, Protocol(protocol), name))
    return tuple(dict.fromkeys(ports))


def _addresses(document: Field) -> tuple[str, ...]:
    """Those that a running cluster reported."""
    status = document.child("status")
    fields = [entry.child("ip") for entry in status.child("podIPs").items()] or [status.child("podIP")]
    return tuple(text for text in (field.text(_address_fault) for field in fields) if text)


def _address_fault(text: str) -> str | None:
    try:
        if text:
            parsed_address(text)
    except ValueError:
        return "expected an IP address"
    return None
