"""Packet loss: each packet that arrives or leaves is dropped by chance, so TCP must send it again."""

from __future__ import annotations

from dataclasses import dataclass

from sim.faults import netfilter
from sim.faults.dropping import dropping
from sim.faults.fault import InForce
from sim.faults.netfilter import Rule
from sim.scenario import Stage

_PARTS = 10_000


@dataclass(frozen=True, slots=True)
class Loss:
    """``percent`` each way between every pod of ``servers`` and its ``peers``; with everyone when none are named."""

    servers: tuple[str, ...]
    percent: float
    peers: tuple[str, ...] = ()
    name: str = "packet loss"

    @property
    def target(self) -> str:
        return ",".join(self.servers)

    def inject(self, stage: Stage) -> InForce:
        what = f"numgen random mod {_PARTS} < {round(self.percent / 100 * _PARTS)} counter drop"

        def rules(server: str) -> tuple[Rule, ...]:
            others = tuple(peer for peer in self.peers if peer != server)
            found = netfilter.addresses(stage, others)
            return Rule("input", found, what), Rule("output", found, what)

        return dropping(
            stage, self.name, self.servers, rules, peers=self.peers, detail={"percent": self.percent}, datagrams=200
        )
