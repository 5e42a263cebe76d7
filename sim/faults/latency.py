"""Added latency and jitter: each packet that arrives at a pod is held back before the server sees it.

Packet by packet, from user space (:mod:`sim.faults.delaying`), so that it can be aimed at some peers and spares others.
Where the kernel has no packet queues, the fault takes no effect and says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.errors import RigError
from sim.faults import netfilter
from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.remedy import Remedy
from sim.scenario import Control, Stage

_SOURCE = (Path(__file__).parent / "delaying.py").read_text(encoding="utf-8")
_ENOUGH = 0.8
"""Of the delay asked for, the share that a probe must see; the rest is the clock's grain and the jitter's."""
_EFFECT_DEADLINE_S = 15.0

# How long a connection to the pod takes to open, in seconds, at whichever port lets us in first: network policies may
# keep the others closed to this peer. A word when none does.
_CONNECT = """
import select, socket, sys, time
began_s, tried = time.monotonic(), []
for port in sys.argv[2].split(","):
    tried.append(socket.socket())
    tried[-1].setblocking(False)
    tried[-1].connect_ex((sys.argv[1], int(port)))
while tried and (left_s := began_s + float(sys.argv[3]) - time.monotonic()) > 0:
    for one in select.select([], tried, [], left_s)[1]:
        if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            sys.exit(print(time.monotonic() - began_s))
        tried.remove(one)
print("no connection opened")
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """``delay_s`` and up to ``jitter_s`` more or less, on what reaches ``servers`` from ``peers``, or from all."""

    servers: tuple[str, ...]
    delay_s: float
    jitter_s: float = 0.0
    peers: tuple[str, ...] = ()
    name: str = "latency"

    @property
    def target(self) -> str:
        return ",".join(self.servers)

    def inject(self, stage: Stage) -> InForce:
        number = stage.rng.randrange(1, 65_535)
        remedies = [Remedy("network", server, ("python3", "-", "end", str(number)), _SOURCE) for server in self.servers]
        return in_force(
            stage,
            self.name,
            self.target,
            Step(
                lambda control: self._slow_down(stage, control, number),
                lambda control: self._slow(stage, control, number),
                _EFFECT_DEADLINE_S,
            ),
            mending(remedies, lambda control: self._gone(control, number)),
            remedies,
        )

    def _slow_down(self, stage: Stage, control: Control, number: int) -> None:
        for server in self.servers:
            peers = netfilter.addresses(stage, tuple(peer for peer in self.peers if peer != server))
            argv = ("python3", "-", "hold", str(number), str(self.delay_s), str(self.jitter_s), server, *peers)
            code, output = control.in_network(server, argv, _SOURCE)
            if code != 0 or "ready" not in output:
                raise RigError(f"The kernel holds no packets of {server} back.", evidence=output[-300:])

    def _slow(self, stage: Stage, control: Control, number: int) -> Sight:
        """A connection from a peer takes as long as it should, on every pod."""
        seen, told = True, []
        for server in self.servers:
            spec = stage.plan.server(server)
            peer = next(p for p in (*self.peers, *(s.name for s in stage.plan.servers)) if p != server)
            patience_s = str(self.delay_s * 4 + 1.0)
            ports = ",".join(str(port.number) for port in spec.ports)
            _, output = control.in_network(peer, ("python3", "-c", _CONNECT, spec.address, ports, patience_s))
            try:
                took_s = float(output)
            except ValueError:
                seen = False
                told.append(f"{server}: {output.strip()[-80:]}")
                continue
            seen = seen and took_s >= _ENOUGH * max(0.0, self.delay_s - self.jitter_s)
            told.append(f"a connection to {server} took {took_s * 1000:.0f} ms, {self._held(control, server, number)}")
        return Sight(seen, "; ".join(told), {"delay_s": self.delay_s, "jitter_s": self.jitter_s})

    def _gone(self, control: Control, number: int) -> Sight:
        left = [server for server in self.servers if self._held(control, server, number) != "none"]
        return Sight(not left, f"packets still held on {', '.join(left)}" if left else "no packet is held any more")

    @staticmethod
    def _held(control: Control, server: str, number: int) -> str:
        _, output = control.in_network(server, ("python3", "-", "look", str(number)), _SOURCE)
        return output.strip()
