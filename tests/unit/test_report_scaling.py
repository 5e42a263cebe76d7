"""Pictures of an autoscaler and of a model: what was decided and seen, no more, in words too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sim.history import Observation, Outcome
from sim.report import foretold, replicas
from sim.report.charts import charts
from tests.unit.capacity.levels_sample import at_rest, level, limits

_SVG = "{http://www.w3.org/2000/svg}"


def _sync(at_s: float, desired: int, ready: int, phase: str = "load", cpu: int | None = 70) -> Observation:
    detail: Mapping[str, Any] = {
        "at_s": at_s,
        "current": desired,
        "desired": desired,
        "phase": phase,
        "percents": {} if cpu is None else {"cpu": cpu},
        "pods": [{"ready": i < ready} for i in range(desired)],
    }
    return Observation(at_s, "t/a", "rig", replicas.SYNC, "products-service", Outcome.OK, detail)


def _parsed(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own drawing


def test_replicas_are_drawn_as_they_were_wanted_and_ready() -> None:
    """Two stairs, the use below, a mark where the load ends; and the course in words."""
    seen = [_sync(0, 3, 1, cpu=None), _sync(2, 6, 3, cpu=140), _sync(4, 6, 6), _sync(6, 3, 6, "quiet", cpu=5)]
    syncs = replicas.decisions(seen)
    assert "From 3 replicas to 6, 3 at the end" in replicas.summary(syncs)
    drawn = _parsed(replicas.replicas(syncs))
    stairs = [p.get("d", "") for p in drawn.iter(f"{_SVG}path")]
    assert len(stairs) == 3
    assert stairs[0].count("V") == stairs[1].count("V") == 3
    assert any(t.text == "quiet" for t in drawn.iter(f"{_SVG}text"))


def test_one_decision_can_be_drawn() -> None:
    """It has no duration and still a picture."""
    _parsed(replicas.replicas(replicas.decisions([_sync(5, 3, 3)])))


def test_what_was_found_is_drawn_upon_what_was_foretold() -> None:
    """A point a rate, broken where the promise was; the curve is the model's."""
    seen = (*limits(), *at_rest(), level(12), level(18), level(24, p99_s=3.0))
    model = foretold.foretold(seen, 1.0)
    assert model is not None
    assert "the machine ends it" in foretold.summary(model, 1.0)
    drawn = _parsed(foretold.foretold_chart(model, 1.0))
    classes = [c.get("class") for c in drawn.iter(f"{_SVG}circle")]
    assert classes == ["dot", "dot", "dot broken"]


@pytest.mark.parametrize("seen", [(), (level(12),), at_rest()])
def test_without_costs_or_rates_there_is_no_such_picture(seen: tuple[Observation, ...]) -> None:
    """Half of it would look like the whole."""
    assert foretold.foretold(seen, 1.0) is None


def test_the_pictures_are_chosen_by_what_was_observed() -> None:
    """Each where its observations are."""
    assert [c.title for c in charts([_sync(0, 3, 3), _sync(2, 3, 3)])] == ["Replicas"]
    titles = [c.title for c in charts([*limits(), *at_rest(), level(12), level(24, p99_s=3.0)])]
    assert titles == ["The model and the platform"]
