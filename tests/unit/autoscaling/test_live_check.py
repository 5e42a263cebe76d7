"""The verdict on a live autoscaler, against histories that are spoiled."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from sim.checks.autoscaling import CONDITIONS, LOAD, POD, SYNC, controller_for, judge_autoscaling, seen_by
from sim.checks.load_history import INTERVAL, SEGMENT
from sim.history import Observation, Outcome
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict

_TOPOLOGY = load_topology()
_CONDITIONS = {
    "service": "products",
    "deployment": "products-service",
    "scale": 7.5,
    "request_micro": 20_000,
    "memory_request_bytes": 2**28,
}
_BUSY_MICRO = 84_000  # six pods at 70 % of what each requests


def _seen(op: str, t_s: float, target: str = "products-service", **detail: Any) -> Observation:
    return Observation(t_s, "s", "rig", op, target, Outcome.OK, detail)


@functools.cache
def _history() -> tuple[Observation, ...]:
    """60 s of load and 60 s of quiet on pods that come at once, work alike and go when told."""
    controller = controller_for(_TOPOLOGY, "products", 7.5)
    current, born, history = 1, {0: -1e6}, [_seen(CONDITIONS, 0.0, **_CONDITIONS)]
    for number in range(60):
        at_s = 10 + 2.0 * number
        phase = LOAD if number < 30 else "quiet"
        pods = [
            {
                "name": f"p-{i}",
                "phase": "Running",
                "ready": True,
                "started_s": born[i],
                "ready_changed_s": born[i],
                "cpu_micro": (_BUSY_MICRO if phase == LOAD else 1000) // current,
                "memory_bytes": 2**25,
                "window_s": 2.0,
            }
            for i in range(current)
        ]
        sync = {"at_s": at_s, "current": current, "pods": pods, "phase": phase}
        decision = controller.sync(at_s, current, *seen_by(sync, _CONDITIONS))
        history.append(_seen(SYNC, at_s, **sync, desired=decision.desired))
        for i in range(current, decision.desired):
            born[i] = at_s + 1
            history.append(_seen(POD, at_s, f"p-{i}", what="created"))
            history.append(_seen(POD, at_s + 1, f"p-{i}", what="ready", after_s=1.0))
        current = decision.desired
    for name, due in ((LOAD, 900), ("quiet", 60)):
        history.append(_seen(SEGMENT, 130, name=name, due=due, errors={}, unsent=0, cpu_share=0.2))
    history.append(_seen(INTERVAL, 130, due=15, answered=15))
    return tuple(history)


def _judged(*observations: Observation) -> Verdict:
    return judge_autoscaling(Evidence(observations, _TOPOLOGY, "development", {}))


def _with(op: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Verdict:
    return _judged(*(replace(o, detail={**o.detail, **change(o.detail)}) if o.op == op else o for o in _history()))


def test_a_fleet_that_follows_the_table_passes_with_its_numbers() -> None:
    """From the floor of 3 up to about 6 and back, after the window."""
    verdict = _judged(*_history())
    assert verdict.status is Status.PASS, verdict
    assert verdict.numbers["floor"] == verdict.numbers["last"] == 3
    assert verdict.numbers["peak"] >= 6
    assert verdict.numbers["held_peak_s"] >= 40
    assert verdict.numbers["least_share_percent"] == pytest.approx(100, abs=1)


def test_requests_that_failed_fail_it() -> None:
    """One is enough: a replica that goes must finish what it has."""
    verdict = _with(SEGMENT, lambda d: {"errors": {"product: 504": 1}} if d["name"] == "quiet" else {})
    assert verdict.status is Status.FAIL
    assert "product: 504" in verdict.reason


def test_a_pod_that_does_nothing_fails_it() -> None:
    """Work that only some do is no scaling."""

    def lazy(detail: Mapping[str, Any]) -> Mapping[str, Any]:
        pods = [dict(p, cpu_micro=0 if p["name"] == "p-1" else p["cpu_micro"]) for p in detail["pods"]]
        return {"pods": pods}

    assert _with(SYNC, lazy).status is not Status.PASS
    shared = [o for o in _history() if o.op == SYNC]
    assert shared
    verdict = judge_autoscaling(Evidence(_lazy_but_decided(), _TOPOLOGY, "development", {}))
    assert verdict.status is Status.FAIL
    assert "not shared" in verdict.reason


def _lazy_but_decided() -> tuple[Observation, ...]:
    """One pod's work done by another: the sums, and so the decisions, are the same."""
    told = []
    for o in _history():
        if o.op == SYNC and len(o.detail["pods"]) > 1:
            pods = [dict(p) for p in o.detail["pods"]]
            pods[0]["cpu_micro"] += pods[1]["cpu_micro"]
            pods[1]["cpu_micro"] = 0
            told.append(replace(o, detail={**o.detail, "pods": pods}))
        else:
            told.append(o)
    return tuple(told)


def test_a_pod_that_never_becomes_ready_fails_it() -> None:
    """Asked for, there for long, and no answer."""
    assert _judged(*(o for o in _history() if o.detail.get("what") != "ready")).status is Status.FAIL


def test_a_rig_that_decides_otherwise_shows_nothing() -> None:
    """Every decision is taken again from what was known."""
    verdict = _with(SYNC, lambda d: {"desired": 12} if d["at_s"] == 30 else {})
    assert verdict.status is Status.UNKNOWN
    assert "the algorithm says" in verdict.reason


def test_a_load_that_takes_no_more_than_the_floor_shows_nothing() -> None:
    """And a watch that ends before the window did shows no way back."""
    idle = _with(SYNC, lambda d: {"pods": [dict(p, cpu_micro=10) for p in d["pods"]]})
    assert idle.status is Status.UNKNOWN
    early = _judged(*(o for o in _history() if o.op != SYNC or o.detail["at_s"] < 80))
    assert early.status is Status.UNKNOWN


@pytest.mark.parametrize("change", [{"cpu_share": 0.95}, {"unsent": 20}])
def test_a_starved_generator_is_no_pass(change: Mapping[str, float]) -> None:
    """What it lost is not the platform's."""
    assert _with(SEGMENT, lambda _: change).status is Status.UNKNOWN


def test_the_rigs_own_failures_are_not_the_platforms() -> None:
    """An engine that would not create a pod."""
    refused = Observation(12.0, "s", "rig", POD, "p-3", Outcome.FAILED, {"what": "create", "message": "no"})
    assert _judged(*_history(), refused).status is Status.UNKNOWN


def test_no_history_is_unknown() -> None:
    """Nor is half of one read as the whole."""
    assert _judged().status is Status.UNKNOWN
    assert _with(SYNC, lambda _: {"pods": [{}]}).status is Status.UNKNOWN
