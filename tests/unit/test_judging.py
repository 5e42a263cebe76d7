"""The laws above every judge: no evidence, the rig's own faults, stand-ins, and how results add up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sim.history import Observation, Outcome
from sim.images.model import ResolvedImage
from sim.judging import INTERRUPTED, RIG_FAULT, exit_code, judge, overall
from sim.plan.model import ServerKind
from sim.record import ScenarioResult
from sim.scenario import Evidence, Scenario
from sim.topology.model import Topology
from sim.verdict import Fidelity, Status, Verdict, failed, passed, unknown
from tests.unit.report_sample import sample_topology

Judge = Callable[[Evidence], Verdict]


@pytest.fixture(scope="module")
def topology() -> Topology:
    return sample_topology()


def _image(component: str, fidelity: Fidelity) -> ResolvedImage:
    return ResolvedImage(component, f"{component}:documented", "used", "sha256:1", "other", "1.0", fidelity)


def _seen(op: str = "ping", **detail: Any) -> Observation:
    return Observation(2.0, "conformance/x", "rig", op, "redis", Outcome.OK, detail)


def _scenario(judged: Judge, *needs: ServerKind, product_claim: bool = False) -> Scenario:
    return Scenario(
        "conformance/x", "It pings", "8", needs or ("redis",), lambda _: None, judged, product_claim=product_claim
    )


def _judged(
    topology: Topology,
    judged: Judge,
    *observations: Observation,
    fidelity: Fidelity = Fidelity.SAME_SOFTWARE,
    product_claim: bool = False,
) -> ScenarioResult:
    evidence = Evidence(observations, topology, "staging", {"redis": _image("redis", fidelity)})
    return judge(_scenario(judged, product_claim=product_claim), evidence)


def test_a_judge_is_believed_when_nothing_stands_against_it(topology: Topology) -> None:
    """PASS and FAIL on evidence come through with reason, evidence and numbers."""
    result = _judged(topology, lambda _: passed("it answered", "PONG", numbers={"ms": 3}), _seen())
    assert (result.verdict, result.reason, result.evidence, result.numbers) == (
        Status.PASS,
        "it answered",
        ("PONG",),
        {"ms": 3.0},
    )
    assert _judged(topology, lambda _: failed("silent"), _seen()).verdict is Status.FAIL


def test_an_empty_history_is_unknown_and_the_judge_is_not_asked(topology: Topology) -> None:
    """No observation is no evidence: even a judge that would pass everything cannot."""

    def never(_: Evidence) -> Verdict:
        raise AssertionError("asked without evidence")

    result = _judged(topology, never)
    assert result.verdict is Status.UNKNOWN
    assert result.reason.startswith("no evidence")


def test_an_exception_in_a_judge_is_the_rigs_mistake(topology: Topology) -> None:
    """A judge that breaks is UNKNOWN with its name and the error, never a crash, never the platform's failure."""

    def broken(_: Evidence) -> Verdict:
        raise KeyError("orders")

    result = _judged(topology, broken, _seen())
    assert result.verdict is Status.UNKNOWN
    assert result.reason == "the rig's own judge failed: conformance/x: KeyError: 'orders'"


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_none_is_the_rigs_mistake(topology: Topology, number: float) -> None:
    """A PASS with a p99 of NaN rests on nothing."""
    result = _judged(topology, lambda _: passed("fast", numbers={"p99_ms": number}), _seen())
    assert result.verdict is Status.UNKNOWN
    assert "p99_ms" in result.reason


def test_a_judge_without_an_answer_is_the_rigs_mistake(topology: Topology) -> None:
    """A judge that forgets to return is UNKNOWN."""
    result = _judged(topology, lambda _: None, _seen())  # type: ignore[arg-type,return-value]
    assert result.verdict is Status.UNKNOWN
    assert "NoneType" in result.reason


