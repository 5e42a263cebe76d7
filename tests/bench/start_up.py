"""Start-up, shut-down, CPU and memory of the stack, against Compose on the same images."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import docker

from sim.preparing import Wanted, images_for, planner, read_document
from tests.bench.measuring import STACK, Figure, keep, sim, timed, usages
from tests.compose_project import ComposeProject, compose_runner, write_project


def measure(client: docker.DockerClient, kinds: tuple[str, ...], pairs: int, reports: Path) -> None:
    """``kinds`` of Compose project: ``initialising`` its databases itself, or ``golden`` images as ours."""
    document, wanted = read_document(None), Wanted()
    images = images_for(document.topology, wanted, print)
    plain = images_for(document.topology, wanted, print, golden=False)
    measured: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="sim-bench-") as folder:
        for kind in kinds:
            directory = Path(folder) / kind
            golden = kind == "golden"
            plan = planner(document, wanted, images if golden else plain)("10.0.0.0/24")
            write_project(directory, plan, initialised=golden, probe_interval="500ms" if golden else None)
            with compose_runner(client, directory) as project:
                for number in range(pairs):
                    pair = _one_pair(client, project, sim_first=number % 2 == 0)
                    measured[kind].append(pair)
                    print(kind, {key: round(value, 2) for key, value in pair.items()}, flush=True)
    keep("Start-up", _figures(measured), measured, reports)


def _compose(project: ComposeProject, *words: str) -> None:
    code, said = project.call(*words)
    if code:
        raise SystemExit(f"docker compose {' '.join(words)} failed:\n{said[-3000:]}")


def _one_pair(client: docker.DockerClient, project: ComposeProject, *, sim_first: bool) -> dict[str, float]:
    """Each side up and down once, one after the other."""
    figures: dict[str, float] = {}

    def ours() -> None:
        up = timed(lambda: sim("up", "--stack", STACK))
        figures["sim_up_s"], figures["sim_up_cpu_s"] = up.wall_s, up.cpu_s
        figures["memory_bytes"] = sum(usage.memory_bytes for usage in usages(client))
        figures["sim_down_s"] = timed(lambda: sim("down", "--stack", STACK)).wall_s

    def theirs() -> None:
        up = timed(lambda: _compose(project, "up", "--wait", "--wait-timeout", "540"))
        figures["compose_up_s"], figures["compose_up_cpu_s"] = up.wall_s, up.cpu_s
        figures["compose_down_s"] = timed(lambda: _compose(project, "down", "-v")).wall_s

    for side in (ours, theirs) if sim_first else (theirs, ours):
        side()
    return figures


def _figures(measured: dict[str, list[dict[str, float]]]) -> tuple[Figure, ...]:
    cores = os.cpu_count() or 1
    self_made, golden = measured.get("initialising", []), measured.get("golden", [])
    pairs = [*self_made, *golden]
    return (
        Figure(
            "up ÷ compose initialising itself, documented probes",
            "≤",
            0.35,
            [p["sim_up_s"] / p["compose_up_s"] for p in self_made],
        ),
        Figure(
            "up ÷ compose with golden images, 500 ms probes",
            "≤",
            0.8,
            [p["sim_up_s"] / p["compose_up_s"] for p in golden],
        ),
        Figure(
            "up wall ÷ (CPU seconds ÷ cores)", "≤", 1.25, [p["sim_up_s"] / (p["sim_up_cpu_s"] / cores) for p in pairs]
        ),
        Figure("down ÷ compose down", "≤", 1.0, [p["sim_down_s"] / p["compose_down_s"] for p in pairs]),
        Figure("memory of everything, GiB", "≤", 6.0, [p["memory_bytes"] / 2**30 for p in pairs]),
    )
