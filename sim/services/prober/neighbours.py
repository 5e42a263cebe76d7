"""Link addresses made known beforehand: a kernel keeps 1,024 learned ones for all namespaces; a matrix needs more.

Without them a whole platform's probes would push each other out of that table and look dropped. Entries that were set
on purpose do not count there. They are taken back at the end; the host's own table is left alone.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sim.services.prober.namespaces import Namespaces

_GET_ADDRESS: Final = 0x8915
_GET_LINK_ADDRESS: Final = 0x8927
_SET: Final = 0x8955
_DELETE: Final = 0x8953
_COMPLETE_AND_PERMANENT: Final = 0x02 | 0x04
_ETHERNET: Final = 1
_NAME_BYTES: Final = 16
# struct arpreq: protocol address, link address, flags, netmask, device.
_REQUEST: Final = struct.Struct("=H2x4s8x H6s8x i 16x 16s")
_ANSWER_BYTES: Final = 40


@dataclass(frozen=True, slots=True)
class _Link:
    """A pod's one interface beside loopback."""

    device: bytes
    address: bytes
    link_address: bytes


class Neighbours:
    """Everybody in the namespaces held is introduced to everybody else."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces
        self._links: dict[str, _Link] = {}

    def introduce(self, pods: Iterable[str]) -> None:
        """A pod whose links cannot be read or set is left to learn them: small networks need no help."""
        for pod in pods:
            with suppress(OSError, KeyError, StopIteration):
                self._links[pod] = self._link(pod)
        self._everywhere(_SET)

    def part(self) -> None:
        """Take back what was made known."""
        self._everywhere(_DELETE)
        self._links = {}

    def _link(self, pod: str) -> _Link:
        with self._namespaces.socket(pod, socket.SOCK_DGRAM) as made:
            name = next(name for _, name in socket.if_nameindex() if name != "lo").encode()
            padded = name.ljust(_ANSWER_BYTES, b"\0")
            address = fcntl.ioctl(made, _GET_ADDRESS, padded)[20:24]
            link_address = fcntl.ioctl(made, _GET_LINK_ADDRESS, padded)[18:24]
        return _Link(name, address, link_address)

    def _everywhere(self, operation: int) -> None:
        for pod, own in self._links.items():
            with suppress(OSError, KeyError), self._namespaces.socket(pod, socket.SOCK_DGRAM) as made:
                for other in self._links.values():
                    if other is not own:
                        fcntl.ioctl(made, operation, _request(own.device, other))


def _request(device: bytes, other: _Link) -> bytes:
    name = device.ljust(_NAME_BYTES, b"\0")
    return _REQUEST.pack(socket.AF_INET, other.address, _ETHERNET, other.link_address, _COMPLETE_AND_PERMANENT, name)