def test_a_fault_of_the_rig_forbids_a_pass(topology: Topology) -> None:
    """What the rig owns up to makes PASS into UNKNOWN and says why; a FAIL that was seen stays one."""
    fault = _seen(RIG_FAULT, message="prober died")
    result = _judged(topology, lambda _: passed("all well"), _seen(), fault)
    assert result.verdict is Status.UNKNOWN
    assert "prober died" in result.reason
    failing = _judged(topology, lambda _: failed("leaked"), _seen(), fault)
    assert failing.verdict is Status.FAIL
    assert any("prober died" in line for line in failing.evidence)


@pytest.mark.parametrize("judged", [passed("all well"), failed("never came back")])
def test_what_was_cut_short_is_neither_pass_nor_fail(topology: Topology, judged: Verdict) -> None:
    """Ctrl-C in the middle of a drill: what had not come back yet had no time to; the judge's word is kept."""
    result = _judged(topology, lambda _: judged, _seen(), _seen(RIG_FAULT, message=INTERRUPTED))
    assert result.verdict is Status.UNKNOWN
    assert any(judged.reason in line for line in result.evidence)


def test_nothing_but_a_fault_of_the_rig_is_unknown(topology: Topology) -> None:
    """A rehearsal that broke before it saw anything is UNKNOWN with the fault, whatever the judge would say."""
    result = _judged(topology, lambda _: failed("no pong"), _seen(RIG_FAULT, message="disk full"))
    assert result.verdict is Status.UNKNOWN
    assert "disk full" in result.reason


@pytest.mark.parametrize("judged", [passed("a console"), failed("no console"), unknown("?")])
def test_a_stand_in_shows_nothing_about_a_product(topology: Topology, judged: Verdict) -> None:
    """A claim about the product itself is UNKNOWN on a stand-in, whatever was judged, and beyond its fidelity."""
    result = _judged(topology, lambda _: judged, _seen(), fidelity=Fidelity.STAND_IN, product_claim=True)
    assert result.verdict is Status.UNKNOWN
    assert result.beyond_fidelity
    assert result.reason == "stand-in: other 1.0 for redis:documented"
    assert judged.reason in result.evidence[0]


def test_a_protocol_claim_stands_on_a_stand_in(topology: Topology) -> None:
    """A claim about the protocol passes and fails there, with its fidelity beside it."""
    for verdict in (passed("obeyed"), failed("not obeyed")):
        result = _judged(topology, lambda _, v=verdict: v, _seen(), fidelity=Fidelity.STAND_IN)  # type: ignore[misc]
        assert (result.verdict, result.fidelity) == (verdict.status, Fidelity.STAND_IN)
        assert not result.beyond_fidelity


def test_a_judge_may_say_that_another_version_cannot_show_it(topology: Topology) -> None:
    """An UNKNOWN beyond fidelity is kept where another build ran, and counts where the documented image did."""
    beyond = Verdict(Status.UNKNOWN, "9.7 has no such flag", beyond_fidelity=True)
    assert _judged(topology, lambda _: beyond, _seen()).beyond_fidelity
    assert not _judged(topology, lambda _: beyond, _seen(), fidelity=Fidelity.DOCUMENTED).beyond_fidelity


@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL])
def test_only_an_unknown_can_be_beyond_fidelity(topology: Topology, status: Status) -> None:
    """A FAIL cannot be hidden from the exit code by calling it beyond fidelity."""
    result = _judged(topology, lambda _: Verdict(status, "x", beyond_fidelity=True), _seen())
    assert (result.verdict, result.beyond_fidelity) == (status, False)


def test_fidelity_is_the_furthest_of_what_the_scenario_needs(topology: Topology) -> None:
    """The images of other kinds do not matter, and the rig's own instrument is none of the document's."""
    images = {
        "redis": _image("redis", Fidelity.DOCUMENTED),
        "alertmanager": _image("alertmanager", Fidelity.SAME_SOFTWARE),
        "alert-sink": _image("alert-sink", Fidelity.STAND_IN),
        "object-store": _image("object-store", Fidelity.STAND_IN),
    }
    evidence = Evidence((_seen(),), topology, "staging", images)

    def fidelity(*needs: ServerKind) -> Fidelity:
        return judge(_scenario(lambda _: passed("x"), *needs), evidence).fidelity

    assert fidelity("redis") is Fidelity.DOCUMENTED
    assert fidelity("alertmanager", "alert-sink") is Fidelity.SAME_SOFTWARE
    assert fidelity("redis", "object-store") is Fidelity.STAND_IN


