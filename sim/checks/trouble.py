"""While something behind the gateway is gone: who must go on, who must say so, and how soon all is well again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.checks.sales import verdict_of
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

PROBE = "probe"
"""One question put until it was answered as it must be, or its time was over."""
DURING, HEALED = "during", "healed"
_FAULT, _STEPS = "fault", ("inject", "heal")


@dataclass(frozen=True, slots=True)
class Expected:
    """``status`` is what ``probe`` must be answered within ``within_s`` of the fault, or of its healing."""

    trouble: str
    phase: str
    probe: str
    status: int
    within_s: float


def judge_trouble(expected: Sequence[Expected]) -> Callable[[Evidence], Verdict]:
    """PASS when every probe got its answer in time, in troubles that were seen to be in force and healed."""

    def judge(evidence: Evidence) -> Verdict:
        probes = {
            (str(o.detail.get("trouble")), str(o.detail.get("phase")), str(o.detail.get("probe"))): o
            for o in only(evidence.observations, PROBE)
        }
        faults: list[str] = []
        doubts: list[str] = []
        right: list[str] = []
        numbers: dict[str, float] = {}
        for trouble in dict.fromkeys(e.trouble for e in expected):
            doubts += _unseen(evidence, trouble)
        for wanted in expected:
            name = f"{wanted.probe}, {wanted.trouble} {'gone' if wanted.phase == DURING else 'back'}"
            seen = probes.get((wanted.trouble, wanted.phase, wanted.probe))
            if seen is None:
                doubts.append(f"{name}: not tried")
                continue
            status, after_s = int(seen.detail.get("status", 0)), float(seen.detail.get("after_s", 0.0))
            if status == 0:
                doubts.append(f"{name}: no answer: {seen.detail.get('message', '')}")
            elif status != wanted.status:
                faults.append(f"{name}: {status} after {after_s:.1f} s, not {wanted.status}")
            else:
                right.append(f"{name}: {status} after {after_s:.1f} s")
                label = f"{wanted.trouble}_{wanted.phase}_ms".replace("-", "_").replace(" ", "_")
                numbers[label] = max(numbers.get(label, 0.0), round(1000 * after_s, 1))
        holds = f"{len(right)} answers as they must be, and everything recovered by itself"
        return verdict_of(faults, doubts, holds, numbers, *right)

    return judge


def _unseen(evidence: Evidence, trouble: str) -> list[str]:
    """Why the trouble proves nothing; nothing when it was seen to work and to end."""
    steps = [o for o in only(evidence.observations, _FAULT) if _is_of(o, trouble)]
    seen = {str(o.detail.get("phase")) for o in steps if o.outcome is Outcome.OK}
    return [f"{trouble}: its {phase} was not seen to work" for phase in _STEPS if phase not in seen]


def _is_of(observation: Observation, trouble: str) -> bool:
    return str(observation.detail.get("name", "")).endswith(f"({trouble})")
