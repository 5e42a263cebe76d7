"""Mutation testing of the checks themselves: every wall is opened a little, one at a time, and some check must say so.

A mutant's observations are those of the checks that were put again while it lived, wrapped: ``detail`` has the
``mutant``, the ``check``, and the ``op`` and ``detail`` the check wrote. The control is every check without a mutant,
before the first and after the last: it must pass, or a FAIL in between would show nothing, and it shows that what was
opened was closed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sim.checks.edge_observations import PODS
from sim.checks.walls import CANARY
from sim.history import Observation, Outcome, only
from sim.scenario import Evidence
from sim.verdict import Status, Verdict, failed, passed, unknown

MUTANT = "mutant"
"""One mutant's life: ``name``, ``operator`` (what kind of opening it is); OK when the server acknowledged it."""
SEEN = "seen"
EQUIVALENT = "equivalent"
"""``names``: changes that no answer can show, because something else decides the same; they are not counted."""
BEFORE, AFTER = "before any mutant", "after the last mutant"


# What a check wrote once, at the control, and every mutant's judgement needs: that the probe sees, and whom it sees.
_CARRIED = frozenset({CANARY, PODS})


class Fate(StrEnum):
    KILLED = "noticed"
    SURVIVED = "not noticed"
    OPEN = "not shown"


@dataclass(frozen=True, slots=True)
class Mutations:
    """``checks`` are the judges by the name of their scenario."""

    checks: Mapping[str, Callable[[Evidence], Verdict]]

    def __call__(self, evidence: Evidence) -> Verdict:
        seen = by_mutant(evidence.observations)
        unfit = [line for phase in (BEFORE, AFTER) for line in self._unfit(evidence, phase, seen.get(phase, {}))]
        controls = {
            check: [o for o in observations if o.op in _CARRIED] for check, observations in seen.get(BEFORE, {}).items()
        }
        fates: dict[str, Fate] = {}
        operators: dict[str, str] = {}
        noticed: dict[str, str] = {}
        for life in only(evidence.observations, MUTANT):
            name = str(life.detail.get("name", ""))
            operators[name] = str(life.detail.get("operator", ""))
            fates[name], noticed[name] = self._fate(evidence, life, seen.get(name, {}), controls)
        equivalent = [str(name) for o in only(evidence.observations, EQUIVALENT) for name in o.detail.get("names", ())]
        return _verdict(fates, operators, noticed, unfit, equivalent)

    def _unfit(self, evidence: Evidence, phase: str, seen: Mapping[str, list[Observation]]) -> list[str]:
        """Why the checks without a mutant do not serve as a control."""
        lines = []
        for check, judge in self.checks.items():
            verdict = judge(replace(evidence, observations=tuple(seen.get(check, ()))))
            if verdict.status is not Status.PASS:
                lines.append(f"{check} {phase}: {verdict.status}: {verdict.reason}")
        return lines

    def _fate(
        self,
        evidence: Evidence,
        life: Observation,
        seen: Mapping[str, list[Observation]],
        controls: Mapping[str, list[Observation]],
    ) -> tuple[Fate, str]:
        """The fate, and who noticed or why it is open."""
        if life.outcome is not Outcome.OK:
            return Fate.OPEN, str(life.detail.get("message", ""))
        verdicts = {
            check: self.checks[check](replace(evidence, observations=(*controls.get(check, ()), *observations)))
            for check, observations in seen.items()
            if check in self.checks
        }
        for check, verdict in verdicts.items():
            if verdict.status is Status.FAIL:
                return Fate.KILLED, f"{check}: {verdict.reason}"
        silent = [o for observations in seen.values() for o in observations if o.outcome is Outcome.UNSURE]
        if silent or not verdicts:
            return Fate.OPEN, f"no answer from {silent[0].target}" if silent else "no check was put again"
        return Fate.SURVIVED, ", ".join(verdicts)


def by_mutant(observations: Iterable[Observation]) -> Mapping[str, dict[str, list[Observation]]]:
    """Mutant, or phase of the control → check → its observations, unwrapped."""
    found: dict[str, dict[str, list[Observation]]] = {}
    for o in only(observations, SEEN):
        inner = replace(o, op=str(o.detail.get("op", "")), detail=dict(o.detail.get("detail", {})))
        checks = found.setdefault(str(o.detail.get("mutant", "")), {})
        checks.setdefault(str(o.detail.get("check", "")), []).append(inner)
    return found


def _verdict(
    fates: Mapping[str, Fate],
    operators: Mapping[str, str],
    noticed: Mapping[str, str],
    unfit: list[str],
    equivalent: list[str],
) -> Verdict:
    total, tally = len(fates), Counter(fates.values())
    score = 100.0 * tally[Fate.KILLED] / total if total else 0.0
    numbers = {
        "mutants": float(total),
        "noticed": float(tally[Fate.KILLED]),
        "survivors": float(tally[Fate.SURVIVED]),
        "score_percent": round(score, 2),
        **({"equivalent": float(len(equivalent))} if equivalent else {}),
    }
    survivors = [f"{name}: put again {noticed[name]}, all was well" for name in fates if fates[name] is Fate.SURVIVED]
    doubts = [f"{name}: not shown: {noticed[name]}" for name in fates if fates[name] is Fate.OPEN]
    lines = (*unfit, *survivors, *doubts)
    if not fates:
        return unknown("no mutant was tried", *lines, numbers=numbers)
    if unfit:
        return unknown(f"the control does not hold: {unfit[0]}", *lines, numbers=numbers)
    if survivors:
        return failed(f"{len(survivors)} of {total} mutants were not noticed: {survivors[0]}", *lines, numbers=numbers)
    if doubts:
        return unknown(f"{len(doubts)} of {total} mutants were not shown: {doubts[0]}", *lines, numbers=numbers)
    kinds = Counter(operators.values())
    return passed(
        f"all {total} mutants were noticed: score 100 %",
        *(f"{kind}: {count} of {count} noticed" for kind, count in sorted(kinds.items())),
        *(f"not counted, for nothing would change: {name}" for name in equivalent),
        numbers=numbers,
    )
