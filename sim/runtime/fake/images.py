"""Image rows of a rehearsal: the documented software and versions, and a digest that no engine could have given."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sim.images.model import ResolvedImage
from sim.topology.model import Topology
from sim.verdict import Fidelity

_SOFTWARE = {"object-store": "minio"}


def fake_images(topology: Topology) -> dict[str, ResolvedImage]:
    """Every component as documented. ``reference`` and ``digest`` begin with ``fake:``, which no engine runs."""
    return {component: _image(component, documented) for component, documented in _documented(topology).items()}


def _documented(topology: Topology) -> Mapping[str, str]:
    monitoring = topology.monitoring
    return {
        "mysql": topology.database_server.image,
        "rabbitmq": topology.broker.image,
        "object-store": topology.object_store.image,
        "redis": topology.cache.image,
        "prometheus": monitoring.prometheus.image,
        "alertmanager": monitoring.alertmanager.image,
        "node-exporter": monitoring.node_exporter.image,
        "mysql-exporter": monitoring.mysql_exporter.image,
        "alert-sink": "",
        "service": "",
        "pause": "",
        "network-tools": "",
    }


def _image(component: str, documented: str) -> ResolvedImage:
    return ResolvedImage(
        component=component,
        documented=documented,
        reference=f"fake:{component}",
        digest=f"fake:{component}",
        software=_SOFTWARE.get(component, component),
        version=_version(documented),
        fidelity=Fidelity.DOCUMENTED,
        reason="modelled in memory, no server ran",
    )


def _version(documented: str) -> str:
    """``mysql:8.0`` → ``8.0.0``; a tag without a number (``latest``) stays as it is."""
    tag = documented.rpartition(":")[2] if ":" in documented else ""
    match = re.match(r"v?(\d+(?:\.\d+)*)", tag)
    if match is None:
        return tag
    parts = match.group(1).split(".")
    return ".".join([*parts, "0", "0"][: max(3, len(parts))])
