"""One resource's proposal, case by case as Kubernetes' own tests of its replica calculator have it.

Source: kubernetes/kubernetes, ``pkg/controller/podautoscaler/replica_calculator_test.go`` (the resource cases and the
grouping of pods; there with a 2 minutes' initialisation period and a 10 s readiness delay).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.autoscaling.model import CPU, MEMORY, MetricUnavailable, Phase, Pod, Target, Timing, Usage
from sim.autoscaling.replicas import Grouped, group, propose

_NOW_S = 100_000.0
_TIMING = Timing(cpu_initialisation_s=120.0, initial_readiness_delay_s=10.0)
_COOL_S = _NOW_S - 180.0
_HOT_S = _NOW_S


@dataclass(frozen=True, slots=True)
class _Case:
    """Requests are a core each unless given; ``ready`` and ``started_s`` by pod."""

    name: str
    current: int
    levels: tuple[int, ...]
    target: int
    expected: int
    percent: int
    ready: str = ""
    started_s: tuple[float, ...] = ()
    phases: str = ""
    deleting: str = ""
    requests: tuple[int, ...] = ()
    pods: int = 0


_PHASES = {"R": Phase.RUNNING, "F": Phase.FAILED, "P": Phase.PENDING}

_UNEVEN = (400, 200, 310, 290, 302, 298, 301, 299, 300, 300)

_CASES = (
    _Case("scale up", 3, (300, 500, 700), 30, 5, 50),
    _Case("unready pods lessen it", 3, (300, 500, 700), 30, 4, 60, ready="nyy"),
    _Case("starting pods lessen it", 3, (300, 500, 700), 30, 4, 60, started_s=(_HOT_S, _COOL_S, _COOL_S)),
    _Case("unready pods prevent it", 3, (400, 500, 700), 30, 3, 40, ready="ynn"),
    _Case("starting and unready", 3, (400, 500, 700), 30, 3, 40, ready="ynn", started_s=(_COOL_S, _HOT_S, _HOT_S)),
    _Case("failed pods are no pods", 2, (500, 700), 30, 4, 60, ready="yynn", phases="RRFF"),
    _Case("pods being deleted are no pods", 2, (500, 700), 30, 4, 60, ready="yynn", deleting="..xx"),
    _Case("scale down", 5, (100, 300, 500, 250, 250), 50, 3, 28),
    _Case("scale down without unready pods", 5, (100, 300, 500, 250, 250), 50, 2, 30, ready="yyynn"),
    _Case("scale down without unscheduled pods", 5, (100,), 50, 1, 10, ready="ynnnn", phases="RPPPP"),
    _Case(
        "scale down without starting pods",
        5,
        (100, 300, 500, 250, 250),
        50,
        2,
        30,
        started_s=(_COOL_S, _COOL_S, _COOL_S, _HOT_S, _HOT_S),
    ),
    _Case("scale down, failed pods", 5, (100, 300, 500, 250, 250), 50, 3, 28, ready="yyyyynn", phases="RRRRRFF"),
    _Case("scale down, deleted pods", 5, (100, 300, 500, 250, 250), 50, 3, 28, ready="yyyyynn", deleting=".....xx"),
    _Case("within the tolerance", 3, (1010, 1030, 1020), 100, 3, 102, requests=(900, 1000, 1100)),
    _Case("metrics of unknown pods", 4, (4000, 9500, 3000, 7000, 3200, 2000), 100, 24, 587, pods=4),
    _Case("missing metrics, scale down", 4, (400, 95), 100, 3, 24, pods=4),
    _Case("missing metrics, on target", 2, (1000,), 100, 2, 100, pods=2),
    _Case("missing metrics, above", 2, (1900,), 100, 2, 190, pods=2),
    _Case("missing metrics, below", 2, (600,), 100, 2, 60, pods=2),
    _Case("missing and unready", 3, (100, 450), 50, 3, 45, ready="nyy"),
    _Case("missing and starting", 3, (100, 450), 50, 3, 45, started_s=(_HOT_S, _COOL_S, _COOL_S)),
    _Case("missing and unready, scale up", 3, (100, 2000), 50, 4, 200, ready="nyy"),
    _Case(
        "missing and starting, scale up",
        3,
        (100, 2000),
        50,
        4,
        200,
        ready="nyy",
        started_s=(_HOT_S, _COOL_S, _COOL_S),
    ),
    _Case("missing and unready, scale down", 4, (100, 100, 100), 50, 3, 10, ready="nyyy"),
    _Case(
        "just beyond the tolerance",
        10,
        (150,) * 10,
        56,
        9,
        50,
        requests=(400, 200, 310, 290, 302, 298, 301, 299, 300, 300),
    ),
    _Case(
        "just within the tolerance",
        10,
        (150,) * 10,
        55,
        10,
        50,
        requests=(400, 200, 310, 290, 302, 298, 301, 299, 300, 300),
    ),
)


def _pods(case: _Case) -> list[Pod]:
    count = case.pods or max(len(case.ready), len(case.phases), len(case.started_s), len(case.levels))
    return [
        Pod(
            name=f"pod-{i}",
            requests_milli={CPU: case.requests[i] if case.requests else 1000},
            phase=_PHASES[case.phases[i]] if case.phases else Phase.RUNNING,
            ready=case.ready[i : i + 1] != "n",
            started_s=case.started_s[i] if case.started_s else 0.0,
            ready_changed_s=case.started_s[i] if case.started_s else 0.0,
            deleting=case.deleting[i : i + 1] == "x",
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_a_proposal_is_kubernetes_own(case: _Case) -> None:
    """Replicas and utilisation as its tests expect them."""
    usage = {f"pod-{i}": Usage(level, _NOW_S, 60.0) for i, level in enumerate(case.levels)}
    found = propose(case.current, Target(CPU, case.target), _pods(case), usage, timing=_TIMING, now_s=_NOW_S)
    assert (found.replicas, found.percent) == (case.expected, case.percent)


@pytest.mark.parametrize(
    ("pods", "usage", "said"),
    [
        ([Pod("a", {CPU: 1000})], {}, "no metrics for resource cpu"),
        ([], {"a": Usage(1, _NOW_S)}, "no pods"),
        ([Pod("a", {})], {"a": Usage(200, _NOW_S)}, "missing request for cpu"),
        ([Pod("a", {CPU: 1000})], {"older": Usage(100, _NOW_S)}, "matched known pods"),
        ([Pod("a", {CPU: 1000}, ready=False)], {"a": Usage(100, _NOW_S)}, "any ready pod"),
    ],
)
def test_what_cannot_be_told_is_no_proposal(pods: Sequence[Pod], usage: Mapping[str, Usage], said: str) -> None:
    """No metrics, no pods, no requests, metrics of others alone, none ready yet."""
    with pytest.raises(MetricUnavailable, match=said):
        propose(1, Target(CPU, 100), pods, usage, timing=_TIMING, now_s=_NOW_S)


def _grouped(*, ready: str = "", unready: str = "", missing: str = "") -> Grouped:
    return Grouped(frozenset(ready.split()), frozenset(unready.split()), frozenset(missing.split()))


def _pod(started: float | None, changed: float | None, *, ready: bool, phase: Phase = Phase.RUNNING) -> Pod:
    """Times in seconds before now."""
    return Pod(
        "p",
        {CPU: 1000, MEMORY: 1000},
        phase,
        ready=ready,
        started_s=None if started is None else _NOW_S - started,
        ready_changed_s=None if changed is None else _NOW_S - changed,
    )


@pytest.mark.parametrize(
    ("name", "pod", "usage", "resource", "expected"),
    [
        ("a ready pod, memory", _pod(0, None, ready=True), Usage(1, _NOW_S, 60), MEMORY, _grouped(ready="p")),
        ("no ready condition yet", _pod(0, None, ready=False), Usage(1, _NOW_S), CPU, _grouped(unready="p")),
        ("never started", _pod(None, 0, ready=True), Usage(1, _NOW_S), CPU, _grouped(unready="p")),
        ("fresh while it starts", _pod(60, 30, ready=True), Usage(1, _NOW_S, 30), CPU, _grouped(ready="p")),
        ("not fresh while it starts", _pod(60, 30, ready=True), Usage(1, _NOW_S, 60), CPU, _grouped(unready="p")),
        ("never ready", _pod(600, 594, ready=False), Usage(1, 0), CPU, _grouped(unready="p")),
        ("not fresh, long started", _pod(180, 180, ready=True), Usage(1, _NOW_S - 120, 60), CPU, _grouped(ready="p")),
        ("was ready once", _pod(600, 540, ready=False), Usage(1, 0), CPU, _grouped(ready="p")),
        ("readiness changed at the delay", _pod(600, 590, ready=False), Usage(1, 0), CPU, _grouped(ready="p")),
        ("no metric", _pod(180, 180, ready=True), None, CPU, _grouped(missing="p")),
        ("pending", _pod(None, None, ready=False, phase=Phase.PENDING), None, CPU, _grouped(unready="p")),
        ("failed", _pod(180, 180, ready=False, phase=Phase.FAILED), Usage(1, _NOW_S), CPU, _grouped()),
    ],
)
def test_pods_are_grouped_as_kubernetes_does(
    name: str, pod: Pod, usage: Usage | None, resource: str, expected: Grouped
) -> None:
    """By phase, by whether there is a metric, and for CPU by how they started."""
    assert group([pod], {"p": usage} if usage else {}, resource, _TIMING, _NOW_S) == expected, name


@given(st.integers(1, 50), st.integers(1, 2000), st.integers(1, 100))
def test_equal_pods_give_the_documented_formula(replicas: int, level: int, target: int) -> None:
    """ceil(replicas x utilisation / target), and no change within a tenth."""
    pods = [Pod(f"p{i}", {CPU: 1000}) for i in range(replicas)]
    usage = {pod.name: Usage(level, _NOW_S) for pod in pods}
    found = propose(replicas, Target(CPU, target), pods, usage, timing=_TIMING, now_s=_NOW_S)
    percent = level * 100 // 1000
    assert found.percent == percent
    if abs(1 - percent / target) <= 0.1:
        assert found.replicas == replicas
    else:
        # In binary fractions, as there: a whole number of pods may come out a little greater, and so one more.
        assert (found.replicas - 1) * target <= replicas * percent <= found.replicas * target
