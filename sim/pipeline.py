"""The story of one run: topology → plan → running stack → observations → verdicts → report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sim import __version__
from sim.clock import Clock
from sim.history import History, Observation, read_history
from sim.images.model import ResolvedImage
from sim.judging import judge_history, overall
from sim.preparing import Document
from sim.record import (
    HISTORY_FILE,
    TOPOLOGY_FILE,
    ContradictionRow,
    Host,
    ImageRow,
    Record,
    ScenarioResult,
    ServerRow,
    StartupSpan,
)
from sim.rehearsal import Platform, Rehearsal
from sim.report.write import point_latest, write_run
from sim.scenario import Scenario
from sim.verdict import Status


class Venue(Platform, Protocol):
    """A platform that also tells a report about itself."""

    @property
    def id(self) -> str: ...
    @property
    def secrets(self) -> Mapping[str, str]: ...
    def rows(self) -> tuple[ServerRow, ...]: ...
    def timeline(self) -> tuple[StartupSpan, ...]: ...
    def logs(self, server: str) -> str: ...
    def host(self) -> Host: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What is rehearsed, and where it is written. ``directory`` is this run's own folder; ``clock`` the platform's.

    ``listen`` is told of each observation as it is made.
    """

    document: Document
    environment: str
    scenarios: tuple[Scenario, ...]
    seed: int
    runtime: str
    strict: bool
    directory: Path
    clock: Clock
    announce: Callable[[Scenario, int, int], None]
    listen: Callable[[Observation], None] | None = None

    def on(self, venue: Venue, durations: Mapping[str, float]) -> Record:
        """Rehearse, judge and report. Interrupted, what was seen is still judged and written before it is raised."""
        started_at = datetime.now(UTC)
        (self.directory / TOPOLOGY_FILE).write_text(self.document.text, encoding="utf-8")
        interrupted: KeyboardInterrupt | None = None
        began_s = self.clock.now_s()
        history = History(self.directory / HISTORY_FILE, self.listen)
        try:
            rehearsal = Rehearsal(self.document.topology, venue, self.clock, self.seed, history, began_s)
            rehearsal.play(self.scenarios, self.announce)
        except KeyboardInterrupt as error:
            interrupted = error
        finally:
            history.close()
        spent = {**durations, "scenarios_s": round(self.clock.now_s() - began_s, 3)}
        record = self._report(venue, started_at, spent)
        if interrupted is not None:
            raise interrupted
        return record

    def _report(self, venue: Venue, started_at: datetime, durations: Mapping[str, float]) -> Record:
        images: dict[str, ResolvedImage] = {server.image.component: server.image for server in venue.plan.servers}
        path = self.directory / HISTORY_FILE
        results = judge_history(path, self.scenarios, self.document.topology, self.environment, images)
        record = Record(
            run_id=self.directory.name,
            started_at=started_at.isoformat(timespec="seconds"),
            environment=self.environment,
            seed=self.seed,
            runtime=self.runtime,
            host=venue.host(),
            images=tuple(ImageRow.of(image) for _, image in sorted(images.items())),
            scenarios=results,
            verdict=overall(results, strict=self.strict),
            strict=self.strict,
            stack=venue.id,
            platform=venue.plan.platform,
            version=__version__,
            servers=venue.rows(),
            timeline=venue.timeline(),
            departures=venue.plan.departures,
            contradictions=tuple(ContradictionRow.of(c) for c in self.document.topology.contradictions),
            durations=durations,
        )
        written = write_run(
            self.directory,
            record,
            read_history(path),
            {name: venue.logs(name) for name in _suspects(results, record.servers)},
            venue.secrets.values(),
            topology=self.document.topology,
        )
        point_latest(self.directory.parent, self.directory)
        return written


def _suspects(results: tuple[ScenarioResult, ...], servers: tuple[ServerRow, ...]) -> tuple[str, ...]:
    """Servers whose logs a reader wants: those not running, and all of a kind some failed claim needed."""
    kinds = {kind for r in results if r.verdict is Status.FAIL for kind in r.needs}
    return tuple(s.name for s in servers if s.kind in kinds or s.state not in {"ready", "running"})
