"""One end of connections inside a network namespace: listens, and tries others when told. Run as a program.

It reads one JSON list of lines from standard input, each an order, and answers each on standard output:
``{"nft": text}`` → what nft answers; ``{"try": [[address, protocol, port, expected], …]}`` → whether each got through.
UDP got through when its echo came back. It waits for what is expected as long as a slow machine needs, and for what is
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
PORTS = {"TCP": (80, 81), "UDP": (80,)}


def serve() -> None:
    """TCP: whoever connects is let in by the kernel's backlog alone, drained here. UDP: an echo."""
    chosen = selectors.DefaultSelector()
    for port in PORTS["TCP"]:
        listener = socket.create_server(("0.0.0.0", port), backlog=4096)  # noqa: S104 - a namespace of its own
        listener.settimeout(0)
        chosen.register(listener, selectors.EVENT_READ, "accept")
    for port in PORTS["UDP"]:
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind(("0.0.0.0", port))  # noqa: S104
        chosen.register(echo, selectors.EVENT_READ, "echo")
    while True:
        for key, _ in chosen.select():
            with contextlib.suppress(OSError):
                if key.data == "accept":
                    key.fileobj.accept()[0].close()  # type: ignore[union-attr]
                else:
                    data, sender = key.fileobj.recvfrom(64)  # type: ignore[union-attr]
                    key.fileobj.sendto(data, sender)  # type: ignore[union-attr]


def attempt(edges: list[tuple[str, str, int, bool]]) -> list[bool]:
    """All at once; the answers in the same order."""
    chosen = selectors.DefaultSelector()
    through = [False] * len(edges)
    sockets = []
    for index, (address, protocol, port, _) in enumerate(edges):
        kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
        one = socket.socket(socket.AF_INET, kind)
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


def main() -> None:
    threading.Thread(target=serve, daemon=True).start()
    print("ready", flush=True)  # noqa: T201 - the answer
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if "nft" in order:
            done = subprocess.run(["nft", "-f", "-"], input=order["nft"], capture_output=True, text=True, check=False)
            answer: Any = done.stderr
        else:
            answer = attempt([tuple(edge) for edge in order["try"]])
        print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
