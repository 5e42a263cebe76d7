"""What loss and bandwidth share: rules that drop some packets, seen by their counters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sim.faults import netfilter
from sim.faults.fault import InForce, Sight, Step, in_force, mending
from sim.faults.netfilter import Rule
from sim.scenario import Control, Stage

_EFFECT_DEADLINE_S = 15.0


def dropping(
    stage: Stage,
    name: str,
    servers: Sequence[str],
    rules: Callable[[str], Sequence[Rule]],
    *,
    peers: Sequence[str],
    detail: Mapping[str, Any],
    datagrams: int,
    size_bytes: int = 8,
) -> InForce:
    """In force on each of ``servers``. ``datagrams`` are what an idle pod sends before its counters are read."""
    table = netfilter.table_name(stage)
    remedies = [netfilter.removal(server, table) for server in servers]
    others = {
        server: next((p for p in (*peers, *(s.name for s in stage.plan.servers)) if p != server), server)
        for server in servers
    }

    def break_it(control: Control) -> None:
        for server in servers:
            netfilter.put(control, server, netfilter.made(table, rules(server)))

    def look(control: Control) -> Sight:
        for server in servers:
            address = stage.plan.server(others[server]).address
            netfilter.provoke(control, server, address, datagrams=datagrams, size_bytes=size_bytes)
        counts = {server: netfilter.dropped(control, server, table) for server in servers}
        told = ", ".join(f"{server} {'no rules' if count is None else count}" for server, count in counts.items())
        return Sight(all(counts.values()), f"packets dropped: {told}", detail)

    def mended(control: Control) -> Sight:
        left = [server for server in servers if netfilter.dropped(control, server, table) is not None]
        return Sight(not left, f"rules left on {', '.join(left)}" if left else "no rules left")

    return in_force(
        stage,
        name,
        ",".join(servers),
        Step(break_it, look, _EFFECT_DEADLINE_S),
        mending(remedies, mended),
        remedies,
    )
