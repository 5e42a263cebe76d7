"""What the kernel counts of a container, read from its control group: milliseconds where the engine takes a second.

Only on the engine's own machine, and where it keeps its groups in the usual places; elsewhere the engine is asked.
Sources: Linux, Documentation/admin-guide/cgroup-v1 and cgroup-v2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim.scenario import Usage

ROOT = Path("/sys/fs/cgroup")
_NANO, _MICRO = 1_000_000_000, 1_000_000


def read_usage(container: str, root: Path = ROOT) -> Usage | None:
    """``container`` is its full id. None when there is no such group here."""
    for place in (f"docker/{container}", f"system.slice/docker-{container}.scope"):
        found = _version_1(root, place) or _version_2(root / place)
        if found is not None:
            return found
    return None


def _version_1(root: Path, place: str) -> Usage | None:
    try:
        cpu_s = int((root / "cpuacct" / place / "cpuacct.usage").read_text()) / _NANO
        held = _counters((root / "cpu" / place / "cpu.stat").read_text())
        memory = int((root / "memory" / place / "memory.usage_in_bytes").read_text())
    except (OSError, ValueError):
        return None
    return Usage(held.get("nr_throttled", 0), memory, held.get("nr_periods", 0), cpu_s)


def _version_2(group: Path) -> Usage | None:
    try:
        cpu = _counters((group / "cpu.stat").read_text())
        memory = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return Usage(cpu.get("nr_throttled", 0), memory, cpu.get("nr_periods", 0), cpu.get("usage_usec", 0) / _MICRO)


def _counters(text: str) -> Mapping[str, int]:
    return {name: int(value) for name, _, value in (line.partition(" ") for line in text.splitlines()) if value}
