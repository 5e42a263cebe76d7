"""Checks of the gateway and the services on histories written by hand: shares, traces, troubles, floods, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from sim.checks import flood, trouble
from sim.checks.contract import samples
from sim.checks.journey import PROBLEM
from sim.checks.refusals import BURST, DARK, Refusals
from sim.checks.replicas import SHARE, judge_replicas
from sim.checks.traces import TRACE, Traced
from sim.checks.trouble import DURING, HEALED, PROBE, Expected, judge_trouble
from sim.history import Observation, Outcome
from sim.runtime.fake.images import fake_images
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.topology.names import deployment_names
from sim.verdict import Status, Verdict, passed

_TOPOLOGY = load_topology()


def _seen(op: str, target: str = "api-gateway", outcome: Outcome = Outcome.OK, **detail: Any) -> Observation:
    return Observation(1.0, "s", "actor", op, target, outcome, detail)


def _judged(
    judge: Callable[[Evidence], Verdict], observations: Sequence[Observation], environment: str = "production"
) -> Verdict:
    return judge(Evidence(tuple(observations), _TOPOLOGY, environment, fake_images(_TOPOLOGY)))


def _shares(counts: Sequence[int]) -> list[Observation]:
    return [
        _seen(SHARE, service.name, pod=f"{service.name}-{number}", status=200)
        for service in _TOPOLOGY.services.values()
        for number, count in enumerate(counts)
        for _ in range(count)
    ]


def test_replicas_that_share_pass_and_an_idle_one_fails() -> None:
    """Each of three answers its share; one that answers none is named."""
    assert _judged(judge_replicas, _shares((20, 21, 19))).status is Status.PASS
    idle = _judged(judge_replicas, _shares((30, 30, 0)))
    assert idle.status is Status.FAIL
    assert "-2 answered 0 of 60" in idle.reason
    assert _judged(judge_replicas, []).status is Status.UNKNOWN


def test_a_service_nobody_asked_leaves_the_shares_open() -> None:
    """Twelve services that share prove nothing of the thirteenth."""
    name = _TOPOLOGY.services["auth"].name
    rest = [o for o in _shares((20, 20, 20)) if o.target != name]
    assert _judged(judge_replicas, rest).status is Status.UNKNOWN


def test_a_trace_is_found_everywhere_or_nothing_is_shown() -> None:
    """A log without the trace fails, a log that was not read is unknown."""
    judge = Traced(lambda _: passed("walked"), ("orders",))
    both = [_seen(TRACE, "api-gateway", lines=2), _seen(TRACE, "orders-service", lines=1)]
    assert _judged(judge, both).status is Status.PASS
    assert _judged(judge, [both[0], _seen(TRACE, "orders-service", lines=0)]).status is Status.FAIL
    assert _judged(judge, both[:1]).status is Status.UNKNOWN
    assert _judged(judge, []).status is Status.UNKNOWN


_EXPECTED = (Expected("cache", DURING, "browse", 200, 5.0), Expected("cache", HEALED, "browse", 200, 5.0))


def _trouble(during: int = 200, healed: int = 200, inject: Outcome = Outcome.OK) -> list[Observation]:
    fault = {"name": "kill -9 (cache)"}
    return [
        _seen("fault", "redis", inject, phase="inject", **fault),
        _seen(PROBE, trouble="cache", phase=DURING, probe="browse", status=during, after_s=0.5),
        _seen("fault", "redis", phase="heal", **fault),
        _seen(PROBE, trouble="cache", phase=HEALED, probe="browse", status=healed, after_s=2.5),
    ]


def test_trouble_is_ridden_out_or_not() -> None:
    """Who must go on and does not fails; so does who does not come back; the times are on record."""
    judge = judge_trouble(_EXPECTED)
    good = _judged(judge, _trouble())
    assert good.status is Status.PASS
    assert good.numbers["cache_healed_ms"] == 2500
    assert _judged(judge, _trouble(during=503)).status is Status.FAIL
    assert _judged(judge, _trouble(healed=503)).status is Status.FAIL


def test_trouble_that_was_not_seen_to_work_proves_nothing() -> None:
    """A fault without effect, silence, and a probe that was not tried leave the claim open."""
    judge = judge_trouble(_EXPECTED)
    assert _judged(judge, _trouble(inject=Outcome.FAILED)).status is Status.UNKNOWN
    assert _judged(judge, _trouble(during=0)).status is Status.UNKNOWN
    assert _judged(judge, _trouble()[:3]).status is Status.UNKNOWN
    assert _judged(judge, []).status is Status.UNKNOWN
    assert trouble.PROBE == PROBE


def _flood(**changed: Any) -> list[Observation]:
    values = {"sent": 10, "left": 0, "dead": 7, "answered": 2, "after": "t0", "well": Outcome.OK, **changed}
    owed = {flood.DEAD: 7, flood.ANSWERED: 2, flood.PASSED_OVER: 1, **values.get("owed", {})}
    pods = deployment_names(_TOPOLOGY)
    return [
        *(_seen(flood.POD, pod, phase="before", state="running", started_at="t0") for pod in pods),
        _seen(flood.FLOOD, "queues", ok=values["sent"], failed=0, unsure=0, **owed),
        _seen(flood.DRAINED, "orders-service", messages=values["left"]),
        _seen(flood.DRAINED, "dead letters", messages=0, dead=values["dead"]),
        _seen(flood.REPLIES, "answers", replies=values["answered"]),
        _seen(flood.WELL, "/api/orders", values["well"]),
        *(_seen(flood.POD, pod, phase="after", state="running", started_at=values["after"]) for pod in pods),
    ]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, Status.PASS),
        ({"after": "t1"}, Status.FAIL),
        ({"left": 3}, Status.FAIL),
        ({"dead": 0}, Status.FAIL),
        ({"dead": 6}, Status.FAIL),
        ({"dead": 8, "answered": 3}, Status.PASS),
        ({"answered": 1}, Status.FAIL),
        ({"owed": {flood.DEAD: 0}}, Status.UNKNOWN),
        ({"owed": {flood.ANSWERED: 0}}, Status.UNKNOWN),
        ({"well": Outcome.FAILED}, Status.FAIL),
        ({"sent": 9}, Status.UNKNOWN),
        ({"left": -1}, Status.UNKNOWN),
    ],
)
def test_a_flood_is_survived_or_not(changed: dict[str, Any], status: Status) -> None:
    """A restart, a full queue, one message lost or unanswered, a shop that stops: each fails. No flood is unknown."""
    assert _judged(flood.judge_flood(10), _flood(**changed), "development").status is status


def test_a_flood_nobody_saw_is_unknown() -> None:
    """Neither an empty history nor one without the pods proves anything."""
    assert _judged(flood.judge_flood(10), [], "development").status is Status.UNKNOWN
    for op in (flood.POD, flood.DRAINED, flood.REPLIES, flood.WELL):
        unseen = [o for o in _flood() if o.op != op]
        assert _judged(flood.judge_flood(10), unseen, "development").status is Status.UNKNOWN


def _refusals(*answers: tuple[str, int, str, str]) -> Verdict:
    seen = [_seen(op, status=s, content_type=kind, retry_after=wait) for op, s, kind, wait in answers]
    return _judged(Refusals(lambda _: passed("walked")), seen, "development")


def test_bursts_and_silent_services_are_refused_as_agreed() -> None:
    """429 for too many, 504 then 503 for a silent service, each as a problem that says when to come back."""
    burst, late, now = (BURST, 429, PROBLEM, "1"), (DARK, 504, PROBLEM, ""), (DARK, 503, PROBLEM, "1")
    assert _refusals(burst, late, now).status is Status.PASS
    assert _refusals((BURST, 401, PROBLEM, ""), late, now).status is Status.FAIL
    assert _refusals(burst, late).status is Status.FAIL
    assert _refusals(burst, late, (DARK, 503, "text/plain", "1")).status is Status.FAIL
    assert _refusals(burst, late, (DARK, 503, PROBLEM, "")).status is Status.FAIL
    assert _refusals(burst).status is Status.UNKNOWN
    assert _refusals(late, now).status is Status.UNKNOWN
    assert _refusals(burst, late, (DARK, 0, "", "")).status is Status.UNKNOWN


def test_a_page_of_metrics_is_read_by_name_and_label() -> None:
    """Comments, values and label values are left out."""
    page = '# TYPE a counter\na_total{route="x,y",status="200"} 1\na_total{route="z",status="5\\"00"} 2\nb 3\n'
    assert samples(page) == {"a_total": ("route", "status"), "b": ()}
