"""A reset of a stack that was used, beside taking it down and raising it again, by wall clock and CPU."""

from __future__ import annotations

from pathlib import Path

import docker

from tests.bench.measuring import STACK, Figure, keep, sim, timed


def measure(_client: docker.DockerClient, pairs: int, reports: Path) -> None:
    """``pairs`` times: up, used, reset, used, reset, down. Used is a shop seeded: rows, objects, keys, messages."""
    measured: list[dict[str, float]] = []
    for _ in range(pairs):
        up = timed(lambda: sim("up", "--stack", STACK))
        try:
            resets = [_used_and_reset() for _ in range(2)]
        finally:
            down = timed(lambda: sim("down", "--stack", STACK))
        figures = {
            "up_s": up.wall_s,
            "down_s": down.wall_s,
            "again_s": up.wall_s + down.wall_s,
            "again_cpu_s": up.cpu_s + down.cpu_s,
            "reset_s": max(wall_s for wall_s, _ in resets),
            "reset_cpu_s": max(cpu_s for _, cpu_s in resets),
        }
        measured.append(figures)
        print({key: round(value, 2) for key, value in figures.items()}, flush=True)
    keep("Reset", _figures(measured), {"pairs": measured}, reports)


def _used_and_reset() -> tuple[float, float]:
    """(wall seconds, CPU seconds) of the reset."""
    sim("seed", "--stack", STACK, "--products", "60")
    reset = timed(lambda: sim("reset", "--stack", STACK))
    return reset.wall_s, reset.cpu_s


def _figures(measured: list[dict[str, float]]) -> tuple[Figure, ...]:
    return (
        Figure("reset ÷ (down + up)", "≤", 0.1, [m["reset_s"] / m["again_s"] for m in measured]),
        Figure("CPU of reset ÷ CPU of (down + up)", "≤", 0.1, [m["reset_cpu_s"] / m["again_cpu_s"] for m in measured]),
        Figure("reset, seconds", "≤", 5.0, [m["reset_s"] for m in measured]),
    )
