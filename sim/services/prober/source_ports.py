"""A source port for each datagram that no datagram of that pod had before.

The kernel remembers a flow of datagrams for a minute or two by its addresses and ports. A port drawn by chance now and
then meets a flow that an earlier policy had let through, and what is new would then pass as established.
"""

from __future__ import annotations

import errno
import random
import socket
from typing import Final

_FIRST: Final = 20_000
_PORTS: Final = 40_000
_TRIES: Final = 64


class SourcePorts:
    """In turn, by pod; the first by chance, since another prober may have been there a moment ago."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def bind(self, made: socket.socket, pod: str) -> None:
        """To the pod's next port that is free. Raises OSError when many in a row are not."""
        for _ in range(_TRIES):
            turn = self._last.get(pod, random.randrange(_PORTS)) + 1  # noqa: S311 - no secret
            self._last[pod] = turn
            try:
                made.bind(("", _FIRST + turn % _PORTS))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return
        raise OSError(errno.EADDRINUSE, f"no source port in {_TRIES} tries")
