"""Holds packets back in a network namespace: the kernel hands them over (NFQUEUE), each goes on when its time is due.

Runs inside the namespace and needs nothing but Python and iptables there:

- ``python3 delaying.py hold NUMBER DELAY_S JITTER_S SEED [ADDRESS…]`` answers ``ready`` once packets come its way, and
  stays on as a process of its own until it is ended, or until the namespace has lost its network interface: a pod that
  is gone keeps no process. Should it die, the rule lets packets pass (``--queue-bypass``).
- ``… end NUMBER`` takes the rule away and ends that process; nothing to end is fine.
- ``… look NUMBER`` answers with the packets held so far, or ``none`` when nobody holds any.

Sources: Linux ``nfnetlink_queue.h`` and libnetfilter_queue (www.netfilter.org/projects/libnetfilter_queue).
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

_NETLINK_NETFILTER = 12
_QUEUE_SUBSYSTEM = 3
_PACKET, _VERDICT, _CONFIG = 0, 1, 2
_REQUEST, _REQUEST_ACK = 1, 5
_BIND, _COPY_META, _ACCEPT = 1, 1, 1
_LOOK_S = 0.5
_LENGTH = 65_536


def attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + b"\0" * (-length % 4)


def message(kind: int, number: int, payload: bytes, flags: int = _REQUEST_ACK) -> bytes:
    """A netlink message to queue ``number``: header, nfgenmsg, attributes."""
    body = struct.pack("!BBH", 0, 0, number) + payload
    return struct.pack("=IHHII", 16 + len(body), (_QUEUE_SUBSYSTEM << 8) | kind, flags, 0, 0) + body


def packet_ids(datagram: bytes) -> list[int]:
    """The ids of the packets one read of the socket brought."""
    found: list[int] = []
    offset = 0
    while offset + 16 <= len(datagram):
        length, kind = struct.unpack_from("=IH", datagram, offset)
        if length < 16:
            break
        if kind == (_QUEUE_SUBSYSTEM << 8) | _PACKET:
            place, end = offset + 20, offset + length
            while place + 8 <= end:
                size, what = struct.unpack_from("=HH", datagram, place)
                if what == 1:
                    found.append(struct.unpack_from("!I", datagram, place + 4)[0])
                if size < 4:
                    break
                place += (size + 3) & ~3
        offset += (length + 3) & ~3
    return found


def bound(number: int) -> socket.socket:
    """The queue's socket. Raises OSError when the kernel has no such queues."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
    link.bind((0, 0))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
    for part in (
        attribute(1, struct.pack("!BBH", _BIND, 0, socket.AF_INET)),
        attribute(2, struct.pack("!IB", 0, _COPY_META)),
        attribute(3, struct.pack("!I", _LENGTH)),
    ):
        link.send(message(_CONFIG, number, part))
        answer = link.recv(65_536)
        (code,) = struct.unpack_from("=i", answer, 16)
        if code:
            raise OSError(-code, os.strerror(-code))
    return link


def hold(link: socket.socket, ear: socket.socket, number: int, how: tuple[float, float, str]) -> None:
    """Every packet for its delay and up to its jitter more or less, in order, until told to end.

    ``how`` is (delay_s, jitter_s, seed).
    """
    delay_s, jitter_s, seed = how
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    held: deque[tuple[float, int]] = deque()
    latest_s = 0.0
    while _has_interface():
        wait_s = min(_LOOK_S, max(0.0, held[0][0] - time.monotonic())) if held else _LOOK_S
        heard = select.select([link, ear], [], [], wait_s)[0]
        if ear in heard:
            return
        if link in heard:
            with contextlib.suppress(OSError):  # the kernel says so when it had to drop some (ENOBUFS)
                for packet in packet_ids(link.recv(1 << 20)):
                    due_s = time.monotonic() + max(0.0, delay_s + rng.uniform(-jitter_s, jitter_s))
                    latest_s = max(latest_s, due_s)  # in order: a path delays, it does not shuffle
                    held.append((latest_s, packet))
        now_s = time.monotonic()
        while held and held[0][0] <= now_s:
            _, packet = held.popleft()
            with contextlib.suppress(OSError):
                link.send(message(_VERDICT, number, attribute(2, struct.pack("!II", _ACCEPT, packet)), _REQUEST))


def _has_interface() -> bool:
    return any(name != "lo" for _, name in socket.if_nameindex())


def _ear(number: int) -> str:
    """An abstract socket's name, which belongs to the network namespace and goes with its process."""
    return f"\0sim-delay-{number}"


def _chain(number: int) -> str:
    return f"SIM_DELAY_{number}"


def _iptables(*arguments: str, must: bool = True) -> None:
    subprocess.run(["iptables", "-w", "-t", "mangle", *arguments], check=must, capture_output=True)


def _put_rules(number: int, addresses: list[str]) -> None:
    chain = _chain(number)
    queue = ("-j", "NFQUEUE", "--queue-num", str(number), "--queue-bypass")
    _iptables("-N", chain)
    for address in addresses:
        _iptables("-A", chain, "-s", address, *queue)
    if not addresses:
        _iptables("-A", chain, "!", "-i", "lo", *queue)
    _iptables("-I", "INPUT", "-j", chain)


def begin(number: int, how: tuple[float, float, str], addresses: list[str]) -> int:
    try:
        link = bound(number)
        ear = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        ear.bind(_ear(number))
        ear.listen()
        _put_rules(number, addresses)
    except subprocess.CalledProcessError as error:
        _say(f"iptables: {error.stderr.decode(errors='replace').strip()}")
        return 1
    except OSError as error:
        _say(f"no packet queue: {error.strerror or error}")
        return 1
    if os.fork():
        _say("ready")
        os._exit(0)
    os.setsid()
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    hold(link, ear, number, how)
    return 0


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def end(number: int) -> int:
    chain = _chain(number)
    _iptables("-D", "INPUT", "-j", chain, must=False)
    _iptables("-F", chain, must=False)
    _iptables("-X", chain, must=False)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as voice:
        voice.settimeout(5.0)
        voice.connect(_ear(number))
        voice.recv(1)  # until the other end is gone
    return 0


def look(number: int) -> int:
    """``/proc/net/netfilter/nfnetlink_queue``: queue, owner, waiting, mode, range, two kinds of drops, ids given."""
    try:
        with Path("/proc/net/netfilter/nfnetlink_queue").open() as table:
            rows = [line.split() for line in table]
    except OSError:
        rows = []
    counts = [row[7] for row in rows if len(row) > 7 and int(row[0]) == number]
    _say(f"held {counts[0]}" if counts else "none")
    return 0


def main(arguments: list[str]) -> int:
    verb, number = arguments[0], int(arguments[1])
    if verb == "hold":
        return begin(number, (float(arguments[2]), float(arguments[3]), arguments[4]), arguments[5:])
    return end(number) if verb == "end" else look(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
