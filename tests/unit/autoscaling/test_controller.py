"""The loop over time: windows, several metrics, bounds; and that it ends where the document's formula says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.autoscaling.controller import Controller
from sim.autoscaling.limits import Change
from sim.autoscaling.model import CPU, MEMORY, Behaviour, Pod, Rules, Spec, Target, Timing, Usage

_MINUTE = 60.0


def _pods(count: int, at_s: float = 0.0) -> list[Pod]:
    return [Pod(f"pod-{i}", {CPU: 1000, MEMORY: 1000}, started_s=at_s, ready_changed_s=at_s) for i in range(count)]


def _usage(levels: Sequence[int], now_s: float) -> dict[str, Usage]:
    return {f"pod-{i}": Usage(level, now_s) for i, level in enumerate(levels)}


def _using(
    now_s: float, count: int, cpu: int | None = None, memory: int | None = None
) -> Mapping[str, Mapping[str, Usage]]:
    seen = {CPU: cpu, MEMORY: memory}
    return {name: _usage([level] * count, now_s) for name, level in seen.items() if level is not None}


def _stabilised(recommended: list[tuple[int, float]], current: int, proposed: int, up_s: float, down_s: float) -> int:
    """What remains of a proposal, after recommendations so many minutes ago."""
    behaviour = Behaviour(Rules(up_s, ()), Rules(down_s, ()))
    controller = Controller(Spec(0, 10_000, (), behaviour))
    controller._recommendations = [Change(10_000 - minutes * _MINUTE, replicas) for replicas, minutes in recommended]
    return controller._stabilised(10_000, current, proposed)


@pytest.mark.parametrize(
    ("recommended", "current", "proposed", "up_s", "down_s", "expected"),
    [
        ([], 100, 5, 0, 0, 5),
        ([(4, 2), (5, 1)], 100, 3, 0, 180, 5),
        ([(4, 2), (5, 1)], 1, 7, 300, 0, 4),
        ([(1, 2), (2, 1)], 100, 3, 300, 0, 3),
        ([(4, 2), (5, 1)], 1, 3, 0, 300, 3),
        ([(10, 10), (9, 9)], 100, 3, 0, 0, 3),
        ([(10, 10), (9, 9)], 1, 100, 0, 0, 100),
        ([(10, 10), (4, 1), (5, 2), (9, 9)], 100, 3, 0, 180, 5),
        ([(10, 100), (6, 1), (5, 2), (9, 3)], 1, 100, 300, 0, 5),
    ],
)
def test_windows_choose_the_most_cautious_recommendation(
    recommended: list[tuple[int, float]], current: int, proposed: int, up_s: float, down_s: float, *, expected: int
) -> None:
    """``TestNormalizeDesiredReplicasWithBehavior`` of ``horizontal_test.go``."""
    assert _stabilised(recommended, current, proposed, up_s, down_s) == expected


@pytest.mark.parametrize(
    ("recommended", "expected"),
    [
        ([], 3),
        ([(4, 2), (5, 1)], 5),
        ([(1, 2), (2, 1)], 3),
        ([(10, 10), (9, 9)], 3),
        ([(10, 10), (4, 1), (5, 2), (9, 9)], 5),
    ],
)
def test_without_a_behaviour_the_five_minutes_window_holds(recommended: list[tuple[int, float]], expected: int) -> None:
    """``TestNormalizeDesiredReplicas`` of ``horizontal_test.go``, with a proposal of 3."""
    controller = Controller(Spec(0, 10_000, ()))
    controller._recommendations = [Change(10_000 - minutes * _MINUTE, replicas) for replicas, minutes in recommended]
    assert controller._stabilised(10_000, 100, 3) == expected


def test_the_highest_of_several_metrics_counts() -> None:
    """CPU would go down, memory up: up it goes, and both utilisations are told."""
    controller = Controller(Spec(1, 10, (Target(CPU, 70), Target(MEMORY, 80))))
    decision = controller.sync(1000, 3, _pods(3), _using(1000, 3, cpu=100, memory=1000))
    assert (decision.proposed, decision.desired) == (4, 4)
    assert decision.percents == {CPU: 10, MEMORY: 100}


def test_a_metric_that_cannot_be_told_forbids_scaling_down_and_not_up() -> None:
    """``TestNoScaleDownOneMetricEmpty`` and ``TestScaleUpOneMetricEmpty``."""
    both = (Target(CPU, 50), Target(MEMORY, 80))
    down = Controller(Spec(2, 6, both)).sync(1000, 5, _pods(5), {CPU: _usage((100, 300, 500, 250, 250), 1000)})
    assert (down.desired, down.reason) == (5, "FailedGetMetrics")
    up = Controller(Spec(2, 6, (Target(CPU, 30), both[1]))).sync(
        1000, 3, _pods(3), {CPU: _usage((300, 400, 500), 1000)}
    )
    assert up.desired == 4
    assert up.invalid == ("memory: no metrics for resource memory",)


def test_nothing_told_changes_nothing() -> None:
    """No metric at all: as many as there are."""
    decision = Controller(Spec(2, 6, (Target(CPU, 50),))).sync(1000, 4, _pods(4), {})
    assert (decision.desired, decision.proposed) == (4, None)


@pytest.mark.parametrize(("current", "expected"), [(1, 3), (20, 15), (0, 0)])
def test_bounds_hold_before_any_metric(current: int, expected: int) -> None:
    """Too few and too many are mended at once; none at all is scaling switched off."""
    decision = Controller(Spec(3, 15, (Target(CPU, 70),))).sync(1000, current, _pods(current), {})
    assert decision.desired == expected


def test_scaling_down_waits_out_the_window() -> None:
    """Load gone, the replicas stay for five minutes, and then all that are not needed go at once."""
    controller = Controller(Spec(3, 15, (Target(CPU, 70),)))
    current, went_at_s = 12, None
    for now_s in range(1000, 1600, 15):
        decision = controller.sync(now_s, current, _pods(current), _using(now_s, current, cpu=10))
        if decision.desired < current and went_at_s is None:
            went_at_s, current = now_s, decision.desired
    assert went_at_s is not None
    assert 300 <= went_at_s - 1000 <= 315
    assert current == 3


def test_time_passes_faster_in_a_drill() -> None:
    """Scaled 20 times, the same window ends after 15 s."""
    controller = Controller(Spec(1, 15, (Target(CPU, 70),)), Timing().scaled(20))
    desired = [controller.sync(s, 6, _pods(6, -1000), _using(s, 6, cpu=10)).desired for s in range(18)]
    assert desired[14] == 6
    assert desired[16] == 1


def test_scaling_up_doubles_step_by_step() -> None:
    """From 3 by the older rules, sync by sync, to what the load needs."""
    controller = Controller(Spec(3, 15, (Target(CPU, 70),)))
    current, seen = 3, []
    for now_s in range(1000, 1075, 15):
        level = 9800 // current  # 9.8 cores in all, shared evenly: 14 pods at 70 %
        current = controller.sync(now_s, current, _pods(current), _using(now_s, current, cpu=level)).desired
        seen.append(current)
    assert seen == [6, 12, 14, 14, 14]


@settings(max_examples=50, deadline=None)
@given(st.integers(100, 20_000), st.integers(1, 15), st.integers(1, 5), st.booleans())
def test_a_steady_load_ends_in_a_steady_number(total: int, start: int, least: int, behaved: bool) -> None:
    """Within bounds, within the tolerance of the target, or held by a bound; and it stays there."""
    spec = Spec(least, 15, (Target(CPU, 70),), Behaviour() if behaved else None)
    controller = Controller(spec)
    current, last = max(start, least), 0
    for step in range(60):
        now_s = 1000 + 15.0 * step
        last, current = (
            current,
            controller.sync(now_s, current, _pods(current), _using(now_s, current, cpu=total // current)).desired,
        )
    assert current == last
    percent = total // current * 100 // 1000
    if percent > 77:
        assert current == 15
    elif percent < 63:
        # One fewer would be above the target, or the floor holds.
        assert current == least or -(-current * percent // 70) >= current
