"""The knee and its cause on made-up histories: each kind of saturation is named, nothing without evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from sim.checks.knee import judge_knee
from sim.checks.saturation import causes, slow_by_itself
from sim.history import Observation
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict
from tests.unit.load_histories import observation, segment, step, without

_TOPOLOGY = load_topology()
_POOL = {"under_way": {"orders-service": 8.0}, "handling": {"orders-service": (400.0, 900.0)}}
_QUEUE = {"depth": {"products-service": 90}, "handling": {"products-service": (9.0, 1900.0)}}
_LIMIT = {"cores": {"auth-service-mysql": 0.48}, "limits": {"auth-service-mysql": (0.5, 0.0)}}
_GATEWAY_FULL: Mapping[str, Any] = {"cores": {"api-gateway": 0.95}}


def _judged(observations: Iterable[Observation]) -> Verdict:
    return judge_knee(Evidence(tuple(observations), _TOPOLOGY, "development", {}))


def _climb(broken: Mapping[str, Any] | None = None, first: Mapping[str, Any] | None = None) -> list[Observation]:
    """10 and 40 a second hold, 80 does not."""
    return [
        *segment("warm-up", seconds=3),
        *segment("step-10", began_s=4, rate_per_s=10, seconds=8),
        *step("step-10", **(first or {})),
        *segment("step-40", began_s=13, rate_per_s=40, seconds=8),
        *step("step-40"),
        *segment("step-80", began_s=22, rate_per_s=80, seconds=8, slow=100),
        *step("step-80", **(_GATEWAY_FULL if broken is None else broken)),
    ]


def test_a_knee_with_its_cause_passes() -> None:
    """The last rate that held, the first that did not, and who is at its end."""
    verdict = _judged(_climb())
    assert verdict.status is Status.PASS, verdict.evidence
    assert (verdict.numbers["knee_per_s"], verdict.numbers["broken_per_s"]) == (40, 80)
    assert verdict.evidence[0] == "named first: api-gateway (one core)"


@pytest.mark.parametrize(
    ("broken", "component", "sign"),
    [
        ({"limits": {"products-service": (0.1, 0.6)}}, "products-service", "CPU limit"),
        (
            {"cores": {"auth-service-mysql": 0.48}, "limits": {"auth-service-mysql": (0.5, 0.0)}},
            "auth-service-mysql",
            "CPU",
        ),
        ({"cores": {"orders-service": 0.9}}, "orders-service", "one core"),
        (
            {"under_way": {"orders-service": 8.0}, "handling": {"orders-service": (400.0, 900.0)}},
            "orders-service",
            "pool",
        ),
        (
            {"depth": {"products-service": 90}, "handling": {"products-service": (9.0, 1900.0)}},
            "products-service",
            "queue",
        ),
        ({"host": {"busy_share": 0.97, "run_queue": 9.0}}, "host CPU", "host CPU"),
        ({"host": {"disk_share": 0.5}}, "disk", "disk wait"),
    ],
)
def test_each_kind_of_saturation_is_named(broken: Mapping[str, Any], component: str, sign: str) -> None:
    """The component by name, with the numbers that show it."""
    named = causes(_climb(broken), "step-80")
    assert named[0].component == component, named
    assert sign in named[0].sign
    assert component in named[0].said
    assert _judged(_climb(broken)).status is Status.PASS


def test_the_sign_nearest_to_a_component_comes_first() -> None:
    """A machine that is busy as a whole tells less than a limit that bites."""
    named = causes(_climb({"limits": {"products-service": (0.1, 0.6)}, "host": {"busy_share": 0.97}}), "step-80")
    assert [cause.component for cause in named] == ["products-service", "host CPU"]


def test_a_service_that_sleeps_is_named_by_its_handlers() -> None:
    """50 ms a request off the CPU, where the others wait for 3: read from the first step, which saturates nothing."""
    first = {"handling": {"products-service": (54.0, 60.0)}}
    seen = _climb({"host": {"busy_share": 0.95}}, first)
    slow = slow_by_itself(seen, "step-10", 8.0)
    assert [cause.component for cause in slow] == ["products-service"]
    verdict = _judged(seen)
    assert verdict.status is Status.PASS
    assert verdict.evidence[0].startswith("named first: products-service (slow by itself)")


def test_a_database_held_back_is_named_in_place_of_its_service() -> None:
    """The handlers wait for it, and the kernel says that it may not; somebody else's limit explains nothing."""
    first = {"handling": {"orders-service": (90.0, 99.0)}, "cores": {"orders-service-mysql": 0.01}}
    held = _climb(first={**first, "limits": {"orders-service-mysql": (0.01, 0.6)}})
    assert _judged(held).evidence[0].startswith("named first: orders-service-mysql (CPU limit), ")
    other = {"auth-service-mysql": (0.01, 0.6)}
    seen = _climb(first={**first, "cores": {"auth-service-mysql": 0.01}, "limits": other})
    assert [cause.component for cause in slow_by_itself(seen, "step-10", 8.0)] == ["orders-service"]


