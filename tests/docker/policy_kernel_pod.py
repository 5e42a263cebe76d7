"""One end of connections inside a network namespace: listens, and tries others when told. Run as a program.

It reads orders as lines of JSON from standard input and answers each on standard output:
``{"nft": text}`` → what nft answers; ``{"try": [[address, protocol, port, expected], …]}`` → whether each got through;
``{"open": [address, port]}`` → whether a connection stands, which is kept; ``{"say": expected}`` → did its echo come.
UDP got through when its echo came back. What is expected is waited for as long as a slow machine needs, and what is
not expected only a little longer than the last of those took.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import subprocess
import sys
import threading
import time
from typing import Any

DEADLINE_S = 20.0
SURPRISE_S = 0.05
SILENCE_S = 0.5
NAMES = ("127.0.0.11", 5300)  # where a container engine answers name queries, but for the port
PORTS = {"TCP": (80, 81), "UDP": (80,)}


def serve() -> None:
    """Echoes, over IPv4 and IPv6."""
    chosen = selectors.DefaultSelector()
    for port in PORTS["TCP"]:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
        chosen.register(listener, selectors.EVENT_READ, "accept")
    for port in PORTS["UDP"]:
        echo = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        echo.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        echo.bind(("::", port))
        chosen.register(echo, selectors.EVENT_READ, "datagram")
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(NAMES)
    chosen.register(names, selectors.EVENT_READ, "datagram")
    while True:
        for key, _ in chosen.select():
            one: Any = key.fileobj
            try:
                if key.data == "accept":
                    chosen.register(one.accept()[0], selectors.EVENT_READ, "stream")
                elif key.data == "datagram":
                    one.sendto(*one.recvfrom(64))
                elif data := one.recv(64):
                    one.send(data)
                else:
                    chosen.unregister(one)
                    one.close()
            except ConnectionError:
                chosen.unregister(one)
                one.close()
            except OSError:  # a reply that a rule dropped on its way out
                continue


def attempt(edges: list[tuple[str, str, int, bool]]) -> list[bool]:
    """All at once; the answers in the same order."""
    chosen = selectors.DefaultSelector()
    through = [False] * len(edges)
    sockets = []
    for index, (address, protocol, port, _) in enumerate(edges):
        kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
        one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        one.settimeout(0)
        sockets.append(one)
        with contextlib.suppress(OSError):  # dropped on its way out, or under way
            one.connect_ex((address, port))
            if protocol == "UDP":
                one.send(b"token")
        chosen.register(one, selectors.EVENT_WRITE if protocol == "TCP" else selectors.EVENT_READ, index)
    missing = {index for index, edge in enumerate(edges) if edge[3]}
    deadline_s = time.monotonic() + DEADLINE_S
    stop_s = deadline_s if missing else time.monotonic() + SURPRISE_S
    while (left_s := stop_s - time.monotonic()) > 0 and chosen.get_map():
        for key, _ in chosen.select(left_s):
            chosen.unregister(key.fileobj)
            index = key.data
            one = sockets[index]
            if edges[index][1] == "TCP":
                through[index] = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            else:
                with contextlib.suppress(OSError):
                    through[index] = one.recv(64) == b"token"
            missing.discard(index)
            if not missing and stop_s == deadline_s:
                stop_s = time.monotonic() + SURPRISE_S
    for one in sockets:
        one.close()
    return through


def opened(address: str, port: int) -> socket.socket | None:
    try:
        return socket.create_connection((address, port), DEADLINE_S)
    except OSError:
        return None


def echoed(held: socket.socket, *, expected: bool) -> bool:
    held.settimeout(DEADLINE_S if expected else SILENCE_S)
    try:
        held.send(b"x")
        return held.recv(1) == b"x"
    except OSError:
        return False


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    threading.Thread(target=serve, daemon=True).start()
    print("ready", flush=True)  # noqa: T201 - the answer
    held: socket.socket | None = None
    for line in sys.stdin:
        answer: Any = None
        match json.loads(line):
            case {"nft": text}:
                answer = subprocess.run(
                    ["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False
                ).stderr
            case {"try": edges}:
                answer = attempt([tuple(edge) for edge in edges])
            case {"open": [address, port]}:
                held = opened(address, port)
                answer = held is not None
            case {"say": expected}:
                answer = held is not None and echoed(held, expected=expected)
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
