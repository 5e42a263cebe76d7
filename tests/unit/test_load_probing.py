"""Probers: several may wait, a kind that came to nothing is asked again at once, a broken one says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.clock import SteppedClock
from sim.history import Outcome, only
from sim.load.probing import CALL, Question, probing
from sim.load.publishing import LOAD
from sim.scenario import Stage
from sim.servers.http_protocol import HttpReply
from tests.unit.staging import stage

_SILENCE = 0


def _play(seconds: float, question: Callable[[Stage], Question]) -> Stage:
    played = stage(clock=SteppedClock())
    with probing(played, {"orders": question(played)}):
        played.clock.sleep_s(seconds)
    return played


def _answering(played: Stage, takes_s: float, status: int = 200) -> Callable[[], HttpReply]:
    def ask() -> HttpReply:
        played.clock.sleep_s(takes_s)
        return HttpReply(status, takes_s)

    return ask


def test_a_slow_answer_does_not_keep_the_next_question() -> None:
    """Half a second each, ten a second: five askers keep the rate that one alone could not."""
    played = _play(4.0, lambda s: Question(_answering(s, 0.5), 10.0, askers=6))
    assert len(only(played.history, CALL)) == pytest.approx(40, abs=6)
    alone = _play(4.0, lambda s: Question(_answering(s, 0.5), 10.0))
    assert len(only(alone.history, CALL)) <= 9


@pytest.mark.parametrize(("insists", "least", "most"), [(True, 80, 120), (False, 7, 10)])
def test_what_came_to_nothing_is_asked_again_at_once_by_who_insists(*, insists: bool, least: int, most: int) -> None:
    """Two seconds at four a second: a service that refuses is asked every 20 ms, or at its usual rate."""
    played = _play(2.0, lambda s: Question(_answering(s, 0.001, 503), 4.0, insists=insists))
    assert least <= len(only(played.history, CALL)) <= most


def test_the_end_of_a_kind_is_told_once_whoever_asked() -> None:
    """With how many were asked; each question is on record with its status and how long it took."""
    played = _play(1.0, lambda s: Question(_answering(s, 0.01), 20.0, askers=3))
    (end,) = only(played.history, LOAD)
    calls = only(played.history, CALL)
    assert (end.outcome, end.detail["of"], end.detail["attempted"]) == (Outcome.OK, CALL, len(calls))
    assert {(o.target, o.outcome, o.detail["status"]) for o in calls} == {("orders", Outcome.OK, 200)}
    assert all(o.detail["latency_s"] == pytest.approx(0.01, abs=0.002) for o in calls)


def test_silence_is_unsure_and_a_broken_prober_is_told() -> None:
    """No answer may still have had an effect; a prober that died must not pass for one that saw nothing."""
    played = _play(0.5, lambda s: Question(_answering(s, 0.01, _SILENCE), 20.0))
    assert {o.outcome for o in only(played.history, CALL)} == {Outcome.UNSURE}

    def breaks() -> HttpReply:
        raise ZeroDivisionError("broken")

    (end,) = only(_play(0.2, lambda _: Question(breaks, 20.0)).history, LOAD)
    assert end.outcome is Outcome.FAILED
    assert "broken" in end.detail["message"]
