"""From evidence to verdicts: pure, and the same whether the stack still runs or only its files are left.

The laws live here, above every single judge: no evidence is UNKNOWN; the rig's own faults are never a PASS, and its
own mistakes never the platform's; a claim about a product cannot be shown on a stand-in.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sim.errors import EXIT_PASS, EXIT_PLATFORM_FAILED, EXIT_UNKNOWN, BadInput
from sim.history import Observation, read_history
from sim.images.model import ResolvedImage
from sim.record import HISTORY_FILE, RECORD_FILE, TOPOLOGY_FILE, Record, ScenarioResult, read_record, read_text
from sim.scenario import Evidence, Scenario
from sim.topology.load import parse_topology
from sim.topology.model import Topology
from sim.verdict import Fidelity, Status, Verdict, furthest, unknown, worst

RIG_FAULT = "rig-fault"
"""The operation by which the rig owns up to a fault of its own; its ``detail`` carries a ``message``."""

INTERRUPTED = "interrupted"
"""The message of a scenario that was cut short."""

INSTRUMENTS = frozenset({"alert-sink"})
"""Server kinds that are the rig's measuring instruments: the document names none, so none has a fidelity to it."""

_SERVICE_KINDS = frozenset({"gateway", "service"})
_STAND_INS = "service"

_EXIT_CODES = {Status.PASS: EXIT_PASS, Status.FAIL: EXIT_PLATFORM_FAILED, Status.UNKNOWN: EXIT_UNKNOWN}


def judge(scenario: Scenario, evidence: Evidence) -> ScenarioResult:
    """Judge one scenario; never raises, whatever its judge does."""
    fidelity = fidelity_of(scenario, evidence.images)
    verdict = _verdict(scenario, evidence, fidelity)
    times_s = [o.t_s for o in evidence.observations if math.isfinite(o.t_s)]
    return ScenarioResult(
        name=scenario.name,
        claim=scenario.claim,
        section=scenario.section,
        verdict=verdict.status,
        fidelity=fidelity,
        reason=_clean(verdict.reason),
        numbers={_clean(name): float(number) for name, number in verdict.numbers.items()},
        evidence=tuple(_clean(line) for line in verdict.evidence),
        beyond_fidelity=verdict.beyond_fidelity,
        contradiction=_clean(verdict.contradiction),
        product_claim=scenario.product_claim,
        needs=scenario.needs,
        source=scenario.source,
        observations=len(evidence.observations),
        began_s=round(min(times_s, default=0.0), 6),
        ended_s=round(max(times_s, default=0.0), 6),
    )


def fidelity_of(scenario: Scenario, images: Mapping[str, ResolvedImage]) -> Fidelity:
    """The furthest from the document among the images of the kinds the scenario needs."""
    return furthest(image.fidelity for kind in scenario.needs for image in _ran(kind, images))


def _ran(kind: str, images: Mapping[str, ResolvedImage]) -> tuple[ResolvedImage, ...]:
    """The images a kind of server ran. Stand-ins of services share one; a real service's is ``service:<name>``."""
    if kind in INSTRUMENTS:
        return ()
    if kind in _SERVICE_KINDS:
        return tuple(i for name, i in images.items() if name.partition(":")[0] == _STAND_INS)
    return (images[kind],) if kind in images else ()


def overall(results: Iterable[ScenarioResult], *, strict: bool) -> Status:
    """Worst wins. What does not count (see :func:`counts`) is left out; nothing left is UNKNOWN."""
    return worst(r.verdict for r in results if counts(r, strict=strict))


def counts(result: ScenarioResult, *, strict: bool) -> bool:
    """Whether the result bears on the run's verdict: what no image here can show does not, unless ``strict``.

    Nor does a contradiction of the document that was borne out: no platform built to it could do better.
    """
    return strict or not (result.beyond_fidelity or result.contradiction)


def exit_code(status: Status) -> int:
    return _EXIT_CODES[status]


def judge_history(
    path: Path,
    scenarios: Sequence[Scenario],
    topology: Topology,
    environment: str,
    images: Mapping[str, ResolvedImage],
) -> tuple[ScenarioResult, ...]:
    """Judge scenarios, in the order given, by a history file: a run that ends and ``sim judge`` both come this way."""
    with collector_paused():
        observations = grouped(path, {scenario.name for scenario in scenarios})
        return tuple(
            judge(scenario, Evidence(tuple(observations.pop(scenario.name, ())), topology, environment, images))
            for scenario in scenarios
        )


def grouped(path: Path, names: Iterable[str]) -> dict[str, list[Observation]]:
    """The observations of the scenarios named, in order; those of others are read past and not kept."""
    groups: dict[str, list[Observation]] = {name: [] for name in names}
    try:
        for observation in read_history(path):
            group = groups.get(observation.scenario)
            if group is not None:
                group.append(observation)
    except FileNotFoundError as error:
        raise BadInput(
            f"{path} does not exist.", next_step="give a folder that `sim run` wrote, such as reports/latest"
        ) from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}).") from error
    return groups


