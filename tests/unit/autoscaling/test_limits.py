"""How far one step may go, case by case as Kubernetes' own tests have it.

Source: kubernetes/kubernetes, ``pkg/controller/podautoscaler/horizontal_test.go``: ``TestScalingWithRules``,
``TestConvertDesiredReplicasWithRules``, ``TestCalculateScaleUpLimitWithScalingRules`` and its counterpart down.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sim.autoscaling.limits import Change, Log, bounded_by_behaviour, bounded_by_old_rules, down_limit, up_limit
from sim.autoscaling.model import DEFAULT_SCALE_DOWN, DEFAULT_SCALE_UP, Behaviour, Policy, Rules, Select, Spec

_NOW_S = 10_000.0


def _rules(pods: int, pods_period: int, percent: int, percent_period: int, window: int = 0) -> Rules:
    policies = [Policy(pods_period, pods=pods)] if pods else []
    policies += [Policy(percent_period, percent=percent)] if percent else []
    return Rules(window, tuple(policies))


def _spread(changes: tuple[int, ...], period_s: float = 120.0) -> list[Change]:
    """Each in the middle of its equal part of the period that ends now."""
    part_s = period_s / len(changes) if changes else 0.0
    return [Change(_NOW_S - period_s + part_s * (i + 0.5), change) for i, change in enumerate(changes)]


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    current: int
    desired: int
    least: int
    most: int
    expected: int
    reason: str
    up: Rules = DEFAULT_SCALE_UP
    down: Rules = DEFAULT_SCALE_DOWN
    ups: tuple[int, ...] = ()
    downs: tuple[int, ...] = ()


_WITHIN, _FEW, _MANY, _UP, _DOWN = (
    "DesiredWithinRange",
    "TooFewReplicas",
    "TooManyReplicas",
    "ScaleUpLimit",
    "ScaleDownLimit",
)
_THREE = (1, 5, 9)
_FOUR = (8, 12, 9, 11)

_CASES = (
    _Case("within range", 5, 7, 3, 8, 7, _WITHIN),
    _Case("below the minimum", 3, 1, 2, 8, 2, _FEW),
    _Case("none at a minimum of none", 1, 0, 0, 10, 0, _WITHIN),
    _Case("above the maximum", 20, 1000, 1, 10, 10, _MANY),
    _Case("far above the maximum", 100, 1000, 100, 150, 150, _MANY),
    _Case("one per cent up", 3, 1000, 1, 2000, 4, _UP, up=_rules(0, 0, 1, 60)),
    _Case("20 pods down", 1000, 3, 3, 2000, 980, _DOWN, down=_rules(20, 60, 0, 0)),
    _Case("default up", 10, 50, 1, 1000, 20, _UP),
    _Case("pods over per cent", 10, 500, 1, 1000, 110, _UP, up=_rules(100, 60, 100, 60)),
    _Case("per cent over pods", 10, 500, 1, 1000, 20, _UP, up=_rules(2, 60, 100, 60)),
    _Case("large pod policy", 10, 50, 1, 1000, 50, _WITHIN, up=_rules(100, 60, 0, 0)),
    _Case("larger pod policy", 10, 50, 1, 1000, 50, _WITHIN, up=_rules(10000, 60, 0, 0)),
    _Case("pod policy limits", 10, 50, 1, 1000, 40, _UP, up=_rules(30, 60, 0, 0)),
    _Case("per cent policy limits", 10, 50, 1, 1000, 30, _UP, up=_rules(0, 0, 200, 60)),
    _Case("down, pods over per cent", 100, 2, 1, 1000, 80, _DOWN, down=_rules(20, 60, 1, 60, 300)),
    _Case("down, few pods", 100, 2, 1, 1000, 98, _DOWN, down=_rules(2, 60, 1, 60, 300)),
    _Case("down to the minimum", 10, 0, 1, 1000, 1, _FEW, down=_rules(100, 60, 0, 0, 300)),
    _Case("down, minimum of 5", 10, 2, 5, 1000, 5, _FEW, down=_rules(0, 0, 100, 60, 300)),
    _Case("down, pod policy limits", 10, 2, 1, 1000, 5, _DOWN, down=_rules(5, 60, 0, 0, 300)),
    _Case("down, per cent allows", 10, 5, 1, 1000, 5, _WITHIN, down=_rules(0, 0, 50, 60, 300)),
    _Case("up with events, maximum", 100, 500, 1, 200, 200, _MANY, up=_rules(300, 60, 0, 0), ups=_THREE),
    _Case("up with events, per cent", 100, 500, 1, 200, 200, _MANY, up=_rules(0, 0, 10000, 60), ups=_THREE),
    _Case("too many events to go on", 100, 500, 1, 1000, 100, _UP, up=_rules(5, 120, 0, 0), ups=_THREE),
    _Case("pods after events", 100, 500, 1, 1000, 235, _UP, up=_rules(150, 120, 0, 0), ups=_THREE),
    _Case("per cent after events", 100, 500, 1, 1000, 255, _UP, up=_rules(0, 0, 200, 120), ups=_THREE),
    _Case("default down with events", 10, 5, 1, 1000, 5, _WITHIN, downs=_THREE),
    _Case("down with events, to 1", 100, 0, 1, 1000, 1, _FEW, down=_rules(115, 120, 0, 0, 300), downs=_THREE),
    _Case("down with events, to 5", 100, 0, 5, 1000, 5, _FEW, down=_rules(130, 120, 0, 0, 300), downs=_THREE),
    _Case("down with events, all", 100, 2, 5, 1000, 5, _FEW, down=_rules(0, 0, 100, 120, 300), downs=_THREE),
    _Case("too many events down", 100, 2, 1, 1000, 100, _DOWN, down=_rules(5, 120, 0, 0, 300), downs=_THREE),
    _Case("half after events", 100, 0, 1, 1000, 56, _DOWN, down=_rules(0, 0, 50, 120, 300), downs=(2, 4, 6)),
    _Case("a tenth, already gone", 100, 0, 1, 1000, 100, _DOWN, down=_rules(0, 0, 10, 120, 300), downs=(10, 10, 10)),
    _Case("more than all", 10, 5, 1, 1000, 5, _WITHIN, down=_rules(0, 0, 1000, 120, 300), downs=(10, 10, 10)),
    _Case("one policy up", 100, 200, 1, 1000, 200, _WITHIN, up=_rules(1000, 60, 0, 0), ups=_FOUR),
    _Case("two policies up", 100, 200, 1, 1000, 200, _WITHIN, up=_rules(1000, 120, 100, 60), ups=_FOUR),
    _Case("short policy up", 100, 200, 1, 1000, 200, _WITHIN, up=_rules(1000, 30, 100, 60), ups=_FOUR),
    _Case("one policy down", 100, 5, 1, 1000, 5, _WITHIN, down=_rules(1000, 60, 0, 0, 300), downs=_FOUR),
    _Case("two policies down", 100, 5, 1, 1000, 5, _WITHIN, down=_rules(1000, 120, 100, 60, 300), downs=_FOUR),
    _Case("short policy down", 100, 5, 1, 1000, 5, _WITHIN, down=_rules(1000, 30, 100, 60, 300), downs=_FOUR),
)


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_a_step_is_limited_as_kubernetes_does(case: _Case) -> None:
    """Replicas and reason as its tests expect them."""
    spec = Spec(case.least, case.most, (), Behaviour(case.up, case.down))
    log = Log(_spread(case.ups), _spread(case.downs))
    found = bounded_by_behaviour(case.current, case.desired, spec, log, now_s=_NOW_S)
    assert (found.replicas, found.reason) == (case.expected, case.reason)


@pytest.mark.parametrize(
    ("current", "desired", "least", "most", "expected", "reason"),
    [
        (5, 7, 3, 8, 7, _WITHIN),
        (3, 1, 2, 8, 2, _FEW),
        (1, 0, 0, 10, 0, _WITHIN),
        (20, 1000, 1, 10, 10, _MANY),
        (3, 1000, 1, 2000, 6, _UP),
        (1, 1000, 1, 2000, 4, _UP),
    ],
)
def test_without_a_behaviour_the_older_rules_hold(
    current: int, desired: int, least: int, most: int, *, expected: int, reason: str
) -> None:
    """Bounds, and a step to twice the replicas or to 4."""
    found = bounded_by_old_rules(current, desired, Spec(least, most, ()))
    assert (found.replicas, found.reason) == (expected, reason)


_MIN_OF_TWO = Rules(300, (Policy(60, pods=2), Policy(60, percent=50)), Select.MIN)


def test_the_most_cautious_policy_can_be_chosen() -> None:
    """One pod and half of it: 2; five pods less two or less half: 3."""
    assert up_limit(1, _MIN_OF_TWO, Log(), _NOW_S) == 2
    assert down_limit(5, _MIN_OF_TWO, Log(), _NOW_S) == 3


def test_a_direction_can_be_shut() -> None:
    """Disabled leaves what there is."""
    shut = Rules(0, (Policy(15, percent=100),), Select.DISABLED)
    assert up_limit(7, shut, Log(), _NOW_S) == 7
    assert down_limit(7, shut, Log(), _NOW_S) == 7


def test_fractions_are_binary_as_in_the_controller() -> None:
    """Ten per cent of 100 pods allow 111, because 100 x 1.1 is a little more than 110 there."""
    assert up_limit(100, _rules(0, 0, 10, 60), Log(), _NOW_S) == 111
