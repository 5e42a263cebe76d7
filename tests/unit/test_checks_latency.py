"""The throughput verdict against spoiled histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.checks.throughput import judge_throughput
from sim.history import Observation, Outcome
from sim.verdict import Status
from tests.unit.drill_histories import evidence, steady, without


def test_a_steady_stream_passes_with_its_numbers() -> None:
    """All confirmed in 5 ms: rate achieved, percentiles bounded, the control's stall seen."""
    verdict = judge_throughput(evidence(steady()))
    assert verdict.status is Status.PASS, verdict.reason
    assert verdict.numbers["achieved_per_s"] == verdict.numbers["offered_per_s"] == 100
    assert verdict.numbers["p99_ms"] == pytest.approx(5)
    assert verdict.numbers["control_max_ms"] == pytest.approx(995)


def test_a_starved_generator_is_not_held_against_the_platform() -> None:
    """A message sent two seconds late took two seconds, and how late it was sent shows whose fault that is."""
    late = [replace(o, detail={**o.detail, "latency_s": 0.001}) for o in steady(2.0)]
    verdict = judge_throughput(evidence(late))
    assert verdict.numbers["p99_ms"] == pytest.approx(2000)
    assert verdict.status is Status.UNKNOWN
    assert "generator was starved" in verdict.reason
    assert judge_throughput(evidence(steady(2.0))).status is Status.FAIL


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (steady(slow=dict.fromkeys(range(30), 1.5)), "99th percentile is above"),
        (
            [replace(o, outcome=Outcome.UNSURE) if o.detail.get("id") == "measured-3" else o for o in steady()],
            "not confirmed",
        ),
        (
            [replace(o, outcome=Outcome.FAILED) if o.detail.get("id") == "measured-3" else o for o in steady()],
            "not confirmed",
        ),
        ([*without(steady(), "stored"), replace(steady()[-1], detail={"messages": 900})], "900 lay in the queue"),
    ],
)
def test_slow_or_failing_publishes_fail(history: list[Observation], said: str) -> None:
    """A tail surely above a second fails, and so does a single message without its confirm."""
    verdict = judge_throughput(evidence(history))
    assert verdict.status is Status.FAIL, verdict.reason
    assert said in verdict.reason


def _control_max(seconds: float) -> list[Observation]:
    return [
        replace(o, t_s=float(o.detail["intended_s"]) + seconds) if o.op == "control-publish" else o for o in steady()
    ]


def _fault(phase: str, outcome: Outcome) -> list[Observation]:
    return [replace(o, outcome=outcome) if o.op == "fault" and o.detail["phase"] == phase else o for o in steady()]


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "nothing was measured"),
        (steady(count=0), "nothing was measured"),
        (without(steady(), "segment", name="measured"), "nothing was measured"),
        (without(steady(), "segment", name="warm-up"), "no warm-up"),
        (without(steady(), "stored"), "not counted"),
        (steady(cpu_share=0.95), "generator saturated: it used 95 %"),
        (steady(3.0, cpu_share=0.95), "generator saturated"),
        (steady(due=1010, unsent=10), "generator saturated: 10 of 1010"),
        (steady(due=1010), "1000 confirmed of 1010 due"),
        (steady(count=200), "inconclusive: 200 samples"),
        (steady(slow=dict.fromkeys(range(10), 1.5)), "inconclusive"),
        (_control_max(0.3), "blind to stalls"),
        (without(steady(), "control-publish"), "blind to stalls"),
        (without(steady(), "fault"), "control was not carried through"),
        (_fault("inject", Outcome.FAILED), "not seen to work"),
        (_fault("heal", Outcome.FAILED), "not seen to work"),
    ],
)
def test_what_cannot_be_told_is_unknown(history: list[Observation], said: str) -> None:
    """A busy generator, too few samples, a missing or unseen control: no verdict on the platform."""
    verdict = judge_throughput(evidence(history))
    assert verdict.status is Status.UNKNOWN, verdict.reason
    assert any(said in line for line in verdict.evidence)
