"""``index.html``: the whole run on one page that needs no network and no other file.

Everything a server wrote is escaped by the template engine. The page's own policy forbids every script but one, by its
hash: it finds scenarios by what is typed, and without it all of them are shown.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sim.capacity.as_run import LIMITS
from sim.capacity.demands import LEVEL, MACHINE, REST
from sim.history import Observation
from sim.judging import collector_paused
from sim.record import Record, ServerRow
from sim.report import loads, matrix, operations, picture, replicas, startup, walls
from sim.report.chart import Chart
from sim.report.charts import charts
from sim.report.load_charts import Promise
from sim.report.printable import one_line, printable, tail
from sim.report.summary import (
    FIDELITY_MARKS,
    by_group,
    count,
    exit_meaning,
    fidelity_word,
    known_contradictions,
    not_provable,
    number_text,
    rehearsed,
    sentence,
    unshown,
    word,
)
from sim.topology.model import Topology
from sim.verdict import Fidelity, Status

TEMPLATES = Path(__file__).parent / "templates"
_CHARTED = frozenset(
    {*walls.OPS, *operations.SERIES, operations.FAULT, operations.LEADER, loads.SEGMENT, loads.INTERVAL, loads.CORES}
    | {replicas.SYNC, LEVEL, LIMITS, REST, MACHINE}
)
_EVIDENCE_LINES = 40
_NUMBERS_SHOWN = 12
_OPENED = 8
"""Up to so many scenarios those with pictures are shown open; a page of forty drills is a list to choose from."""
_LOG_LINES = 200
_LOG_COLUMNS = 2000
_SERVERS_NAMED = 3
_SYMBOLS = {"pass": "✓", "fail": "✗", "unknown": "?", "beyond": "≈", "known": "≠"}
_WORDS = {"pass": "PASS", "fail": "FAIL", "unknown": "UNKNOWN", "beyond": "UNKNOWN", "known": "FAIL"}
_EDGES = (
    ("database", "its own database"),
    ("broker", "the broker"),
    ("cache", "the cache"),
    ("bucket", "its bucket"),
    ("metrics", "scraped by Prometheus"),
)


def render_html(
    record: Record,
    topology: Topology | None,
    observations: Iterable[Observation],
    logs: Mapping[str, str],
    log_links: Mapping[str, str],
) -> str:
    """The page. ``logs`` are those of what failed, ``log_links`` where each is beside the page, whole."""
    bad = unshown(record)
    apart, known = not_provable(record), known_contradictions(record)
    shown = [r for r in record.scenarios if r.verdict is Status.PASS]
    groups = by_group(shown)
    departures = _departures(record)
    drawn = _charts(record, observations, _promise(topology))
    bad_title = "What failed" if record.verdict is Status.FAIL else "What was not shown"
    sections = [
        ("run", "What was run", True),
        ("unshown", bad_title, bool(bad)),
        ("logs", "Logs", bool(logs)),
        *((f"group-{_anchor(name)}", name.capitalize(), True) for name in groups),
        ("known", "Known contradictions", bool(known)),
        ("apart", "Not provable here", bool(apart)),
        ("topology", "Topology", topology is not None),
        ("servers", "Servers", bool(record.servers)),
        ("differences", "Differences", bool(record.contradictions or departures)),
    ]
    script = (TEMPLATES / "filter.js").read_text(encoding="utf-8")
    return (
        page_environment()
        .get_template("index.html.j2")
        .render(
            record=record,
            css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            script_hash=_policy_hash(script),
            verdict_kind=record.verdict.lower(),
            sentence=sentence(record),
            exit_meaning=exit_meaning(record).capitalize(),
            tally=count(record),
            sections=[(anchor, title) for anchor, title, present in sections if present],
            facts=_facts(record),
            bad=bad,
            bad_title=bad_title,
            groups=groups,
            apart=apart,
            known=known,
            charts=drawn,
            logs={name: tail(text, _LOG_LINES, _LOG_COLUMNS) for name, text in logs.items()},
            log_links=log_links,
            topology=topology,
            picture=picture.platform_picture(topology, record) if topology else None,
            picture_summary=picture.summary(topology, record) if topology else "",
            startups=_startups(record),
            houses=_houses(record),
            departures=departures,
            edges=_EDGES,
            symbols=_SYMBOLS,
            words=_WORDS,
            fidelity_words={fidelity: fidelity_word(record, fidelity) for fidelity in Fidelity},
            fidelity_marks=dict.fromkeys(Fidelity, "◌") if rehearsed(record) else FIDELITY_MARKS,
            rehearsed=rehearsed(record),
            evidence_lines=_EVIDENCE_LINES,
            numbers_shown=_NUMBERS_SHOWN,
            few=len(record.scenarios) <= _OPENED,
            images_summary=_images_summary(record),
        )
    )


def _images_summary(record: Record) -> str:
    """``2 documented, 3 same software, 1 stand-in, 4 the rig's own``."""
    words = [fidelity_word(record, i.fidelity) if i.documented else "the rig's own" for i in record.images]
    return ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(words))


