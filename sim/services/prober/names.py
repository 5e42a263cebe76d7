"""Name queries from inside a pod to the engine's own server there, byte by byte: no resolver's cache or search path."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Final

from sim.services.prober.namespaces import Namespaces, kind_of
from sim.services.prober.outcomes import (
    CONNECTED,
    DROPPED,
    FAILED,
    NAME_NOT_FOUND,
    Answer,
    elapsed_ms,
    failure,
)

_SERVER: Final = ("127.0.0.11", 53)
_HEADER: Final = struct.Struct(">6H")
_RECORD: Final = struct.Struct(">HHIH")
_RECURSION_DESIRED: Final = 0x0100
_NO_SUCH_NAME: Final = 3
_ADDRESS: Final = 1
_POINTER: Final = 0xC0


def resolve(namespaces: Namespaces, pod: str, name: str, protocol: str, timeout_s: float) -> Answer:
    """Connected when there are addresses, which are the evidence."""
    began_s = time.monotonic()
    question = _question(name)
    try:
        with namespaces.socket(pod, kind_of(protocol)) as made:
            made.settimeout(timeout_s)
            made.connect(_SERVER)
            if protocol == "TCP":
                made.sendall(struct.pack(">H", len(question)) + question)
                answer = made.recv(4096)[2:]
            else:
                made.send(question)
                answer = made.recv(4096)
    except TimeoutError:
        return DROPPED, elapsed_ms(began_s), "no answer"
    except (OSError, KeyError) as error:
        return failure(error, began_s)
    try:
        return _read(answer, len(question), began_s)
    except (struct.error, IndexError, ValueError):
        return FAILED, elapsed_ms(began_s), "an answer that cannot be read"


def _question(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    header = _HEADER.pack(os.getpid() & 0xFFFF, _RECURSION_DESIRED, 1, 0, 0, 0)
    return header + labels + struct.pack(">BHH", 0, _ADDRESS, 1)


def _read(answer: bytes, place: int, began_s: float) -> Answer:
    """Past the question, which the answer repeats, one record after the other."""
    _, flags, _, count, _, _ = _HEADER.unpack_from(answer)
    code = flags & 0xF
    if code:
        return (NAME_NOT_FOUND if code == _NO_SUCH_NAME else FAILED), elapsed_ms(began_s), f"response code {code}"
    addresses = []
    for _ in range(count):
        place += 2 if answer[place] >= _POINTER else answer.index(b"\0", place) - place + 1
        kind, _, _, length = _RECORD.unpack_from(answer, place)
        place += _RECORD.size
        if kind == _ADDRESS:
            addresses.append(socket.inet_ntoa(answer[place : place + length]))
        place += length
    return (CONNECTED if addresses else NAME_NOT_FOUND), elapsed_ms(began_s), " ".join(sorted(addresses))
