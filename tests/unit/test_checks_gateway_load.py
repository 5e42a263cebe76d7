"""What users are promised, judged on spoiled histories: surely kept, surely broken, or nothing that can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from sim.checks.gateway_load import judge_gateway
from sim.checks.load_history import CONTROL, INTERVAL, MEASURED, SEGMENT, WARM_UP
from sim.histogram import Latencies
from sim.history import Observation, Outcome
from sim.images.model import ResolvedImage
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict
from tests.unit.load_histories import gateway_run, segment, stall, without

_TOPOLOGY = load_topology()


def _judged(observations: Iterable[Observation]) -> Verdict:
    images: dict[str, ResolvedImage] = {}
    return judge_gateway(Evidence(tuple(observations), _TOPOLOGY, "development", images))


def test_a_promise_kept_passes_with_its_numbers() -> None:
    """Percentiles, rates, errors, burn and the generator's own state are all on record."""
    verdict = _judged(gateway_run())
    assert verdict.status is Status.PASS, verdict.evidence
    numbers = verdict.numbers
    assert numbers["p99_ms"] == pytest.approx(20, rel=0.01)
    assert numbers["p99_upper_ms"] < 1000
    assert (numbers["achieved_per_s"], numbers["offered_per_s"], numbers["burn_rate"]) == (40, 40, 0)
    assert numbers["control_stall_ms"] == pytest.approx(1000)


def test_an_empty_history_is_unknown() -> None:
    """Nothing seen, nothing shown."""
    assert _judged([]).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ({"slow": 40}, "99th percentile is above 1000 ms"),
        ({"latency_s": 1.2}, "99th percentile is above 1000 ms"),
        ({"errors": 40}, "surely more than 1 %"),
        ({"errors": 799}, "surely more than 1 %"),
    ],
)
def test_a_promise_surely_broken_fails(measured: dict[str, float], reason: str) -> None:
    """One request in twenty too slow, or wrong, is beyond what chance explains."""
    verdict = _judged(gateway_run(**measured))
    assert verdict.status is Status.FAIL, verdict.evidence
    assert reason in " ".join(verdict.evidence)


def test_a_page_worthy_burn_is_said() -> None:
    """The SRE workbook's fast burn: 14.4 times the budget."""
    verdict = _judged(gateway_run(errors=160))
    assert verdict.numbers["burn_rate"] == pytest.approx(20)
    assert any("burns 20.0 times" in line for line in verdict.evidence)


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        ({"slow": 8}, "inconclusive: a 99th percentile of"),
        ({"errors": 6}, "inconclusive: 6 errors of 800"),
        ({"rate_per_s": 5}, "more samples would tell"),
        ({"cpu_share": 0.81}, "generator saturated: it used 81 %"),
        ({"unsent": 2}, "2 of 800 requests were never sent"),
        ({"late_p99_s": 0.2}, "200 ms late"),
        ({"seconds": 5}, "never settled"),
    ],
)
def test_what_cannot_be_told_is_unknown(measured: dict[str, float], reason: str) -> None:
    """Near the bound, too few, or by a generator that could not keep up."""
    verdict = _judged(gateway_run(**measured))
    assert verdict.status is Status.UNKNOWN, verdict.evidence
    assert reason in " ".join(verdict.evidence)


@pytest.mark.parametrize("trouble", [{"cpu_share": 0.95}, {"unsent": 400}, {"late_p99_s": 2.0}])
@pytest.mark.parametrize("broken", [{}, {"slow": 400}, {"errors": 400}])
def test_a_starved_generator_neither_passes_nor_blames(trouble: dict[str, float], broken: dict[str, float]) -> None:
    """However good or bad what it saw looks, it saw itself."""
    assert _judged(gateway_run(**trouble, **broken)).status is Status.UNKNOWN


@pytest.mark.parametrize(
    "spoil",
    [
        lambda seen: without(seen, op=SEGMENT, name=MEASURED),
        lambda seen: without(seen, op=SEGMENT, name=WARM_UP),
        lambda seen: without(seen, op=SEGMENT, name=CONTROL),
        lambda seen: without(seen, op=INTERVAL, segment=MEASURED),
        lambda seen: without(seen, op="fault"),
        lambda seen: [*without(seen, op="fault"), *stall(outcome=Outcome.FAILED)],
        lambda seen: [*without(seen, op=SEGMENT, name=CONTROL), *segment(CONTROL, seconds=4)],
    ],
)
def test_a_hole_in_the_evidence_is_no_pass(spoil: Callable[[list[Observation]], list[Observation]]) -> None:
    """Each segment and the control is needed; a latency blind to a stall proves nothing."""
    assert _judged(spoil(gateway_run())).status is Status.UNKNOWN


def test_the_start_is_not_measured() -> None:
    """Seconds before the answers' rate settled are cut off, however slow."""
    seen = gateway_run()
    slow = Latencies([5.0] * 40).encoded()
    starting = [
        replace(o, detail={**o.detail, "answered": 3, "hdr": slow})
        if o.op == INTERVAL and o.detail["segment"] == MEASURED and o.detail["at_s"] < 4
        else o
        for o in seen
    ]
    verdict = _judged(starting)
    assert verdict.status is Status.PASS, verdict.evidence
    assert verdict.numbers["warm_up_s"] == 4