def test_services_are_as_near_as_the_furthest_of_their_images(topology: Topology) -> None:
    """One stand-in among real services makes a stand-in; none left, the real images speak; so for the gateway."""
    real = _image("service:orders-service", Fidelity.DOCUMENTED)
    mixed = {"service": _image("service", Fidelity.STAND_IN), "service:orders-service": real}

    def judged(images: Mapping[str, ResolvedImage], *needs: ServerKind, product: bool = False) -> ScenarioResult:
        scenario = _scenario(lambda _: passed("x"), *needs, product_claim=product)
        return judge(scenario, Evidence((_seen(),), topology, "staging", images))

    assert judged(mixed, "service").fidelity is Fidelity.STAND_IN
    assert judged(mixed, "gateway").fidelity is Fidelity.STAND_IN
    assert judged({"service:orders-service": real}, "service", "gateway").fidelity is Fidelity.DOCUMENTED
    assert judged(mixed, "gateway", "service").verdict is Status.PASS
    assert judged({"redis": real}, "service").verdict is Status.UNKNOWN
    beyond = judged(mixed, "gateway", "service", product=True)
    assert (beyond.verdict, beyond.beyond_fidelity) == (Status.UNKNOWN, True)
    assert beyond.reason == "stand-in: other 1.0 for service:documented"


def test_a_pass_needs_the_images_it_was_seen_on(topology: Topology) -> None:
    """Without the image of a kind it needs, nobody can say how near the pass is to the document."""
    evidence = Evidence((_seen(),), topology, "staging", {})
    result = judge(_scenario(lambda _: passed("x")), evidence)
    assert result.verdict is Status.UNKNOWN
    assert "redis" in result.reason


def test_undecodable_bytes_do_not_break_a_record(topology: Topology) -> None:
    """Evidence quoted from a log that is no UTF-8 can still be written."""
    result = _judged(topology, lambda _: failed("caf\udce9", "log: \udcff"), _seen())
    assert "\udce9" not in result.reason
    "".join((result.reason, *result.evidence)).encode("utf-8")


def _result(status: Status, *, beyond: bool = False) -> ScenarioResult:
    return ScenarioResult("a/b", "", "1", status, Fidelity.SAME_SOFTWARE, "", beyond_fidelity=beyond)


def test_what_is_beyond_fidelity_leaves_the_verdict_alone_unless_strict() -> None:
    """Listed apart: a PASS beside it stays a PASS, and strict counts it."""
    results = [_result(Status.PASS), _result(Status.UNKNOWN, beyond=True)]
    assert overall(results, strict=False) is Status.PASS
    assert overall(results, strict=True) is Status.UNKNOWN


def test_nothing_passed_is_unknown() -> None:
    """No scenario, or none that these images can show: UNKNOWN."""
    assert overall([], strict=False) is Status.UNKNOWN
    assert overall([_result(Status.UNKNOWN, beyond=True)], strict=False) is Status.UNKNOWN


def test_worst_wins_over_all() -> None:
    """One FAIL outweighs an UNKNOWN, which outweighs passes."""
    assert overall([_result(Status.PASS), _result(Status.UNKNOWN), _result(Status.FAIL)], strict=False) is Status.FAIL
    assert overall([_result(Status.PASS), _result(Status.UNKNOWN)], strict=False) is Status.UNKNOWN


def test_exit_codes_are_the_contract() -> None:
    """0 pass, 1 the platform failed, 3 the rig could not tell."""
    assert [exit_code(s) for s in (Status.PASS, Status.FAIL, Status.UNKNOWN)] == [0, 1, 3]
