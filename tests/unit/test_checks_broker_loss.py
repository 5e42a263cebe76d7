"""A broker node's death under load, judged on made-up histories: when service was back, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from sim.checks.broker_loss import judge_broker_loss
from sim.histogram import Latencies
from sim.history import Observation, Outcome
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict
from tests.unit.load_histories import segment

_TOPOLOGY = load_topology()
_KILLED_S = 20.5


def _judged(observations: Iterable[Observation]) -> Verdict:
    return judge_broker_loss(Evidence(tuple(observations), _TOPOLOGY, "development", {}))


def _fault(outcome: Outcome = Outcome.OK) -> list[Observation]:
    return [
        Observation(t_s, "x", "fault", "fault", "rabbitmq-1", outcome, {"name": "kill -9", "phase": phase})
        for t_s, phase in ((_KILLED_S, "inject"), (_KILLED_S + 15, "heal"))
    ]


def _loss(bad: range = range(0), *, errors: bool = True, **changed: Any) -> list[Observation]:
    """40 a second for 45 s from second 10 on, the node dead at second 10.5 of it; ``bad`` seconds went wrong."""
    seen = segment("loaded", began_s=10.0, rate_per_s=40, seconds=45, **changed)
    return [
        *segment("step-40", rate_per_s=40, seconds=8),
        *segment("step-60", rate_per_s=60, seconds=8, slow=100),
        *(_spoiled(o, errors=errors) if o.op == "interval" and o.detail["at_s"] in bad else o for o in seen),
        *_fault(),
    ]


def _spoiled(o: Observation, *, errors: bool) -> Observation:
    if errors:
        return replace(o, detail={**o.detail, "errors": 20, "hdr": Latencies([0.02] * 20).encoded()})
    return replace(o, detail={**o.detail, "hdr": Latencies([2.5] * 40).encoded()})


@pytest.mark.parametrize("errors", [True, False])
def test_service_that_comes_back_passes_with_what_it_cost(errors: bool) -> None:
    """Four bad seconds: errors or slowness alike; the time is counted from the death."""
    verdict = _judged(_loss(range(11, 15), errors=errors))
    assert verdict.status is Status.PASS, verdict.evidence
    assert verdict.numbers["rto_s"] == pytest.approx(4.5)
    assert verdict.numbers["bad_seconds"] == 4


def test_nothing_noticed_is_a_recovery_of_no_time() -> None:
    """No second went wrong."""
    verdict = _judged(_loss())
    assert verdict.status is Status.PASS
    assert (verdict.numbers["rto_s"], verdict.numbers["burn_rate"]) == (0, 0)


def test_service_that_does_not_come_back_in_time_fails() -> None:
    """Half a minute is the bound."""
    assert _judged(_loss(range(11, 45))).status is Status.FAIL
    assert _judged(_loss(range(11, 42))).status is Status.FAIL


def test_errors_burn_the_budget() -> None:
    """The whole segment's errors against what is allowed."""
    verdict = _judged(
        _loss(errors=True) and [*_loss()[:-2], *_fault(), *segment("loaded", began_s=10, seconds=45, errors=90)]
    )
    assert verdict.numbers["burn_rate"] == pytest.approx(5.0)
    assert verdict.numbers["month_budget_percent"] > 0


def test_what_was_not_shown_is_unknown() -> None:
    """No load, no fault, a fault without effect, an unsteady start, no knee, a starved generator."""
    seen = _loss(range(11, 15))
    assert _judged([]).status is Status.UNKNOWN
    assert _judged([o for o in seen if o.op != "fault"]).status is Status.UNKNOWN
    assert _judged([*[o for o in seen if o.op != "fault"], *_fault(Outcome.FAILED)]).status is Status.UNKNOWN
    assert _judged([o for o in seen if o.detail.get("name") != "loaded"]).status is Status.UNKNOWN
    assert _judged(_loss(range(2, 9))).status is Status.UNKNOWN
    assert _judged([o for o in seen if not str(o.detail.get("name")).startswith("step")]).status is Status.UNKNOWN
    for changed in ({"cpu_share": 0.9}, {"unsent": 100}, {"late_p99_s": 1.0}):
        assert _judged(_loss(range(11, 45), **changed)).status is Status.UNKNOWN
