"""Start order: what must be ready before what, and the dearest first among those free to go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from sim.errors import BadInput
from sim.plan.model import ServerSpec


def start_order(servers: Sequence[ServerSpec]) -> tuple[ServerSpec, ...]:
    """Dependencies first, then dearest first.

    Raises BadInput naming a cycle, a dependency that is not planned, or a name used twice.
    """
    by_name: dict[str, ServerSpec] = {}
    for server in servers:
        if server.name in by_name:
            raise BadInput(f"In this stack two servers are called {server.name}.", next_step="rename one of them")
        by_name[server.name] = server
    for server in servers:
        for needed in server.after:
            if needed not in by_name:
                raise BadInput(f"{server.name} must start after {needed}, which is not part of this stack.")
    sorter = TopologicalSorter({server.name: server.after for server in servers})
    try:
        sorter.prepare()
    except CycleError as error:
        raise BadInput(f"Servers wait for each other: {' -> '.join(error.args[1])}.") from error
    ordered: list[ServerSpec] = []
    while sorter.is_active():
        wave = sorted((by_name[name] for name in sorter.get_ready()), key=_dearest_first)
        ordered.extend(wave)
        sorter.done(*(server.name for server in wave))
    return tuple(ordered)


def _dearest_first(server: ServerSpec) -> tuple[float, str]:
    return (-server.start_cost_cpu_s, server.name)


def with_dependencies(wanted: Sequence[str], after: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """``wanted`` and everything they must start after, however far."""
    needed: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending.extend(after.get(name, ()))
    return frozenset(needed)
