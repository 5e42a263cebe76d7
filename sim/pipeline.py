"""The story of one run: topology → plan → running stack → observations → verdicts → report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from sim import __version__
from sim.clock import Clock
from sim.history import History, Observation, read_history
from sim.images.model import ResolvedImage
from sim.judging import judge_history, overall
from sim.plan.model import Plan
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
from sim.rehearsal import RESET, Platform, Rehearsal
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
class Account:
    """What a report is told of one stack, and of the scenarios that were played there.

    ``logs`` are those of its suspects, by server; ``secrets`` are there to be kept out of the report.
    """

    stack: str
    plan: Plan
    secrets: Mapping[str, str]
    host: Host
    timeline: tuple[StartupSpan, ...]
    results: tuple[ScenarioResult, ...]
    servers: tuple[ServerRow, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)

    def told_apart(self) -> Account:
        """The same beside others that have servers of the same names."""
        return replace(
            self,
            timeline=tuple(replace(span, stack=self.stack) for span in self.timeline),
            results=tuple(replace(result, stack=self.stack) for result in self.results),
            servers=tuple(replace(server, stack=self.stack) for server in self.servers),
            logs={f"{self.stack}.{name}": text for name, text in self.logs.items()},
        )


def account_of(venue: Venue, results: tuple[ScenarioResult, ...]) -> Account:
    """As things are now: each server's state, and the logs a reader of these results wants."""
    servers = venue.rows()
    return Account(
        stack=venue.id,
        plan=venue.plan,
        secrets=venue.secrets,
        host=venue.host(),
        timeline=venue.timeline(),
        results=results,
        servers=servers,
        logs={name: venue.logs(name) for name in _suspects(results, servers)},
    )


def images_of(plan: Plan) -> dict[str, ResolvedImage]:
    """Component → the image it ran."""
    return {server.image.component: server.image for server in plan.servers}


@dataclass(frozen=True, slots=True)
class Run:
    """What is rehearsed, and where it is written. ``directory`` is this run's own folder; ``clock`` the platform's.

    ``listen`` is told of each observation as it is made. ``resets``: the platform is this run's own, and is reset where
    a scenario left its mark.
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
    resets: bool = False

    @property
    def history(self) -> Path:
        return self.directory / HISTORY_FILE

    def on(self, venue: Venue, durations: Mapping[str, float]) -> Record:
        """Rehearse, judge and report. Interrupted, what was seen is still judged and written before it is raised."""
        started_at = datetime.now(UTC)
        self.begin()
        interrupted: KeyboardInterrupt | None = None
        began_s = self.clock.now_s()
        history = History(self.history, self.listen)
        try:
            rehearsal = Rehearsal(
                self.document.topology, venue, self.clock, self.seed, history, began_s, resets=self.resets
            )
            rehearsal.play(self.scenarios, self.announce)
        except KeyboardInterrupt as error:
            interrupted = error
        finally:
            history.close()
        resets_s = sum(float(o.detail.get("took_s", 0.0)) for o in history.of(RESET))
        spent = {**durations, "scenarios_s": round(self.clock.now_s() - began_s, 3), "resets_s": round(resets_s, 3)}
        account = account_of(venue, self.judged(self.history, self.scenarios, venue.plan))
        record = self.report((account,), started_at, spent)
        if interrupted is not None:
            raise interrupted
        return record

    def begin(self) -> None:
        """What a run's folder holds from the first."""
        (self.directory / TOPOLOGY_FILE).write_text(self.document.text, encoding="utf-8")

    def judged(self, history: Path, scenarios: Sequence[Scenario], plan: Plan) -> tuple[ScenarioResult, ...]:
        """Some of the scenarios, by the history they wrote on a stack of that plan."""
        return judge_history(history, scenarios, self.document.topology, self.environment, images_of(plan))

    def report(self, accounts: Sequence[Account], started_at: datetime, durations: Mapping[str, float]) -> Record:
        """Write the record and the page of all stacks; what was played on none of them is UNKNOWN.

        The run's history must be closed, and whole.
        """
        told = [account.told_apart() for account in accounts] if len(accounts) > 1 else list(accounts)
        first = told[0]
        played = {result.name: result for account in told for result in account.results}
        unplayed = [scenario for scenario in self.scenarios if scenario.name not in played]
        if unplayed:
            played |= {result.name: result for result in self.judged(self.history, unplayed, first.plan)}
        results = tuple(played[scenario.name] for scenario in self.scenarios)
        images = images_of(first.plan)
        record = Record(
            run_id=self.directory.name,
            started_at=started_at.isoformat(timespec="seconds"),
            environment=self.environment,
            seed=self.seed,
            runtime=self.runtime,
            host=first.host,
            images=tuple(ImageRow.of(image) for _, image in sorted(images.items())),
            scenarios=results,
            verdict=overall(results, strict=self.strict),
            strict=self.strict,
            stack=first.stack,
            stacks=tuple(account.stack for account in told) if len(told) > 1 else (),
            platform=first.plan.platform,
            version=__version__,
            servers=tuple(server for account in told for server in account.servers),
            timeline=tuple(span for account in told for span in account.timeline),
            departures=first.plan.departures,
            contradictions=tuple(ContradictionRow.of(c) for c in self.document.topology.contradictions),
            durations=durations,
        )
        written = write_run(
            self.directory,
            record,
            read_history(self.history),
            {name: text for account in told for name, text in account.logs.items()},
            [secret for account in told for secret in account.secrets.values()],
            topology=self.document.topology,
        )
        point_latest(self.directory.parent, self.directory)
        return written


def _suspects(results: tuple[ScenarioResult, ...], servers: tuple[ServerRow, ...]) -> tuple[str, ...]:
    """Servers whose logs a reader wants: those not running, and all of a kind some failed claim needed."""
    kinds = {kind for r in results if r.verdict is Status.FAIL for kind in r.needs}
    return tuple(s.name for s in servers if s.kind in kinds or s.state not in {"ready", "running"})
