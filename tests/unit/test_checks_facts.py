"""The builders that turn answers into verdicts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from sim.checks.facts import (
    Doubt,
    Fact,
    accepted,
    as_json,
    ask,
    at_least,
    equals,
    every,
    exactly,
    refused,
    same,
    setting,
    until,
)
from sim.errors import Refused, Unreachable
from sim.history import History, Observation, Outcome
from sim.scenario import Evidence, Stage
from sim.servers.protocol import Answer
from sim.verdict import Status, failed, passed, unknown


class _Clock:
    def __init__(self) -> None:
        self.at_s = 0.0

    def now_s(self) -> float:
        return self.at_s

    def sleep_s(self, seconds: float) -> None:
        self.at_s += seconds


def _stage() -> Stage:
    nothing = cast("Any", None)
    return Stage("s", nothing, nothing, nothing, nothing, _Clock(), random.Random(1), History(), 0.0)  # noqa: S311 - repeatable, not secret


def _evidence(*observations: Observation) -> Evidence:
    return Evidence(observations, cast("Any", None), "development", {})


def _seen(target: str, value: Any, outcome: Outcome = Outcome.OK) -> Observation:
    return Observation(0.0, "s", "rig", "op", target, outcome, {"value": value})


_COLOUR = equals("colour")


def _fact(problem: Callable[[Any, Any], str] = _COLOUR, **expected: Any) -> Fact:
    return Fact("op", "5", lambda _: expected or {"a": "red", "b": "red"}, problem, "all are red")


def test_every_target_as_documented_passes_and_counts_them() -> None:
    """A pass says of how many servers it was seen."""
    verdict = _fact()(_evidence(_seen("a", "red"), _seen("b", "red")))
    assert (verdict.status, verdict.reason) == (Status.PASS, "2 of 2: all are red")
    assert verdict.numbers == {"as_documented": 2.0}
    assert verdict.evidence == ('a: op: "red"', 'b: op: "red"')


def test_a_pass_shows_long_answers_cut_short() -> None:
    """Evidence is for reading: one line a server, however much it said."""
    [line] = _fact(lambda *_: "", a="red")(_evidence(_seen("a", "x" * 1000))).evidence
    assert len(line) < 200
    assert line.endswith("…")


def test_a_difference_fails_naming_server_value_document_and_section() -> None:
    """The evidence is a sentence that a reader can check."""
    verdict = _fact()(_evidence(_seen("a", "red"), _seen("b", "blue")))
    assert verdict.status is Status.FAIL
    assert verdict.evidence == ("b: colour is blue, documented red (section 5)",)


def test_one_of_several_answers_being_wrong_fails() -> None:
    """A right answer does not make up for a wrong one of the same server."""
    verdict = _fact(a="red")(_evidence(_seen("a", "blue"), _seen("a", "red")))
    assert verdict.status is Status.FAIL


def test_nothing_documented_is_unknown() -> None:
    """An empty table cannot be met."""
    assert Fact("op", "5", lambda _: {}, equals("x"), "x")(_evidence(_seen("a", 1))).status is Status.UNKNOWN


def test_nothing_observed_is_unknown_naming_every_server() -> None:
    """No evidence is never a pass."""
    verdict = _fact()(_evidence())
    assert verdict.status is Status.UNKNOWN
    assert verdict.evidence == ("a: op was not observed", "b: op was not observed")


def test_silence_is_unknown_and_a_refusal_fails() -> None:
    """No answer leaves the fact open; a no where the document says yes breaks it."""
    silent = Observation(0.0, "s", "rig", "op", "b", Outcome.UNSURE, {"message": "timed out"})
    refusal = Observation(0.0, "s", "rig", "op", "b", Outcome.FAILED, {"message": "1049"})
    assert _fact()(_evidence(_seen("a", "red"), silent)).status is Status.UNKNOWN
    assert _fact()(_evidence(_seen("a", "red"), refusal)).status is Status.FAIL


def test_an_answer_without_a_value_is_unknown() -> None:
    """A damaged history proves nothing."""
    hollow = Observation(0.0, "s", "rig", "op", "a", Outcome.OK, {})
    assert _fact(a="red")(_evidence(hollow)).status is Status.UNKNOWN


def test_a_server_that_is_not_documented_fails() -> None:
    """Expected and observed are compared both ways."""
    verdict = _fact(a="red")(_evidence(_seen("a", "red"), _seen("z", "red")))
    assert verdict.status is Status.FAIL
    assert "z: not in the document" in verdict.reason


def test_a_doubt_is_unknown_and_a_failure_beside_it_wins() -> None:
    """What leaves a fact open never hides what breaks it."""

    def problem(observed: Any, _documented: Any) -> str:
        return Doubt("cannot tell") if observed == "grey" else equals("colour")(observed, "red")

    assert _fact(problem)(_evidence(_seen("a", "grey"), _seen("b", "red"))).status is Status.UNKNOWN
    assert _fact(problem)(_evidence(_seen("a", "grey"), _seen("b", "blue"))).status is Status.FAIL


def test_an_excuse_puts_a_fact_beyond_these_images_only_when_nothing_else_is_wrong() -> None:
    """Beyond fidelity is not a cover for silence."""
    fact = Fact("op", "5", lambda _: {"a": 1, "b": 1}, equals("x"), "x", excused=lambda *_: "another version ran")
    both = fact(_evidence(_seen("a", 2), _seen("b", 2)))
    assert (both.status, both.beyond_fidelity) == (Status.UNKNOWN, True)
    one_silent = fact(_evidence(_seen("a", 2)))
    assert (one_silent.status, one_silent.beyond_fidelity) == (Status.UNKNOWN, False)


def test_an_answer_is_recorded_as_json() -> None:
    """What a judge is shown live is what it will read from the file."""
    stage = _stage()
    assert ask(stage, "op", "a", lambda: (Answer(accepted=True, code="0"), b"x")) is not None
    [seen] = stage.history.of("s")
    assert (seen.outcome, seen.detail["value"]) == (
        Outcome.OK,
        [{"accepted": True, "code": "0", "message": ""}, "x"],
    )
    assert as_json(("a", {"b"})) == ["a", ["b"]]


def test_a_refusal_and_silence_are_recorded_apart() -> None:
    """Refused is FAILED with its code, unreachable UNSURE with what was seen."""

    def refuse() -> None:
        raise Refused("no.", "1044")

    def be_silent() -> None:
        raise Unreachable("nothing.", evidence="timed out")

    stage = _stage()
    assert ask(stage, "op", "a", refuse) is None
    assert ask(stage, "op", "b", be_silent) is None
    first, second = stage.history.of("s")
    assert (first.outcome, first.detail["code"]) == (Outcome.FAILED, "1044")
    assert second.outcome is Outcome.UNSURE
    assert "timed out" in second.detail["message"]


def test_waiting_ends_with_the_condition_or_the_deadline() -> None:
    """The last answer is given either way; the clock, not the count of tries, decides."""
    stage = _stage()
    assert until(stage, stage.clock.now_s, lambda now_s: now_s >= 1.0, 5.0) == pytest.approx(1.0, abs=0.1)
    began_s = stage.clock.now_s()
    assert until(stage, lambda: "never", lambda _: False, 2.0) == "never"
    assert stage.clock.now_s() - began_s == pytest.approx(2.0, abs=0.1)


def test_the_worst_of_several_decides() -> None:
    """All must hold; an unknown counts less than a failure and more than a pass."""
    good, open_, bad = (lambda _, v=v: v for v in (passed("yes"), unknown("maybe", "m"), failed("no", "n")))
    assert every(good, good)(_evidence()).reason == "yes; yes"
    assert every(good, open_)(_evidence()).status is Status.UNKNOWN
    worst = every(open_, bad, good)(_evidence())
    assert (worst.status, worst.reason, worst.evidence) == (Status.FAIL, "no", ("m", "n"))


@pytest.mark.parametrize(
    ("observed", "documented", "equal"),
    [
        ("60", 60, True),
        (60.0, "60", True),
        ("yes", "yes", True),
        ("yes", "no", False),
        ([1, "2"], ("1", 2), True),
        ([1], [1, 2], False),
        (None, "x", False),
        (None, 0, False),
    ],
)
def test_numbers_compare_by_value(observed: Any, documented: Any, equal: bool) -> None:
    """Servers spell numbers as they like."""
    assert same(observed, documented) is equal


def test_a_missing_setting_is_a_difference() -> None:
    """A server without the setting does not have the documented value."""
    assert "no setting x" in setting("x")({}, "1")
    assert setting("x")({"x": 1}, "1") == ""


def test_lists_say_what_lacks_and_what_is_foreign() -> None:
    """Both directions are named; a superset is enough only where the document says at least."""
    assert exactly("buckets")(["a", "z"], ["a", "b"]) == "buckets lack b; buckets have z, not documented"
    assert at_least("plugins")(["a", "z"], ["a"]) == ""
    assert at_least("plugins")([], ["a"]) == "plugins lack a"


def test_a_refusal_for_another_reason_is_a_doubt() -> None:
    """A server that turns everybody away proves nothing about passwords."""
    blocked = {"accepted": False, "code": "1129", "message": "host blocked"}
    assert isinstance(refused(blocked, ("1045",)), Doubt)
    assert refused({**blocked, "code": "1045"}, ("1045",)) == ""
    assert refused({**blocked, "accepted": True}, ("1045",)) == "let in, documented refused"
    assert "1129" in accepted(blocked, None)
