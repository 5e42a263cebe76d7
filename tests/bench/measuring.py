"""What every comparison needs: times with CPU seconds beside them, memory, and a table that is kept."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker

from sim.runtime import labels

STACK = "bench"


@dataclass(frozen=True, slots=True)
class Timing:
    """One command: wall seconds, and CPU seconds of the whole machine meanwhile."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table: ``bound`` says which side of ``target`` is good."""

    what: str
    bound: str
    target: float
    values: Sequence[float]

    def row(self) -> str:
        middle, low, high = statistics.median(self.values), min(self.values), max(self.values)
        return f"| {self.what} | {self.bound} {self.target:g} | {middle:.2f} | {low:.2f} | {high:.2f} |"


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one container: resident bytes (less the cgroup's inactive page cache), CPU seconds since it began."""

    server: str
    memory_bytes: int
    cpu_s: float


def machine_cpu_s() -> float:
    """Busy CPU seconds of all cores since boot (``/proc/stat``: user, nice, system, irq, softirq)."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return sum(int(fields[i]) for i in (1, 2, 3, 6, 7)) / os.sysconf("SC_CLK_TCK")


def timed(action: Callable[[], None]) -> Timing:
    wall_s, cpu_s = time.monotonic(), machine_cpu_s()
    action()
    return Timing(time.monotonic() - wall_s, machine_cpu_s() - cpu_s)


def sim(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "sim", *words], check=True, stdout=subprocess.DEVNULL)


def usages(client: docker.DockerClient) -> tuple[Usage, ...]:
    """Of every container of the stack, its pause containers included."""
    found = client.api.containers(filters={"label": f"{labels.STACK}={STACK}"})
    # The engine takes its time to sample, a second a container one after the other.
    with ThreadPoolExecutor(len(found) or 1) as pool:
        return tuple(pool.map(lambda c: _usage(client, c["Id"], c["Names"][0].lstrip("/")), found))


def _usage(client: docker.DockerClient, container: str, name: str) -> Usage:
    stats = client.api.stats(container, stream=False, one_shot=True)
    memory = stats["memory_stats"]
    inactive = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    cpu_s = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    return Usage(name, int(memory["usage"]) - int(inactive), cpu_s)


def keep(title: str, figures: Sequence[Figure], raw: Mapping[str, Any], reports: Path) -> None:
    """Print the table, and leave it in ``reports`` with the figures behind it."""
    cores = os.cpu_count() or 1
    lines = ["| what | target | median | min | max |", "| --- | --- | --- | --- | --- |"]
    lines += [figure.row() for figure in figures if figure.values]
    table = "\n".join(lines)
    print(table, flush=True)
    reports.mkdir(parents=True, exist_ok=True)
    stem = f"bench-{title.lower().replace(' ', '-')}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    (reports / f"{stem}.md").write_text(f"# {title}, side by side, {cores} cores\n\n{table}\n")
    (reports / f"{stem}.json").write_text(json.dumps(raw, indent=2) + "\n")
