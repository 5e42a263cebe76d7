"""Two builds in turns: pair by pair, either first; each turn is a run of its own, with the seed of its pair."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from scenarios.throughput.requests import requests_of
from sim.cli.compare import compare_runs
from sim.cli.compare_builds import is_build, parse_build
from sim.clock import SteppedClock
from sim.comparison.judgement import compare
from sim.comparison.model import Call, Comparison, Question
from sim.comparison.runs import interleaved, read_build
from sim.errors import BadInput
from sim.pipeline import Run
from sim.preparing import Document, Wanted
from sim.runtime.fake.venue import FakeVenue
from sim.statistics import ratios
from sim.topology.load import parse_topology, topology_text
from sim.turns import Side, orders, play_in_turns
from sim.verdict import Status

_PRODUCTS = "products-service"
_STACK = Wanted(only=("api-gateway", "auth-service", _PRODUCTS))


@pytest.fixture(autouse=True)
def _fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratios, "RESAMPLES", 3000)


def _played(tmp_path: Path, spoil: Callable[[FakeVenue], None], repeats: int = 6) -> tuple[Comparison, list[str]]:
    """Two modelled platforms, the second spoiled, in turns."""
    text = topology_text(None)
    document, clock = Document(text, parse_topology(text, "packaged")), SteppedClock()
    venues = [FakeVenue.of(document.topology, _STACK, clock, 1) for _ in range(2)]
    spoil(venues[1])
    put: list[str] = []
    sides = (
        Side("before", venues[0], lambda: put.append("before")),
        Side("after", venues[1], lambda: put.append("after")),
    )
    run = Run(
        document=document,
        environment="development",
        scenarios=(requests_of(frozenset({_PRODUCTS})),),
        seed=7,
        runtime="fake",
        strict=False,
        directory=tmp_path,
        clock=clock,
        announce=lambda *_: None,
    )
    play_in_turns(run, sides, repeats, lambda *_: None)
    return compare(read_build(tmp_path / "before"), read_build(tmp_path / "after"), Question()), put


def test_a_build_that_takes_longer_is_called_and_pairs_share_a_seed(tmp_path: Path) -> None:
    """A millisecond and a half more in each handler; before every turn its build is put in place."""

    def slower(venue: FakeVenue) -> None:
        venue.platform.shop.workload.slow_s["products"] = 0.0015

    found, put = _played(tmp_path, slower)
    assert found.status is Status.FAIL
    assert {c.metric: c.call for c in found.changes}["p50_ms"] is Call.REGRESSION
    assert found.paired
    assert interleaved(found.before.repeats, found.after.repeats)
    assert sorted(put) == ["after"] * 6 + ["before"] * 6
    seeds = [[r.record.seed for r in build.repeats] for build in (found.before, found.after)]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 6
    # Who goes first is drawn.
    assert {put[n] for n in range(0, 12, 2)} == {"before", "after"}


def test_the_same_build_again_is_no_change(tmp_path: Path) -> None:
    """On a model that has no noise, all figures are the same, the processor time among them."""
    found, _ = _played(tmp_path, lambda _: None)
    assert found.status is Status.PASS
    assert {c.metric for c in found.changes} == {"p50_ms", "achieved_per_s", "cpu_ms_per_request"}
    assert {c.call for c in found.changes} == {Call.SAME}


@pytest.mark.parametrize("repeats", [1, 6, 7, 40])
def test_neither_side_goes_first_more_often(repeats: int) -> None:
    """As often as not, in an order of chance that the seed decides."""
    drawn = orders(repeats, random.Random(3))  # noqa: S311 - repeatable, not secret
    assert len(drawn) == repeats
    assert abs(2 * sum(drawn) - repeats) <= 1
    assert drawn == orders(repeats, random.Random(3))  # noqa: S311 - repeatable, not secret


def test_a_build_is_images_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing behind = is the image of the plan; a folder of that name is a folder."""
    assert parse_build("a-service=r/a:1, b-service=") == {"a-service": "r/a:1", "b-service": ""}
    assert parse_build("a=r/a@sha256:12=") == {"a": "r/a@sha256:12="}
    monkeypatch.chdir(tmp_path)
    assert is_build("odd=name")
    (tmp_path / "odd=name").mkdir()
    assert not is_build("odd=name")
    for wrong in ("=x", "a=1,a=2", "a=1,,b=2", "a=1,b"):
        with pytest.raises(BadInput):
            parse_build(wrong)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["products-service=a", "old"], "is a build, the other is not"),
        (["old", "new", "--repeats", "8"], "--repeats is for builds"),
        (["old", "new", "--env", "staging"], "--env is for builds"),
        (["old", "new", "--report", "x"], "--report is for builds"),
        (["product-service=a", "product-service=b"], "did you mean"),
        (["products-service=a", "products-service=b", "--only", "nothing"], "nothing"),
        (["products-service=a", "products-service=b", "--scenario", "throughput/nothing"], "No scenario matches"),
    ],
)
def test_what_makes_no_sense_is_refused_before_an_engine_is_looked_for(words: list[str], said: str) -> None:
    """With what is wrong, and what to do."""
    result = CliRunner().invoke(compare_runs, words)
    assert isinstance(result.exception, BadInput), result.output
    assert said in str(result.exception)
