"""Does the plan fit this host? Asked before anything starts, answered with a table of what does not."""

from __future__ import annotations

from dataclasses import dataclass

from sim.plan.model import Plan, ServerKind, ServerSpec
from sim.topology.quantities import format_memory

_MIB = 2**20
# Resident memory seen per server at rest, for those whose request says more (a scheduler's promise) or nothing.
_SEEN_BYTES: dict[ServerKind, int] = {
    "mysql": 260 * _MIB,
    "rabbitmq": 160 * _MIB,
    "object-store": 120 * _MIB,
    "redis": 16 * _MIB,
    "prometheus": 80 * _MIB,
    "alertmanager": 32 * _MIB,
    "node-exporter": 16 * _MIB,
    "mysql-exporter": 16 * _MIB,
    "alert-sink": 32 * _MIB,
    "gateway": 40 * _MIB,
    "service": 48 * _MIB,
}
# What the engine, the rig and the page cache of the rest must keep.
_RESERVED_BYTES = 512 * _MIB


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One kind of server: how many, and what they take together."""

    kind: ServerKind
    count: int
    memory_bytes: int
    requested_cpu_cores: float


@dataclass(frozen=True, slots=True)
class Budget:
    """``memory_bytes`` is what the stacks are expected to hold; ``fits`` compares it with what the host can give."""

    rows: tuple[BudgetRow, ...]
    memory_bytes: int
    requested_cpu_cores: float
    available_bytes: int
    host_cpus: int
    stacks: int = 1

    @property
    def fits(self) -> bool:
        return self.memory_bytes + _RESERVED_BYTES <= self.available_bytes

    def table(self) -> str:
        lines = [f"{'servers':<16}{'count':>6}{'memory':>10}{'CPU requested':>15}"]
        lines += [
            f"{row.kind:<16}{row.count:>6}{_mib(row.memory_bytes):>10}{row.requested_cpu_cores:>15.2f}"
            for row in self.rows
        ]
        lines.append(f"{'together':<16}{'':>6}{_mib(self.memory_bytes):>10}{self.requested_cpu_cores:>15.2f}")
        lines.append(f"{'this host':<16}{'':>6}{_mib(self.available_bytes):>10}{self.host_cpus:>15.2f}")
        return "\n".join(lines)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes // _MIB} MiB"


def expected_memory_bytes(server: ServerSpec) -> int:
    """What the server is seen to hold, never more than the limit it runs under."""
    seen = _SEEN_BYTES[server.kind]
    limit = server.limits.memory_bytes
    return seen if limit is None else min(seen, limit)


def budget(plan: Plan, available_bytes: int, host_cpus: int, stacks: int = 1) -> Budget:
    """Add up that many stacks of the plan for a host with ``available_bytes`` of free memory."""
    kinds: dict[ServerKind, list[ServerSpec]] = {}
    for server in plan.servers:
        kinds.setdefault(server.kind, []).append(server)
    rows = tuple(
        BudgetRow(
            kind,
            stacks * len(servers),
            stacks * sum(expected_memory_bytes(s) for s in servers),
            stacks * sum(s.requests.cpu_cores or 0.0 for s in servers),
        )
        for kind, servers in kinds.items()
    )
    return Budget(
        rows,
        sum(row.memory_bytes for row in rows),
        sum(row.requested_cpu_cores for row in rows),
        available_bytes,
        host_cpus,
        stacks,
    )


def does_not_fit(found: Budget) -> str:
    """One sentence for the error message."""
    short_bytes = found.memory_bytes + _RESERVED_BYTES - found.available_bytes
    who = "The stack needs" if found.stacks == 1 else f"{found.stacks} stacks need"
    return (
        f"{who} about {_mib(found.memory_bytes)} and {format_memory(_RESERVED_BYTES)} must stay free, "
        f"but this host can give {_mib(found.available_bytes)}: {_mib(short_bytes)} short."
    )
