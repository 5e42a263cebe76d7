"""Builds with figures that are known, as runs would have left them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sim.comparison.runs import Build, Repeat
from sim.record import RECORD_FILE, Host, Record, ScenarioResult
from sim.verdict import Fidelity, Status

BROKER = "throughput/broker"
_START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
_RECORD = Record(
    run_id="run",
    started_at=_START.isoformat(),
    environment="development",
    seed=1,
    runtime="docker",
    host=Host(2, 8 * 2**30, "6.1", "docker 27", "3.11"),
    images=(),
    scenarios=(),
    verdict=Status.PASS,
)


def repeat(number: int, numbers: Mapping[str, float], *, verdict: Status = Status.PASS, offset_s: float = 0) -> Repeat:
    """Run number ``number`` of a build, a minute after the last one."""
    began = _START + timedelta(minutes=number, seconds=offset_s)
    result = ScenarioResult(BROKER, "a claim", "6", verdict, Fidelity.SAME_SOFTWARE, "", numbers)
    record = replace(_RECORD, run_id=f"run-{number}", started_at=began.isoformat(), scenarios=(result,))
    return Repeat(Path(f"/nowhere/{number}"), record)


def build(name: str, numbers: Sequence[Mapping[str, float]], *, offset_s: float = 0) -> Build:
    return Build(name, tuple(repeat(i, each, offset_s=offset_s) for i, each in enumerate(numbers)))


def in_turns(
    count: int, seed: int, *, slower: float = 1.0, sigma: float = 0.06, drift: float = 0.3
) -> tuple[Build, Build]:
    """Two builds run in turns on a machine whose speed drifts; the second is ``slower`` in latency and rate."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    noise: Callable[[], float] = lambda: math.exp(rng.gauss(0, sigma))  # noqa: E731
    moods = [math.exp(rng.uniform(-drift, drift)) for _ in range(count)]

    def numbers(mood: float, factor: float) -> dict[str, float]:
        latency = mood * factor
        return {
            "p50_ms": 3 * latency * noise(),
            "p99_ms": 12 * latency * noise(),
            "achieved_per_s": 800 / latency * noise(),
            "samples": 3000.0,
            "control_stall_ms": 1000 * noise(),
        }

    before = build("before", [numbers(mood, 1.0) for mood in moods])
    return before, build("after", [numbers(mood, slower) for mood in moods], offset_s=30)


def written(folder: Path, one: Build) -> Path:
    """The build as folders of runs."""
    for each in one.repeats:
        directory = folder / each.record.run_id
        directory.mkdir(parents=True)
        (directory / RECORD_FILE).write_text(each.record.to_json(), encoding="utf-8")
    return folder