def judge_run(directory: Path, scenarios: Mapping[str, Scenario], *, strict: bool | None = None) -> Record:
    """Judge a finished run again from its files alone. ``strict`` None means as the run was."""
    record = read_record(directory / RECORD_FILE)
    topology_path = directory / TOPOLOGY_FILE
    topology = parse_topology(read_text(topology_path), str(topology_path))
    known = [scenarios[r.name] for r in record.scenarios if r.name in scenarios]
    images = {row.component: row.resolved() for row in record.images}
    stacks = {result.name: result.stack for result in record.scenarios}
    judged = {
        result.name: replace(result, stack=stacks[result.name])
        for result in judge_history(directory / HISTORY_FILE, known, topology, record.environment, images)
    }
    results = tuple(judged.get(r.name) or _unjudgeable(r) for r in record.scenarios)
    as_strict = record.strict if strict is None else strict
    return replace(record, scenarios=results, strict=as_strict, verdict=overall(results, strict=as_strict))


def _verdict(scenario: Scenario, evidence: Evidence, fidelity: Fidelity) -> Verdict:
    seen = tuple(o for o in evidence.observations if o.op != RIG_FAULT)
    faults = tuple(_fault_text(o) for o in evidence.observations if o.op == RIG_FAULT)
    missing = [kind for kind in scenario.needs if kind not in INSTRUMENTS and not _ran(kind, evidence.images)]
    if seen:
        verdict = _ask(scenario, evidence)
    elif faults:
        verdict = unknown(f"the rig failed before it saw anything: {faults[0]}", *faults)
    else:
        verdict = unknown("no evidence: nothing was observed")
    if any(_is_interruption(o) for o in evidence.observations) or (faults and verdict.status is Status.PASS):
        # What was cut short lacks what would have come, which is no failure; no other fault of the rig makes one.
        verdict = unknown(f"the rig failed on the way: {faults[0]}", f"the judge said: {verdict.reason}", *faults)
    elif faults and seen:
        verdict = replace(verdict, evidence=(*verdict.evidence, *(f"the rig failed on the way: {f}" for f in faults)))
    if missing and verdict.status is Status.PASS:
        verdict = unknown(f"no image is on record for {', '.join(missing)}", f"the judge said: {verdict.reason}")
    if scenario.product_claim and fidelity is Fidelity.STAND_IN:
        return _beyond(scenario, evidence, verdict)
    if verdict.beyond_fidelity and (verdict.status is not Status.UNKNOWN or fidelity is Fidelity.DOCUMENTED):
        return replace(verdict, beyond_fidelity=False)
    if verdict.contradiction and verdict.status is not Status.FAIL:
        return replace(verdict, contradiction="")
    return verdict


def _ask(scenario: Scenario, evidence: Evidence) -> Verdict:
    try:
        verdict = scenario.judge(evidence)
        wrong = _malformed(verdict)
    except Exception as error:  # noqa: BLE001 - whatever a judge raises is the rig's mistake, not the platform's
        return unknown(f"the rig's own judge failed: {scenario.name}: {type(error).__name__}: {error}")
    return unknown(f"the rig's own judge failed: {scenario.name}: {wrong}") if wrong else verdict


def _malformed(verdict: object) -> str:
    if not isinstance(verdict, Verdict):
        return f"it answered {type(verdict).__name__}, not a verdict"
    for name, number in verdict.numbers.items():
        if not math.isfinite(number):
            return f"the number {name} is {number}"
    return ""


def _beyond(scenario: Scenario, evidence: Evidence, verdict: Verdict) -> Verdict:
    ran = dict.fromkeys(image for kind in scenario.needs for image in _ran(kind, evidence.images))
    stand_ins = [image for image in ran if image.fidelity is Fidelity.STAND_IN]
    named = "; ".join(
        f"{i.software} {i.version} for {i.documented or f'the real {i.component}'}".replace("  ", " ")
        for i in stand_ins
    )
    return Verdict(
        Status.UNKNOWN,
        f"stand-in: {named}",
        (f"on the stand-in: {verdict.status}: {verdict.reason}", *verdict.evidence),
        verdict.numbers,
        beyond_fidelity=True,
    )


def _unjudgeable(recorded: ScenarioResult) -> ScenarioResult:
    return replace(
        recorded,
        verdict=Status.UNKNOWN,
        reason="this sim has no scenario of that name to judge it by",
        evidence=(f"recorded: {recorded.verdict}: {recorded.reason}",),
        numbers={},
        beyond_fidelity=False,
        contradiction="",
    )


def _is_interruption(observation: Observation) -> bool:
    return observation.op == RIG_FAULT and observation.detail.get("message") == INTERRUPTED


def _fault_text(observation: Observation) -> str:
    message = str(observation.detail.get("message", "")).strip() or "no message"
    return f"{observation.target}: {message}" if observation.target else message


def _clean(text: object) -> str:
    """Text that any encoding of Unicode can carry: lone surrogates (undecodable bytes of a log) become marks."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


@contextmanager
def collector_paused() -> Iterator[None]:
    """A history holds no cycles; walking a million live observations again and again is half the time of reading."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
