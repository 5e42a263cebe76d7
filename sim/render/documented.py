"""The images the document names, for rendering without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.images.model import ResolvedImage
from sim.plan.services import COMPONENT, given_images
from sim.topology.model import Topology
from sim.verdict import Fidelity


def documented_images(topology: Topology) -> Mapping[str, ResolvedImage]:
    """Component → the document's own image. The rig's own parts have none and keep their local name."""
    monitoring = topology.monitoring
    named = {
        "mysql": ("mysql", topology.database_server.image),
        "rabbitmq": ("rabbitmq", topology.broker.image),
        "object-store": ("minio", topology.object_store.image),
        "redis": ("redis", topology.cache.image),
        "prometheus": ("prometheus", monitoring.prometheus.image),
        "alertmanager": ("alertmanager", monitoring.alertmanager.image),
        "node-exporter": ("node_exporter", monitoring.node_exporter.image),
        "mysql-exporter": ("mysqld_exporter", monitoring.mysql_exporter.image),
        "alert-sink": ("alert-sink", "sim/alert-sink:latest"),
        "pause": ("pause", "sim/pause:latest"),
        "network-tools": ("nftables", "sim/network-tools:latest"),
        **{deployment: (deployment, reference) for deployment, reference in given_images(topology).items()},
    }
    return {
        **{component: _image(component, software, reference) for component, (software, reference) in named.items()},
        COMPONENT: replace(_image(COMPONENT, "sim-service", "sim/service:latest"), fidelity=Fidelity.STAND_IN),
    }


def _image(component: str, software: str, reference: str) -> ResolvedImage:
    return ResolvedImage(component, reference, reference, "", software, _version(reference), Fidelity.DOCUMENTED)


def _version(reference: str) -> str:
    """``mysql:8.0`` → ``8.0``; a tag that is no version says nothing, and 0 is older than any flag's removal."""
    tag = reference.rpartition(":")[2].removeprefix("v").split("-")[0]
    return tag if tag[:1].isdigit() else "0"
