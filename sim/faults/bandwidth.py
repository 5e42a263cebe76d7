"""Bandwidth cap: what arrives or leaves beyond a rate is dropped, and TCP slows down to it."""

from __future__ import annotations

from dataclasses import dataclass

from sim.faults import netfilter
from sim.faults.dropping import dropping
from sim.faults.fault import InForce
from sim.faults.netfilter import Rule
from sim.scenario import Stage

_BURST_SHARE = 0.25
_LEAST_BURST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """``bytes_per_s`` each way of every pod of ``servers``, with its ``peers`` or, when none are named, with everyone.

    It polices, as a switch does: nothing waits in a queue.
    """

    servers: tuple[str, ...]
    bytes_per_s: int
    peers: tuple[str, ...] = ()
    name: str = "bandwidth"

    @property
    def target(self) -> str:
        return ",".join(self.servers)

    def inject(self, stage: Stage) -> InForce:
        burst_bytes = max(_LEAST_BURST_BYTES, round(self.bytes_per_s * _BURST_SHARE))
        what = f"limit rate over {self.bytes_per_s} bytes/second burst {burst_bytes} bytes counter drop"

        def rules(server: str) -> tuple[Rule, ...]:
            found = netfilter.addresses(stage, tuple(peer for peer in self.peers if peer != server))
            return Rule("input", found, what), Rule("output", found, what)

        enough = 2 + 2 * (burst_bytes + self.bytes_per_s) // 1000
        return dropping(
            stage,
            self.name,
            self.servers,
            rules,
            peers=self.peers,
            detail={"bytes_per_s": self.bytes_per_s},
            datagrams=min(enough, 20_000),
            size_bytes=1000,
        )
