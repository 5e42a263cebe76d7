"""A documented alert and its fault: a history written by hand, spoiled one way each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.checks.alerted import ALERT, TOLD, judge_alerted
from sim.history import Observation, Outcome
from sim.verdict import Status
from tests.unit.drill_histories import evidence, seen, without

_ALERT, _DATABASE = "DatabaseConnectionFailure", "orders-service-mysql"
_PROMETHEUS = ("prometheus-0", "prometheus-1")


def _history() -> list[Observation]:
    states = (("before", "inactive", 0.0), ("during", "firing", 75.0), ("after", "inactive", 20.0))
    return [
        *(
            seen(1, ALERT, name, phase=phase, state=state, after_s=s)
            for name in _PROMETHEUS
            for phase, state, s in states
        ),
        seen(2, "fault", _DATABASE, name="kill -9", phase="inject", evidence="container exited"),
        seen(80, "fault", _DATABASE, name="kill -9", phase="heal", evidence="serving"),
        *(seen(80, TOLD, "sink", status=status, channels=["email", "slack"]) for status in ("firing", "resolved")),
    ]


def _with(op: str, outcome: Outcome | None = None, *, where: dict[str, str], **detail: object) -> list[Observation]:
    return [
        replace(o, outcome=outcome or o.outcome, detail={**o.detail, **detail})
        if o.op == op and all(o.detail.get(k) == v or getattr(o, k, None) == v for k, v in where.items())
        else o
        for o in _history()
    ]


def test_an_alert_that_fired_was_told_and_cleared_passes() -> None:
    """With how long each took, by the slower of the two that evaluate it."""
    verdict = judge_alerted(_ALERT)(evidence(_history()))
    assert verdict.status is Status.PASS, verdict.reason
    assert (verdict.numbers["fired_after_ms"], verdict.numbers["cleared_after_ms"]) == (75_000, 20_000)
    assert verdict.numbers["lost"] == 0


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (_with(ALERT, where={"phase": "during", "target": "prometheus-1"}, state="pending"), "prometheus-1"),
        (_with(ALERT, where={"phase": "after"}, state="firing"), "was firing"),
        (_with(TOLD, where={"status": "firing"}, channels=["email"]), "slack was never told"),
        (_with(TOLD, where={"status": "resolved"}, channels=[]), "email, slack was never told"),
    ],
)
def test_an_alert_missed_untold_or_stuck_fails(history: list[Observation], said: str) -> None:
    """The server or the channel is named."""
    verdict = judge_alerted(_ALERT)(evidence(history))
    assert verdict.status is Status.FAIL
    assert any(said in line for line in verdict.evidence)


@pytest.mark.parametrize(
    "history",
    [
        [],
        without(_history(), "fault"),
        without(_history(), ALERT),
        without(_history(), TOLD),
        without(_history(), ALERT, phase="during"),
        _with(ALERT, where={"phase": "before"}, state="firing"),
        _with(ALERT, Outcome.UNSURE, where={"phase": "during"}),
        _with(TOLD, Outcome.UNSURE, where={"status": "firing"}),
    ],
)
def test_a_hole_in_the_evidence_is_unknown(history: list[Observation]) -> None:
    """An alert that fired before anything broke shows nothing either."""
    assert judge_alerted(_ALERT)(evidence(history)).status is Status.UNKNOWN
