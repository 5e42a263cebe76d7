"""Journeys as data, judged on answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from sim.checks.journey import ANY, NAMES, PROBLEM, STEP, AtMost, Holds, Step, Sums, filled, found, judge_journey
from sim.history import Observation, Outcome
from sim.runtime.fake.images import fake_images
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Status, Verdict

_STEPS = (
    Step("open", "POST", "/api/sav", 201, "customer", shows={"subject": "{mark}"}, keeps={"ticket": "ticket_id"}),
    Step("see", "GET", "/api/sav/{ticket}", 200, "customer", shows={"ticket_id": "{ticket}", "messages.#": 1}),
    Step("refused", "GET", "/api/sav/{ticket}", 404, "other"),
)


def _answer(name: str, status: int, content_type: str = "application/json", **detail: Any) -> Observation:
    outcome = Outcome.OK if status < 400 else Outcome.FAILED
    return Observation(
        1.0,
        "s",
        "c",
        STEP,
        "api-gateway",
        outcome,
        {"name": name, "status": status, "content_type": content_type, **detail},
    )


def _good() -> dict[str, Observation]:
    return {
        "names": Observation(0.0, "s", "rig", NAMES, "api-gateway", Outcome.OK, {"mark": "m"}),
        "open": _answer("open", 201, seen={"subject": "m"}, kept={"ticket": "t-1"}),
        "see": _answer("see", 200, seen={"ticket_id": "t-1", "messages.#": 1}, kept={}),
        "refused": _answer("refused", 404, PROBLEM),
    }


def _judged(**changed: Observation | None) -> Verdict:
    seen = {**_good(), **changed}
    topology = load_topology()
    observations = tuple(o for o in seen.values() if o is not None)
    return judge_journey(_STEPS, "it works")(Evidence(observations, topology, "development", fake_images(topology)))


def test_every_step_as_it_must_be_passes() -> None:
    """What a step kept is what later steps are held to."""
    assert _judged().status is Status.PASS


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"see": _answer("see", 500)}, "see: 500, not 200"),
        ({"see": _answer("see", 200, seen={"ticket_id": "t-2", "messages.#": 1})}, 'ticket_id is "t-2", not "t-1"'),
        ({"refused": _answer("refused", 200)}, "refused: 200, not 404"),
        ({"refused": _answer("refused", 404, "text/html")}, "not application/problem+json"),
        ({"open": _answer("open", 201, seen={"subject": "n"}, kept={"ticket": "t-1"})}, 'subject is "n", not "m"'),
    ],
)
def test_a_step_that_went_wrong_fails_and_is_named(changed: dict[str, Observation], says: str) -> None:
    """A wrong status, a wrong answer, a refusal in another form."""
    verdict = _judged(**changed)
    assert verdict.status is Status.FAIL
    assert any(says in line for line in verdict.evidence), verdict.evidence


@pytest.mark.parametrize(
    "changed",
    [
        {"see": None},
        {"names": None},
        {"see": _answer("see", 0, message="connection refused")},
        {"open": _answer("open", 201, seen={"subject": "m"}, kept={})},
    ],
)
def test_what_was_not_tried_or_answered_is_unknown(changed: dict[str, Observation | None]) -> None:
    """A step left out, silence, and a later step that cannot be held to anything."""
    assert _judged(**changed).status is Status.UNKNOWN


def test_no_step_at_all_is_unknown() -> None:
    """An empty history proves nothing."""
    assert _judged(names=None, open=None, see=None, refused=None).status is Status.UNKNOWN


def test_what_was_kept_fills_places_whole_or_in_part() -> None:
    """A place alone keeps its type; within text it becomes text; an unknown one is an error."""
    memory = {"n": 3, "a": "x"}
    assert filled("{n}", memory) == 3
    assert filled({"k": ["{a}-{n}"]}, memory) == {"k": ["x-3"]}
    with pytest.raises(KeyError):
        filled("{missing}", memory)


def test_places_of_a_document() -> None:
    """By names, by numbers, how many, and from each."""
    document = {"items": [{"id": 1}, {"id": 2}], "next": None}
    assert found(document, "items.1.id") == 2
    assert found(document, "items.#") == 2
    assert found(document, "items.*.id") == [1, 2]
    assert found(document, "items.7.id") is None
    assert found(None, "items") is None


def test_looser_expectations() -> None:
    """An entry among others, a sum, a bound, anything at all."""
    assert Holds("{n}").accepts([1, 3], {"n": 3})
    assert not Holds("{n}").accepts([1], {"n": 3})
    assert Sums(3).accepts([5, -2], {})
    assert not Sums(3).accepts(None, {})
    assert AtMost(3).accepts(3, {})
    assert not AtMost(3).accepts(4, {})
    assert ANY is not None
