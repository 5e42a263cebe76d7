"""What became of servers that were started under an environment's documented limits.

Operation ``limited``, one a trial: ``environment``, ``kind``, the limits, the container's ``state`` and whether it was
``oom_killed``, ``ready_s`` until it served (none: never), how often it was ``asked`` and ``answered`` after that, the
share of the scheduler's periods in which it was held back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.checks.findings import Findings
from sim.history import Outcome, only
from sim.plan.model import ServerKind
from sim.scenario import Evidence
from sim.topology.model import EnvironmentName
from sim.verdict import Status, Verdict

LIMITED = "limited"
ANSWERED_SHARE = 0.9
"""Of what it was asked once it served: a hiccup is no failure."""
THROTTLED_SHARE = 0.25
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Known:
    """A contradiction of the document, by its id: these limits kill a server for want of memory."""

    contradiction: str
    environment: EnvironmentName


def judge_limits(
    kinds: Sequence[ServerKind], environments: Sequence[EnvironmentName], known: Known | None = None
) -> Callable[[Evidence], Verdict]:
    """FAIL when one was killed for want of memory, never served, or stopped serving; UNKNOWN when one was not tried.

    A failure that is ``known``, and no other, bears the document's contradiction out.
    """

    def judge(evidence: Evidence) -> Verdict:
        findings = Findings()
        tried = {
            (str(o.detail.get("kind")), str(o.detail.get("environment"))): (o.target, o.detail)
            for o in only(evidence.observations, LIMITED)
            if o.outcome is Outcome.OK
        }
        for kind in kinds:
            for environment in environments:
                found = tried.get((kind, environment))
                if found is None:
                    findings.open.append(f"{kind} under {environment}'s limits: not tried{_why(evidence, kind)}")
                else:
                    _weigh(kind, environment, found, findings)
        verdict = findings.verdict(lambda _: _holds(kinds, environments))
        if known is None or verdict.status is not Status.FAIL or not _is_all(known, evidence, findings, tried):
            return verdict
        stated = next(c.what for c in evidence.topology.contradictions if c.id == known.contradiction)
        lines = (*verdict.evidence, f"as contradiction {known.contradiction} of the document has it: {stated}")
        return replace(verdict, evidence=lines, contradiction=known.contradiction)

    return judge


def _is_all(
    known: Known, evidence: Evidence, findings: Findings, tried: Mapping[tuple[str, str], tuple[str, Mapping[str, Any]]]
) -> bool:
    """Whether nothing is wrong or open but what the document, as it was given, is known to contradict itself in."""
    killed = [detail for (_, environment), (_, detail) in tried.items() if environment == known.environment]
    foretold = sum(bool(detail.get("oom_killed")) for detail in killed)
    stated = any(c.id == known.contradiction for c in evidence.topology.contradictions)
    return stated and not findings.open and len(findings.wrong) == foretold


def _why(evidence: Evidence, kind: str) -> str:
    failed = [
        str(o.detail.get("evidence", ""))
        for o in only(evidence.observations, "fault")
        if o.outcome is Outcome.FAILED and o.detail.get("phase") == "inject"
    ]
    return f" ({failed[0][:120]})" if failed and kind else ""


def _weigh(kind: str, environment: str, found: tuple[str, Mapping[str, Any]], findings: Findings) -> None:
    server, detail = found
    limits = f"{int(detail.get('limit_bytes', 0)) // _MIB}Mi and {1000 * float(detail.get('limit_cores', 0)):.0f}m"
    who = f"{server} under {environment}'s {limits}"
    ready_s, asked, answered = detail.get("ready_s"), int(detail.get("asked", 0)), int(detail.get("answered", 0))
    throttled = float(detail.get("throttled_share", 0.0))
    key = f"{kind.replace('-', '_')}_{environment}"
    findings.numbers[f"{key}_throttled_percent"] = round(100 * throttled, 1)
    if ready_s is not None:
        findings.numbers[f"{key}_ready_s"] = float(ready_s)
    if detail.get("oom_killed"):
        findings.wrong.append(f"{who}: killed for want of memory")
    elif detail.get("state") != "running":
        findings.wrong.append(f"{who}: ended with exit code {detail.get('exit_code')}")
    elif ready_s is None:
        findings.wrong.append(f"{who}: did not serve in time, held back in {100 * throttled:.0f} % of the periods")
    elif not asked:
        findings.open.append(f"{who}: served, and was asked nothing")
    elif answered < ANSWERED_SHARE * asked:
        findings.wrong.append(f"{who}: answered {answered} of {asked} requests once it served")
    else:
        held = f", throttled in {100 * throttled:.0f} % of the periods" if throttled >= THROTTLED_SHARE else ""
        memory = int(detail.get("memory_bytes", 0)) // _MIB
        holding = f", holding {memory} MiB" if memory else ""
        findings.told.append(f"{who}: served after {float(ready_s):.1f} s{holding}{held}")


def _holds(kinds: Sequence[str], environments: Sequence[str]) -> str:
    return f"{' and '.join(kinds)}: started and served under the limits of {', '.join(environments)}"
