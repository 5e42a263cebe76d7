"""A drill as a page for whoever is on call: what happened, what users would have seen, how it healed, what to do.

Pure: from a run's record and history. Markdown for a repository, HTML for a browser, of the same content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from sim.history import Observation, Outcome, only
from sim.record import Record, ScenarioResult
from sim.topology.model import Topology
from sim.verdict import Status

MARKDOWN_FILE, HTML_FILE = "runbook.md", "runbook.html"

_MOST_EVENTS = 40


@dataclass(frozen=True, slots=True)
class Section:
    """``lines`` are sentences; those of ``commands`` are typed."""

    title: str
    lines: tuple[str, ...]
    commands: tuple[str, ...] = ()


def runbook(record: Record, result: ScenarioResult, seen: Sequence[Observation], topology: Topology) -> list[Section]:
    faults = _faults(seen)
    return [
        Section(
            "The drill",
            (
                result.claim,
                f"Verdict: {result.verdict}. {result.reason}",
                f"Rests on section {result.section} of the document; {result.source or 'no other source'}.",
                f"Run {record.run_id}, {record.environment}, runtime {record.runtime}.",
                f"Seed {record.seed}: the same seed makes the same choices.",
            ),
        ),
        Section("What happened", tuple(_events(seen))),
        Section("What users would have seen", tuple(_felt(result, seen))),
        Section("How it healed", tuple(_healing(seen)) or ("Nothing on record was healed.",)),
        Section("What to do in production", *_advice(faults, topology)),
        Section("Evidence", result.evidence or ("none",)),
    ]


def as_markdown(title: str, sections: Iterable[Section]) -> str:
    parts = [f"# {title}", ""]
    for section in sections:
        parts += [f"## {section.title}", ""]
        parts += [f"- {line}" for line in section.lines]
        if section.commands:
            parts += ["", "```sh", *section.commands, "```"]
        parts.append("")
    return "\n".join(parts)


def as_html(title: str, sections: Iterable[Section]) -> str:
    body = Markup()
    for section in sections:
        body += Markup("<h2>{}</h2><ul>").format(section.title)
        body += Markup().join(Markup("<li>{}</li>").format(line) for line in section.lines) + Markup("</ul>")
        if section.commands:
            body += Markup("<pre>{}</pre>").format("\n".join(section.commands))
    return (
        "<!doctype html>\n<html lang='en'><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main><h1>{escape(title)}</h1>{body}"
        "<p><a href='index.html'>The run's whole report</a></p></main></html>\n"
    )


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1b1f24;background:#fff}main{max-width:52rem;margin:auto;"
    "padding:1.5rem}h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #d0d7de}"
    "li{margin:.25rem 0;overflow-wrap:anywhere}pre{background:#f6f8fa;padding:1rem;overflow:auto}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}a{color:#58a6ff}}"
)


def braced(target: str) -> str:
    """``a-0,a-1`` as ``a-{0,1}``: several servers of one application in the room of one."""
    names = target.split(",")
    head = os.path.commonprefix(names)  # noqa: RUF071 - letter by letter, and then back to a whole part
    head = head[: head.rfind("-") + 1]
    return f"{head}{{{','.join(name.removeprefix(head) for name in names)}}}" if len(names) > 1 and head else target


def _faults(seen: Sequence[Observation]) -> list[str]:
    return list(dict.fromkeys(str(o.detail.get("name", "")) for o in only(seen, "fault")))


def _events(seen: Sequence[Observation]) -> Iterable[str]:
    """Faults, elections and silences in their order, in seconds since the first observation."""
    if not seen:
        return ["Nothing was observed."]
    began_s = min(o.t_s for o in seen)
    lines: list[tuple[float, str]] = []
    for o in only(seen, "fault"):
        verb = "was put on" if o.detail.get("phase") == "inject" else "was taken off"
        doubt = "" if o.outcome is Outcome.OK else " and was not seen to work"
        lines.append(
            (o.t_s, f"{o.detail.get('name')} {verb} {braced(o.target)}{doubt} ({o.detail.get('evidence', '')})")
        )
    leader = ""
    for o in only(seen, "leader"):
        found = str(o.detail.get("leader") or "")
        if o.outcome is Outcome.OK and found and found != leader:
            lines.append((o.t_s, f"{found} led" + (f" in place of {leader}" if leader else "")))
            leader = found
    lines += [(a, f"nothing was confirmed for {b - a:.2f} s") for a, b in _silences(seen)]
    ordered = sorted(lines)[:_MOST_EVENTS]
    return [f"{t_s - began_s:.1f} s: {line}" for t_s, line in ordered] or ["No fault, no election, no silence."]


def _silences(seen: Sequence[Observation], least_s: float = 0.5) -> list[tuple[float, float]]:
    confirmed = sorted(o.t_s for o in only(seen, "publish") if o.outcome is Outcome.OK)
    return [(a, b) for a, b in pairwise(confirmed) if b - a >= least_s]


def _felt(result: ScenarioResult, seen: Sequence[Observation]) -> Iterable[str]:
    numbers = result.numbers
    tried = only(seen, "publish")
    if tried:
        counts = {outcome: sum(o.outcome is outcome for o in tried) for outcome in Outcome}
        yield (
            f"Of {len(tried)} messages {counts[Outcome.OK]} were confirmed, {counts[Outcome.FAILED]} refused; of "
            f"{counts[Outcome.UNSURE]} the sender never learned, so that it must send them again."
        )
    if result.verdict is Status.UNKNOWN:
        yield "What was kept and what was lost cannot be told: the drill was not carried through."
    elif "lost" in numbers:
        lost = numbers["lost"]
        yield f"Confirmed and lost: {lost:.0f}." + ("" if lost else " What was acknowledged was kept.")
    if "rto_ms" in numbers:
        within = f", within {numbers['rto_resolution_ms']:.0f} ms" if "rto_resolution_ms" in numbers else ""
        yield f"Service was away for {numbers['rto_ms'] / 1000:.2f} s (RTO observed{within})."
    if "availability_percent" in numbers:
        yield f"{numbers['availability_percent']:.1f} % of what was due from the fault on was confirmed within 1 s."
    if numbers.get("duplicated"):
        yield f"Delivered more than once: {numbers['duplicated']:.0f}; at least once is what the broker promises."
    if not tried and not numbers:
        yield "This drill measures no user's work; see the evidence below."


def _healing(seen: Sequence[Observation]) -> Iterable[str]:
    for o in only(seen, "fault"):
        if o.detail.get("phase") == "heal":
            after_s = float(o.detail.get("effect_after_s", 0.0))
            what = f"{o.detail.get('name')} of {braced(o.target)}"
            yield f"{what}: {o.detail.get('evidence', '')}, after {after_s:.1f} s of healing."
    for o in only(seen, "queue"):
        if o.detail.get("phase") == "after":
            yield f"The queue is whole on {', '.join(o.detail.get('online', ())) or 'no node'}."


def _advice(faults: Sequence[str], topology: Topology) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """By the kinds of fault that were in force: what to look at, what to do, what not to do."""
    namespace, broker = topology.broker.namespace, topology.broker.name
    lines: list[str] = []
    commands = [
        f"kubectl -n {namespace} get pods -o wide",
        f"kubectl -n {namespace} exec {broker}-server-0 -- rabbitmq-diagnostics cluster_status",
        f"kubectl -n {namespace} exec {broker}-server-0 -- rabbitmq-queues check_if_node_is_quorum_critical",
    ]
    known = {
        "kill": "A dead pod is started again by its controller: watch that it rejoins; do not delete its volume.",
        "SIGTERM": "A stopped pod comes back by itself; before stopping one on purpose, ask if it is quorum critical.",
        "pause": "A node that hangs is worse than a dead one: if it neither answers nor ends, delete the pod.",
        "partition": "Find the network's fault first (policies, nodes, links). With quorum queues the majority goes on;"
        " do not restart the majority. Auto-heal restarts the losers when the partition ends (C9).",
        "majorities": "As for a partition; without any majority nothing can be confirmed until the network is whole.",
        "latency": "Slow links cost elections: move clients' timeouts, not the data.",
        "packet loss": "Look for the failing link; TCP hides loss as latency.",
        "bandwidth": "Find who fills the link; publishers with confirms slow down by themselves.",
        "zone loss": "Nothing is moved while the zone is away: databases are pinned to it. Restore the zone, or its"
        " databases from backup elsewhere.",
        "drain": "A drain that hangs is a disruption budget at work (C18): add replicas, do not force it.",
        "rolling": "One at a time, and only when the last one serves again and none is quorum critical.",
        "disk full": "Publishers are blocked until there is room: free or enlarge the volume, consume what is stored.",
        "CPU squeeze": "Look at throttling before adding nodes: raise the limit.",
        "memory squeeze": "A pod killed for memory (137) comes back; find what grew before raising the limit.",
        "crash loop": "Read the log of the previous container: kubectl logs --previous. Rolling back is quicker.",
        "restart": "Nothing to do if it serves again.",
    }
    for name in faults:
        lines += [text for word, text in known.items() if name.lower().startswith(word.lower())]
    lines.append(
        "Publishers must keep what was not confirmed and send it again; consumers must know twins by their id."
    )
    return tuple(dict.fromkeys(lines)), tuple(commands)