def test_on_a_busy_machine_who_waits_for_it_looks_like_a_sleeper() -> None:
    """It is named all the same, and the doubt with it."""
    slept = {"handling": {"products-service": (54.0, 60.0)}}
    (quiet,) = slow_by_itself(_climb(first=slept), "step-10", 8.0)
    (busy,) = slow_by_itself(_climb(first={**slept, "host": {"busy_share": 0.99}}), "step-10", 8.0)
    assert "looks the same" in busy.said
    assert "looks the same" not in quiet.said


def test_a_sleeper_that_is_hardly_asked_is_not_named() -> None:
    """A handful of requests slows nobody, and is too few to say anything of."""
    first = {"handling": {"contacts-service": (54.0, 60.0)}, "requests": 4}
    assert slow_by_itself(_climb(first=first), "step-10", 8.0) == ()


def test_a_service_that_computes_is_not_said_to_sleep() -> None:
    """The same 54 ms a request, but on the CPU: 100 requests in 8 s are 0.675 of a core."""
    first = {"handling": {"products-service": (54.0, 60.0)}, "cores": {"products-service": 0.675}}
    assert slow_by_itself(_climb(first=first), "step-10", 8.0) == ()


def test_nothing_saturated_is_an_open_question() -> None:
    """The promise broke and nobody shows why: UNKNOWN, never a guess."""
    verdict = _judged(_climb({}))
    assert verdict.status is Status.UNKNOWN
    assert "cause cannot be told" in verdict.reason


def test_a_promise_broken_at_the_lowest_rate_fails() -> None:
    """Nothing is carried as promised."""
    seen = [*segment("step-10", rate_per_s=10, seconds=8, slow=20), *step("step-10", **_GATEWAY_FULL)]
    verdict = _judged(seen)
    assert verdict.status is Status.FAIL
    assert "at the lowest rate already" in verdict.reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"cpu_share": 0.9}, "generator saturated"), ({"unsent": 30}, "never sent"), ({"late_p99_s": 0.5}, "late")],
)
def test_a_generator_at_its_end_is_no_knee(changed: Mapping[str, float], reason: str) -> None:
    """What broke may be the instrument: neither PASS nor FAIL, also at the lowest rate."""
    seen = [o for o in _climb() if o.detail.get("name") != "step-80" and o.detail.get("segment") != "step-80"]
    verdict = _judged([*seen, *segment("step-80", rate_per_s=80, seconds=8, slow=100, **changed)])
    assert verdict.status is Status.UNKNOWN
    assert reason in " ".join(verdict.evidence)
    lowest = _judged([*segment("step-10", rate_per_s=10, seconds=8, slow=40, **changed), *step("step-10")])
    assert lowest.status is Status.UNKNOWN


def test_what_prometheus_scraped_is_told_beside() -> None:
    """The services the gateway waited longest for, as the platform's own monitoring has it."""
    scraped = [
        observation(40.0, "scraped", service, source="prometheus-0", requests=90.0, gateway_ms=ms)
        for service, ms in (("auth", 12.0), ("orders", 240.0))
    ]
    verdict = _judged([*_climb(), *scraped])
    assert any("waited longest for orders 240 ms (90), auth 12 ms" in line for line in verdict.evidence)
    assert verdict.status is Status.PASS


def test_no_evidence_is_unknown() -> None:
    """No steps; steps that never broke; a break without measurements."""
    assert _judged([]).status is Status.UNKNOWN
    assert _judged(_climb()[: -len(step("x")) - len(segment("x", seconds=8))]).status is Status.UNKNOWN
    for op in ("cores", "host"):
        assert _judged(without(_climb(), op=op, step="step-80")).status is not Status.FAIL
    bare = [o for o in _climb() if o.detail.get("step") != "step-80"]
    assert _judged(bare).status is Status.UNKNOWN
