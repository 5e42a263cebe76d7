"""The verdict on entries written while their server died: spoiled histories, one way each, and a naive reading."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.checks.entries import CONTROL_INVENTORY, CONTROL_WRITE, INVENTORY, UNFINISHED, WRITE, Kept, judge_entries
from sim.history import Observation, Outcome
from sim.verdict import Status
from tests.unit.drill_histories import evidence, publish, seen, without

_KEPT = Kept("rows", control="without a log", unfinished=True)
_DEATH_S, _START_S = 10.0, 12.0
_IDS = [f"r-{n:03d}" for n in range(150)]


def _good(*, lost: tuple[str, ...] = (), more: tuple[str, ...] = (), broken: tuple[str, ...] = ()) -> list[Observation]:
    """A write every 100 ms from 5 s to 20 s, refused while the server is down, and all acknowledged ones found."""
    due = {entry: 5.0 + n / 10 for n, entry in enumerate(_IDS)}
    down = {entry for entry, t in due.items() if _DEATH_S <= t < _START_S + 1}
    fates = {entry: Outcome.FAILED if entry in down else Outcome.OK for entry in due}
    there = [entry for entry, fate in fates.items() if fate is Outcome.OK and entry not in {*lost, *broken}]
    control = [f"c-{n}" for n in range(10)]
    return [
        *(publish(WRITE, entry, t, outcome=fates[entry]) for entry, t in due.items()),
        seen(9.9, UNFINISHED, id="open-0"),
        seen(_DEATH_S, "fault", "db", name="kill -9", phase="inject", evidence="container exited"),
        seen(_START_S, "fault", "db", name="kill -9", phase="heal", evidence="serving"),
        seen(20.5, "load", of=WRITE, attempted=len(due), rate_per_s=10.0),
        seen(21.0, INVENTORY, whole=[*there, *more], broken=list(broken)),
        *(publish(CONTROL_WRITE, entry, 4.0) for entry in control),
        seen(4.5, "fault", "other", name="kill -9 (control)", phase="inject", evidence="container exited"),
        seen(4.6, "fault", "other", name="kill -9 (control)", phase="heal", evidence="serving"),
        seen(22.0, CONTROL_INVENTORY, whole=control[:4], broken=[]),
    ]


def test_all_there_and_nothing_else_passes() -> None:
    """Recovery is measured from the death; what the control lost is told."""
    verdict = judge_entries(_KEPT)(evidence(_good()))
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.numbers["lost"] == verdict.numbers["rpo_ms"] == 0
    # One write every 100 ms: back between the last that was refused and the next that was not.
    assert verdict.numbers["rto_resolution_ms"] == pytest.approx(50, abs=5)
    assert verdict.numbers["rto_ms"] == pytest.approx(3000, abs=verdict.numbers["rto_resolution_ms"])
    assert verdict.numbers["after_heal_ms"] == pytest.approx(1010, abs=20)
    assert verdict.numbers["control_lost"] == 6


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (_good(lost=("r-010",)), "1 acknowledged rows lost: r-010"),
        (_good(more=("ghost",)), "nobody wrote: ghost"),
        (_good(more=("open-0",)), "never finished: open-0"),
        (_good(more=("r-060",)), "that were refused: r-060"),
        (_good(broken=("r-011",)), "only half there: r-011"),
    ],
)
def test_what_is_lost_half_or_uncalled_for_fails_by_name(history: list[Observation], said: str) -> None:
    """Each by its id."""
    verdict = judge_entries(_KEPT)(evidence(history))
    assert verdict.status is Status.FAIL
    assert any(said in line for line in verdict.evidence), verdict.evidence


def test_a_loss_within_the_bound_passes_and_is_measured() -> None:
    """RPO is how far back the loss goes; a bound of half a second allows the last entries and no earlier one."""
    last = tuple(entry for entry in _IDS[45:50])
    bounded = replace(_KEPT, within_s=1.0)
    verdict = judge_entries(bounded)(evidence(_good(lost=last)))
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.numbers["rpo_ms"] == pytest.approx(490, abs=1)
    assert judge_entries(bounded)(evidence(_good(lost=_IDS[35:36] and ("r-035",)))).status is Status.FAIL


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "not seen"),
        (without(_good(), INVENTORY), "was not seen"),
        (without(_good(), "load"), "did not end well"),
        (without(_good(), "fault"), "no fault"),
        (without(_good(), UNFINISHED), "nothing was under way"),
        (without(_good(), CONTROL_INVENTORY), "can see loss"),
        (
            [
                o
                if o.op != CONTROL_INVENTORY
                else replace(o, detail={"whole": [f"c-{n}" for n in range(10)], "broken": []})
                for o in _good()
            ],
            "cannot see loss",
        ),
        ([o if o.op != "fault" else replace(o, outcome=Outcome.FAILED) for o in _good()], "not seen to work"),
    ],
)
def test_a_hole_in_the_evidence_is_unknown(history: list[Observation], said: str) -> None:
    """What was not shown is never a pass, and never held against the platform."""
    verdict = judge_entries(_KEPT)(evidence(history))
    assert verdict.status is Status.UNKNOWN, verdict.reason
    assert any(said in line for line in verdict.evidence), verdict.evidence


def test_a_simulated_loss_says_so() -> None:
    """Where the host loses nothing the rig cuts the end off, and the reader is told."""
    cut = [o if o.op != CONTROL_INVENTORY else replace(o, detail={**o.detail, "simulated": True}) for o in _good()]
    verdict = judge_entries(_KEPT)(evidence(cut))
    assert verdict.status is Status.PASS
    assert any("cut the end off" in line for line in verdict.evidence)


@settings(deadline=None, max_examples=60)
@given(
    st.sets(st.sampled_from(_IDS), max_size=20),
    st.sets(st.sampled_from(["ghost-1", "ghost-2"]), max_size=2),
)
def test_the_verdict_agrees_with_a_naive_reading(gone: set[str], ghosts: set[str]) -> None:
    """PASS exactly when what was acknowledged is there and nothing else is, read off by sets."""
    history = _good(lost=tuple(gone), more=tuple(ghosts))
    acknowledged = {o.detail["id"] for o in history if o.op == WRITE and o.outcome is Outcome.OK}
    verdict = judge_entries(_KEPT)(evidence(history))
    assert (verdict.status is Status.PASS) is (not acknowledged & gone and not ghosts)
    assert verdict.numbers["lost"] == len(acknowledged & gone)
    assert verdict.numbers["unexpected"] == len(ghosts)