def _policy_hash(script: str) -> str:
    """As a content security policy names an inline script: the hash of all between its tags."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


@dataclass(frozen=True, slots=True)
class SharedDeparture:
    """One departure and all the servers that share it."""

    who: str
    what: str
    reason: str
    section: str


@dataclass(frozen=True, slots=True)
class Startup:
    """How one stack went up. ``stack`` is empty where there was only one."""

    stack: str
    summary: str
    picture: Markup


def _startups(record: Record) -> tuple[Startup, ...]:
    """One a stack: each counts from its own beginning."""
    spans = [(stack, [s for s in record.timeline if s.stack == stack]) for stack in _stacks(record)]
    return tuple(
        Startup(stack, startup.summary(members), startup.startup_timeline(members))
        for stack, members in spans
        if members
    )


def _houses(record: Record) -> tuple[tuple[str, tuple[ServerRow, ...]], ...]:
    """Each stack's servers."""
    return tuple((stack, tuple(s for s in record.servers if s.stack == stack)) for stack in _stacks(record))


def _stacks(record: Record) -> tuple[str, ...]:
    return record.stacks or ("",)


def _departures(record: Record) -> tuple[SharedDeparture, ...]:
    """Eleven servers that differ alike are one difference."""
    servers: dict[tuple[str, str, str], list[str]] = {}
    for departure in record.departures:
        servers.setdefault((departure.what, departure.reason, departure.section), []).append(departure.server)
    return tuple(SharedDeparture(_several(names), *key) for key, names in servers.items())


def _several(names: list[str]) -> str:
    if len(names) <= _SERVERS_NAMED:
        return ", ".join(names)
    suffix = matrix.common_suffix(names)
    return f"{len(names)} servers: *{suffix}" if suffix else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _promise(topology: Topology | None) -> Promise:
    if topology is None:
        return Promise()
    objectives = topology.gateway.objectives
    return Promise(objectives.p99_s, objectives.error_share)


def _charts(record: Record, observations: Iterable[Observation], promise: Promise) -> dict[str, tuple[Chart, ...]]:
    series: dict[str, list[Observation]] = {result.name: [] for result in record.scenarios}
    with collector_paused():
        for observation in observations:
            if observation.op in _CHARTED and observation.scenario in series:
                series[observation.scenario].append(observation)
        drawn = {name: charts(members, promise) for name, members in series.items()}
    return {name: pictures for name, pictures in drawn.items() if pictures}


def _facts(record: Record) -> list[tuple[str, str]]:
    host = record.host
    memory = f"{host.memory_bytes / 2**30:.1f} GiB"
    took = [f"{name.removesuffix('_s')} {number_text(round(s, 1))} s" for name, s in record.durations.items()]
    facts = [
        ("Environment", record.environment),
        ("Started", record.started_at),
        ("Run", record.run_id),
        ("Seed", str(record.seed)),
        ("Stacks", ", ".join(record.stacks)),
        ("Runtime", f"{record.runtime}, {host.engine}" if host.engine else record.runtime),
        ("Machine", f"{host.cpus} cores, {memory}" if host.memory_bytes else f"{host.cpus} cores"),
        ("Kernel, Python", f"{host.kernel}, {host.python}"),
        ("Took", ", ".join(took)),
    ]
    return [(name, value) for name, value in facts if value]


def page_environment() -> Environment:
    """Templates of this package; whatever goes into one is escaped and fit to show."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_fit,
    )
    environment.filters.update(anchor=_anchor, line=one_line, number=number_text, short=_short_digest, word=word)
    return environment


def _fit(value: object) -> object:
    """Whatever is put on the page, wherever: a filter can be forgotten, this cannot."""
    return printable(value) if type(value) is str else value


def _anchor(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", name).strip("-").lower()


def _short_digest(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
