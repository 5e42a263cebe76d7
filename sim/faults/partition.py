"""Partition: packets between two sets of pods vanish, without a word to either. Connections stay open and silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.faults import netfilter
from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.faults.netfilter import Rule
from sim.scenario import Control, Stage


@dataclass(frozen=True, slots=True)
class Partition:
    """Every pod of ``side`` against every pod of ``other``; within a side nothing changes.

    ``one_way``: only what ``side`` sends to ``other`` vanishes. Clients on the host reach both sides all the same.
    """

    side: tuple[str, ...]
    other: tuple[str, ...]
    one_way: bool = False
    name: str = "partition"

    @property
    def target(self) -> str:
        return ",".join((*self.side, *self.other))

    def inject(self, stage: Stage) -> InForce:
        return cut(stage, self.name, self.target, severed(self.side, self.other, one_way=self.one_way))


def severed(side: tuple[str, ...], other: tuple[str, ...], *, one_way: bool = False) -> Mapping[str, Ways]:
    """Who may no longer send to whom, and hear whom."""
    found: dict[str, Ways] = {}
    for server in side:
        found[server] = Ways(to=other, of=() if one_way else other)
    for server in other:
        found[server] = Ways(to=() if one_way else side, of=side)
    return found


@dataclass(frozen=True, slots=True)
class Ways:
    """Servers one pod can no longer send ``to``, and can no longer hear ``of``."""

    to: tuple[str, ...]
    of: tuple[str, ...]


def cut(stage: Stage, name: str, target: str, ways: Mapping[str, Ways]) -> InForce:
    """Any such cut in force, each pod's rules in its own namespace and both hooks."""
    table = netfilter.table_name(stage)
    remedies = [netfilter.removal(server, table) for server in ways]

    def sever(control: Control) -> None:
        for server, way in ways.items():
            rules = [
                *([Rule("input", netfilter.addresses(stage, way.of))] if way.of else []),
                *([Rule("output", netfilter.addresses(stage, way.to))] if way.to else []),
            ]
            netfilter.put(control, server, netfilter.made(table, rules))
        for server, way in ways.items():
            for peer in way.to:
                netfilter.provoke(control, server, stage.plan.server(peer).address)

    def severing(control: Control) -> Sight:
        """Every pod that must not send has had packets dropped."""
        counts = {server: netfilter.dropped(control, server, table) for server, way in ways.items() if way.to}
        return Sight(
            all(count is not None and count > 0 for count in counts.values()),
            "packets dropped on the way out: "
            + ", ".join(f"{s} {'no rules' if c is None else c}" for s, c in counts.items()),
            {"cut": {server: sorted(way.to) for server, way in ways.items() if way.to}},
        )

    def whole(control: Control) -> Sight:
        left = [server for server in ways if netfilter.dropped(control, server, table) is not None]
        return Sight(not left, f"rules left on {', '.join(left)}" if left else f"no rules left on {len(ways)} pods")

    return in_force(stage, name, target, Step(sever, severing), mending(remedies, whole), remedies)
