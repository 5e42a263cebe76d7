"""An image as resolved: what was documented, what is used, and how near the one is to the other."""

from __future__ import annotations

from dataclasses import dataclass

from sim.verdict import Fidelity


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """An image to run.

    ``component`` is the lock file's key (``mysql``, ``rabbitmq``, ``object-store``, ``redis``, ``prometheus``,
    ``alertmanager``, ``node-exporter``, ``mysql-exporter``, ``alert-sink``, ``service``, ``pause``), or
    ``service:<deployment>`` for a real service's image that a user named.

    ``software`` is what is inside (``mysql``, ``seaweedfs``…) and ``version`` its version; a plan reads both to know
    which documented flags the server understands. ``reference`` is what the engine is asked to run; ``digest`` the
    image's content id (``sha256:…``).
    """

    component: str
    documented: str
    reference: str
    digest: str
    software: str
    version: str
    fidelity: Fidelity
    reason: str = ""

    @property
    def version_tuple(self) -> tuple[int, ...]:
        """Leading numeric parts, ``9.7.4-2`` → ``(9, 7, 4)``."""
        parts: list[int] = []
        for part in self.version.split("-")[0].split("+")[0].split("."):
            if not part.isdigit():
                break
            parts.append(int(part))
        return tuple(parts)
