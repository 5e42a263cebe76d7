"""Runs as they are given: a run's folder, or a folder of them, each a repeat."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sim.errors import BadInput
from sim.record import HISTORY_FILE, RECORD_FILE, Record, ScenarioResult, read_record
from sim.verdict import Status


@dataclass(frozen=True, slots=True)
class Repeat:
    """One run of a build."""

    directory: Path
    record: Record

    @property
    def history(self) -> Path:
        return self.directory / HISTORY_FILE

    @property
    def began(self) -> datetime:
        """Raises BadInput for a time that is none."""
        try:
            return datetime.fromisoformat(self.record.started_at)
        except ValueError as error:
            raise BadInput(
                f"{self.directory / RECORD_FILE}: started_at is no time ({self.record.started_at!r}).",
                next_step="run the scenarios again; a record is never edited by hand",
            ) from error

    def result(self, scenario: str) -> ScenarioResult | None:
        return next((r for r in self.record.scenarios if r.name == scenario), None)


@dataclass(frozen=True, slots=True)
class Build:
    """One side of a comparison: ``name`` as it was given, its repeats in the order they ran."""

    name: str
    repeats: tuple[Repeat, ...]

    def results(self, scenario: str) -> tuple[ScenarioResult, ...]:
        return tuple(found for r in self.repeats if (found := r.result(scenario)) is not None)

    def failures(self, scenario: str) -> int:
        return sum(r.verdict is Status.FAIL for r in self.results(scenario))


def read_build(path: Path) -> Build:
    """Raises BadInput when there is no run, or when one cannot be read."""
    found = path.resolve()
    if not found.is_dir():
        raise BadInput(f"{path} is no folder.", next_step="a run's folder, such as reports/latest, or a folder of runs")
    folders = [found] if (found / RECORD_FILE).is_file() else _runs_in(found)
    if not folders:
        raise BadInput(
            f"{path} holds no run ({RECORD_FILE} in it or in a folder of it).",
            next_step="sim run PATTERN --report DIR, several times, then give DIR",
        )
    repeats = sorted((Repeat(f, read_record(f / RECORD_FILE)) for f in folders), key=lambda r: (r.began, r.directory))
    return Build(str(path), tuple(repeats))


def _runs_in(folder: Path) -> list[Path]:
    """Not through links: ``latest`` is one of the others."""
    return [f for f in folder.iterdir() if not f.is_symlink() and (f / RECORD_FILE).is_file()]


def interleaved(before: Sequence[Repeat], after: Sequence[Repeat]) -> bool:
    """Whether they ran in turns, one of each, so that each pair met the machine in the same mood."""
    if len(before) != len(after):
        return False
    pairs = list(zip(before, after, strict=True))
    in_turns = (max(a.began, b.began) <= min(c.began, d.began) for (a, b), (c, d) in itertools.pairwise(pairs))
    return len(pairs) > 1 and all(in_turns)


def differing_conditions(before: Build, after: Build) -> tuple[str, ...]:
    """Conditions beside the build that were not the same, in words; measurements across them compare machines."""
    told = []
    for what, of in (
        ("runtime", lambda r: r.record.runtime),
        ("environment", lambda r: r.record.environment),
        ("cores", lambda r: str(r.record.host.cpus)),
        ("kernel", lambda r: r.record.host.kernel),
    ):
        sides = [sorted({of(r) for r in build.repeats}) for build in (before, after)]
        if sides[0] != sides[1] or len(sides[0]) > 1:
            told.append(f"{what}: {', '.join(sides[0])} against {', '.join(sides[1])}")
    return tuple(told)
