"""Start-up, shut-down, CPU and memory of the stack, against Compose on the same images."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import docker

from sim.preparing import Wanted, images_for, planner, read_document
from sim.runtime import labels
from sim.runtime.engine import connect
from tests.compose_project import ComposeProject, compose_runner, write_project

STACK = "bench"
TARGETS = {
    "up ÷ compose initialising itself, documented probes": 0.35,
    "up ÷ compose with golden images, 500 ms probes": 0.8,
    "up wall ÷ (CPU seconds ÷ cores)": 1.25,
    "down ÷ compose down": 1.0,
    "memory of all servers, GiB": 6.0,
}


@dataclass(frozen=True, slots=True)
class Timing:
    """One command: wall seconds, and CPU seconds of the whole machine meanwhile."""

    wall_s: float
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


def compose(project: ComposeProject, *words: str) -> None:
    code, said = project.call(*words)
    if code:
        raise SystemExit(f"docker compose {' '.join(words)} failed:\n{said[-3000:]}")


def memory_bytes(client: docker.DockerClient) -> int:
    """Resident memory of the stack's containers: the cgroup's usage less its inactive page cache."""
    found = client.api.containers(filters={"label": f"{labels.STACK}={STACK}"})
    # The engine takes its time to sample, a second a container one after the other.
    with ThreadPoolExecutor(len(found) or 1) as pool:
        return sum(pool.map(lambda c: _resident_bytes(client, c["Id"]), found))


def _resident_bytes(client: docker.DockerClient, container: str) -> int:
    stats = client.api.stats(container, stream=False, one_shot=True)["memory_stats"]
    inactive = stats["stats"].get("total_inactive_file", stats["stats"].get("inactive_file", 0))
    return int(stats["usage"]) - int(inactive)


def one_pair(client: docker.DockerClient, project: ComposeProject, *, sim_first: bool) -> dict[str, float]:
    """Each side up and down once, one after the other."""
    figures: dict[str, float] = {}

    def ours() -> None:
        up = timed(lambda: sim("up", "--stack", STACK))
        figures["sim_up_s"], figures["sim_up_cpu_s"] = up.wall_s, up.cpu_s
        figures["memory_bytes"] = memory_bytes(client)
        figures["sim_down_s"] = timed(lambda: sim("down", "--stack", STACK)).wall_s

    def theirs() -> None:
        up = timed(lambda: compose(project, "up", "--wait", "--wait-timeout", "540"))
        figures["compose_up_s"], figures["compose_up_cpu_s"] = up.wall_s, up.cpu_s
        figures["compose_down_s"] = timed(lambda: compose(project, "down", "-v")).wall_s

    for side in (ours, theirs) if sim_first else (theirs, ours):
        side()
    return figures


def summary(kinds: dict[str, list[dict[str, float]]], cores: int) -> list[tuple[str, list[float]]]:
    """(what, the ratio of each pair) for every target."""
    self_made, golden = kinds["initialising"], kinds["golden"]
    everything = [*self_made, *golden]
    first, second, third, fourth, fifth = TARGETS
    return [
        (first, [p["sim_up_s"] / p["compose_up_s"] for p in self_made]),
        (second, [p["sim_up_s"] / p["compose_up_s"] for p in golden]),
        (third, [p["sim_up_s"] / (p["sim_up_cpu_s"] / cores) for p in everything]),
        (fourth, [p["sim_down_s"] / p["compose_down_s"] for p in everything]),
        (fifth, [p["memory_bytes"] / 2**30 for p in everything]),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--only", choices=("initialising", "golden"), help="one of the two comparisons alone")
    parser.add_argument("--reports", type=Path, default=Path("reports"))
    options = parser.parse_args()
    client = connect()
    document, wanted = read_document(None), Wanted()
    images = images_for(document.topology, wanted, print)
    plain = images_for(document.topology, wanted, print, golden=False)
    kinds: dict[str, list[dict[str, float]]] = {"initialising": [], "golden": []}
    chosen = {kind: pairs for kind, pairs in kinds.items() if options.only in {None, kind}}
    with tempfile.TemporaryDirectory(prefix="sim-bench-") as folder:
        for kind, pairs in chosen.items():
            directory = Path(folder) / kind
            golden = kind == "golden"
            plan = planner(document, wanted, images if golden else plain)("10.0.0.0/24")
            write_project(directory, plan, initialised=golden, probe_interval="500ms" if golden else None)
            with compose_runner(client, directory) as project:
                for number in range(options.pairs):
                    pair = one_pair(client, project, sim_first=number % 2 == 0)
                    pairs.append(pair)
                    print(kind, {key: round(value, 2) for key, value in pair.items()}, flush=True)
    cores = os.cpu_count() or 1
    lines = ["| what | target | median | min | max |", "| --- | --- | --- | --- | --- |"]
    for what, values in summary(kinds, cores):
        if not values:
            continue
        lines.append(
            f"| {what} | ≤ {TARGETS[what]} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |"
        )
    table = "\n".join(lines)
    print(table)
    options.reports.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    (options.reports / f"bench-{stamp}.md").write_text(f"# Start-up, side by side, {cores} cores\n\n{table}\n")
    (options.reports / f"bench-{stamp}.json").write_text(json.dumps(kinds, indent=2) + "\n")


if __name__ == "__main__":
    main()
