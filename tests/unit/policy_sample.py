"""A small cluster as manifests: namespaces x, y, z of pods a, b, c, as the Kubernetes conformance tests have it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim.policy.loading import Manifests, load_manifests

Manifest = dict[str, Any]

PORTS = (("serve-80-tcp", 80, "TCP"), ("serve-81-tcp", 81, "TCP"), ("serve-80-udp", 80, "UDP"), ("sctp", 80, "SCTP"))


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**(labels or {})}}}


def pod(where: str, name: str, address: str | None = None, labels: Mapping[str, str] | None = None) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": where, "labels": {"pod": name} if labels is None else {**labels}},
        "spec": {"containers": [{"name": "c", "ports": [_port(*port) for port in PORTS]}]},
        "status": {"podIP": address} if address else {},
    }


def policy(where: str, name: str, /, **spec: Any) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": where},
        "spec": {"podSelector": {}, **spec},
    }


def world() -> list[Manifest]:
    """x/a is 10.0.1.1, x/b 10.0.1.2 and so on to z/c, 10.0.3.3."""
    return [
        *(namespace(name, {"ns": name}) for name in "xyz"),
        *(pod(ns, name, f"10.0.{n}.{p}") for n, ns in enumerate("xyz", 1) for p, name in enumerate("abc", 1)),
    ]


def loaded(folder: Path, manifests: Iterable[Manifest]) -> Manifests:
    (folder / "manifests.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))
    return load_manifests(folder)


def _port(name: str, number: int, protocol: str) -> Manifest:
    return {"name": name, "containerPort": number, "protocol": protocol}
