"""A cluster from any folder of manifests: YAML of one or many documents, lists, JSON; kustomizations where simple.

Namespaces, pods, pod templates of workloads and network policies are read; every other kind is counted and passed over.
Pods get addresses of their own where the manifests do not say them. Nothing is passed over that could change the table:
a file that cannot be read and may hold one of these kinds is refused.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sim.errors import BadInput
from sim.policy.fields import Field
from sim.policy.files import Faults, FileDocument, found_files, read_documents
from sim.policy.imagining import with_imagined
from sim.policy.kustomizations import Source, sources_of
from sim.policy.kustomized import kustomized_namespace, kustomized_policy, kustomized_workload
from sim.policy.manifests import read_policy
from sim.policy.objects import Cluster, Namespace, NetworkPolicy, Pod
from sim.policy.workloads import MAX_REPLICAS, WORKLOADS, Workload, read_namespace_object, read_workload
from sim.topology.problems import shown

POD_NETWORK = "10.244.0.0/16"  # where pods without an address of their own are put
NODE_ADDRESS = "192.168.0.10"  # one node, to which pods on its network belong
_POLICY_VERSION = "networking.k8s.io/v1"
# Groups that once served, or that people take to serve, the policies of networking.k8s.io.
_POLICY_GROUPS = ("", "apps", "extensions", "networking", "networking.k8s.io", "policy")
# What makes a mapping a manifest, if a faulty one: charts and others have an apiVersion, too.
_LIKE_AN_OBJECT = frozenset({"kind", "spec"})
_Named = NetworkPolicy | Namespace | Workload


@dataclass(frozen=True, slots=True)
class Manifests:
    """``ignored`` counts objects of other kinds; ``notes`` say what was not interpreted and what was assumed."""

    cluster: Cluster
    workloads: tuple[Workload, ...]
    ignored: Mapping[str, int]
    notes: tuple[str, ...]


def load_manifests(root: Path) -> Manifests:
    """Raises BadInput that lists every problem of every file."""
    root = root.resolve()
    faults = Faults(root)
    passed_over: list[Path] = []
    sources, notes = sources_of(found_files(root), faults)
    reader = _Reader(faults)
    read: dict[Path, list[FileDocument]] = {}
    for source in sources:
        if source.file not in read:
            read[source.file] = list(read_documents(source.file, faults, passed_over))
        for document in read[source.file]:
            reader.read(source, document)
    faults.raise_any()
    if not reader.workloads and not reader.policies:
        raise BadInput(
            f"{root}: no pods, workloads or network policies in {len(read)} manifest files.",
            next_step="name a folder of Kubernetes manifests",
        )
    if passed_over:
        names = ", ".join(sorted(faults.shown(file) for file in passed_over))
        notes.append(f"no YAML, and nothing that matters here: {names}")
    return reader.result(notes)


@dataclass(slots=True)
class _Reader:
    """Collects objects by kind, namespace and name, each with the place it came from."""

    faults: Faults
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    policies: list[NetworkPolicy] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    _first: dict[tuple[str, str, str], tuple[_Named, Path]] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)

    def read(self, source: Source, document: FileDocument) -> None:
        if not document.marked.problems:
            self._read_object(source, document, Field(document.marked, (), document.marked.data))
        if id(document) not in self._told and document.marked.problems:
            self._told.add(id(document))
            self.faults.add_document(document.file, _title(document), document.marked.problems)

    def _read_object(self, source: Source, document: FileDocument, item: Field) -> None:
        if not isinstance(item.data, dict) or not _LIKE_AN_OBJECT & set(item.data):
            self.ignored["no Kubernetes object"] += 1
            return
        kind, version = item.child("kind").text() or "", item.child("apiVersion").text() or ""
        group = version.rpartition("/")[0]
        if kind.endswith("List") and isinstance(item.data.get("items"), list):
            for member in item.child("items").items():
                self._read_object(source, document, member)
        elif kind == "NetworkPolicy" and group in _POLICY_GROUPS:
            self._expect_version(item, _POLICY_VERSION)
            policy = kustomized_policy(read_policy(item), source)
            if self._is_new("NetworkPolicy", policy, item, document):
                self.policies.append(replace(policy, source=self._place(document)))
        elif kind == "Namespace" and not group:
            self._expect_version(item, "v1")
            self._take_namespace(source, document, item)
        elif kind in WORKLOADS and "." not in group:
            self._expect_version(item, WORKLOADS[kind].api_version)
            workload = kustomized_workload(read_workload(item, kind, dict(source.labels)), source)
            if self._is_new(kind, workload, item, document):
                self.workloads.append(workload)
        else:
            self._ignore(item, kind, version)

    def _take_namespace(self, source: Source, document: FileDocument, item: Field) -> None:
        namespace = read_namespace_object(item)
        if namespace is not None:
            namespace = kustomized_namespace(namespace, source)
            if self._is_new("Namespace", namespace, item, document):
                self.namespaces[namespace.name] = namespace

    def _ignore(self, item: Field, kind: str, version: str) -> None:
        if not kind:
            item.child("kind").refuse("required")
        elif not version:
            item.child("apiVersion").refuse("required")
        else:
            self.ignored[kind if "." not in version or "k8s.io" in version else f"{kind} ({version})"] += 1

    def _expect_version(self, item: Field, expected: str) -> None:
        field_ = item.child("apiVersion")
        if not field_.given:
            field_.refuse(f"required: {expected}")
        elif field_.data != expected:
            field_.refuse(f"{shown(str(field_.data))} is not served: expected {expected}")

    def _is_new(self, kind: str, value: _Named, item: Field, document: FileDocument) -> bool:
        """Whether the object is the first of its kind and name; a second one is refused unless it says the same.

        One object comes again where two overlays share a base and differ in what is not interpreted.
        """
        key = (kind, "" if isinstance(value, Namespace) else value.namespace, value.name)
        if key not in self._first:
            self._first[key] = (value, document.file)
            return True
        first, file = self._first[key]
        if value.name and first != value:
            full = "/".join(key[1:]).strip("/")
            message = f"a second {kind} {full}, unlike the first in {self.faults.shown(file)}"
            item.child("metadata").child("name").refuse(message)
            self.faults.next_step = "name a folder (of a kustomize repository, an overlay) that is deployed as one"
        return False

    def _place(self, document: FileDocument) -> str:
        shown_file = self.faults.shown(document.file)
        return shown_file if document.number == 1 else f"{shown_file}, document {document.number}"

    def result(self, notes: Iterable[str]) -> Manifests:
        told = list(notes)
        told += (
            f"{each.kind} {each.namespace}/{each.name}: {MAX_REPLICAS} of {each.replicas} replicas"
            for each in self.workloads
            if each.replicas > MAX_REPLICAS
        )
        pods = _distinct(self.workloads)
        used = {pod.namespace for pod in pods} | {policy.namespace for policy in self.policies}
        namespaces = {name: Namespace.named(name) for name in used} | self.namespaces
        cluster = Cluster(
            tuple(namespaces[name] for name in sorted(namespaces)), tuple(pods), tuple(self.policies), (NODE_ADDRESS,)
        )
        cluster, imagined = with_imagined(cluster)
        if imagined:
            told.append(f"selected by policies, not in these manifests: {', '.join(imagined)}")
        cluster = replace(cluster, pods=tuple(_addressed(cluster.pods)))
        return Manifests(cluster, tuple(self.workloads), dict(sorted(self.ignored.items())), tuple(told))


def _title(document: FileDocument) -> str:
    data = document.marked.data
    metadata = data.get("metadata") if isinstance(data, dict) else None
    words = [f"document {document.number}"]
    if isinstance(data, dict) and isinstance(data.get("kind"), str):
        name = metadata.get("name") if isinstance(metadata, dict) else None
        words.append(f"({data['kind']}{f' {shown(name, quoted=False)}' if isinstance(name, str) else ''})")
    return " ".join(words)


def _distinct(workloads: Iterable[Workload]) -> list[Pod]:
    """In order of namespace and name. A StatefulSet and a Deployment may share a name; their pods must not."""
    pods: dict[tuple[str, str], Pod] = {}
    for workload in workloads:
        for pod in workload.pods:
            name = pod.name
            if (pod.namespace, name) in pods:
                name = f"{pod.name}-{workload.kind.lower()}"
            pods[pod.namespace, name] = replace(pod, name=name)
    return [pods[key] for key in sorted(pods)]


def _addressed(pods: Iterable[Pod]) -> Iterable[Pod]:
    pods = list(pods)
    taken = {address for pod in pods for address in pod.addresses}
    hosts = (str(host) for host in ipaddress.ip_network(POD_NETWORK).hosts())
    free = (host for host in hosts if host not in taken)
    next(free)  # the network's own gateway
    for pod in pods:
        if pod.addresses:
            yield pod
        else:
            yield replace(pod, addresses=(NODE_ADDRESS if pod.host_network else next(free),))
