"""Network namespaces held open; a socket belongs for ever to the one that was current when it was made."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Mapping
from typing import Final

NODE: Final = "node"
"""This process' own namespace: the host's."""

_CLONE_NEWNET: Final = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """By pod. Python 3.11 has no ``os.setns``, hence the C library's."""

    def __init__(self) -> None:
        self._held = {NODE: os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)}
        self._current = NODE

    def hold(self, pods: Mapping[str, int]) -> dict[str, str]:
        """By a process in each. Returns those that could not be opened, with the reason."""
        missing: dict[str, str] = {}
        for pod, pid in pods.items():
            try:
                descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                missing[pod] = error.strerror or str(error)
                continue
            if pod in self._held:
                os.close(self._held[pod])
            self._held[pod] = descriptor
            if self._current == pod:
                self._current = ""
        return missing

    def socket(self, pod: str, kind: int) -> socket.socket:
        """One that does not block, inside ``pod``. Raises KeyError for a pod that is not held, OSError."""
        descriptor = self._held[pod]
        if pod != self._current:
            if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            self._current = pod
        return socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)


def kind_of(protocol: str) -> int:
    return socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
