"""How long a service was away against the truth: known outages at random instants, under the drills' loads."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import pytest

from scenarios.failover import broker_drills, game_day, kept, rows, shop_drills
from scenarios.failover.entry_drills import Load as Paced
from sim.checks.game_day import ENTRIES, OBJECTS, ROWS
from sim.checks.recovery import course, recovery
from sim.history import Observation, Outcome
from tests.unit.drill_histories import seen
from tests.unit.outages_at_random import REDIAL_S, Away, Load, Service, askers, pipeline, writers

_PROMISED_S = 0.020
_TRIALS = 40


def _entries(paced: Paced) -> Load:
    return writers("write", paced.rate_per_s, paced.writers)


_GAME = game_day._RATES
KINDS: Mapping[str, tuple[Load, float]] = {
    "messages": (pipeline("publish", broker_drills.RATE_PER_S), 0.003),
    "rows": (_entries(rows._LOAD), 0.004),
    "cache entries": (_entries(kept._CACHE), 0.001),
    "objects": (_entries(kept._OBJECTS), 0.008),
    "requests": (askers("call", shop_drills._WATCHED_PER_S, shop_drills._ASKERS), 0.008),
    "messages of a game day": (pipeline("publish", game_day._MESSAGES_PER_S), 0.003),
    "rows of a game day": (writers("row", _GAME[ROWS], 2), 0.004),
    "cache entries of a game day": (writers("entry", _GAME[ENTRIES], 2), 0.001),
}
"""Each kind of operation as the drills try it, and how long its answer takes."""


def _measured(load: Load, service: Service) -> tuple[float, float]:
    """(RTO, its resolution); the fault is on record up to 40 ms before it takes effect, as with an engine."""
    away = service.away
    found = recovery(load(service), away.from_s - service.rng.uniform(0.0, 0.04), away.to_s)
    assert found is not None
    return found.rto_s, found.resolution_s


def _away(rng: random.Random, *, hangs: bool) -> Away:
    from_s = rng.uniform(3.0, 4.0)
    return Away(from_s, from_s + rng.uniform(0.12, 3.0), hangs)


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "refuses"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_known_outage_is_measured_to_twenty_milliseconds(kind: str, *, hangs: bool) -> None:
    """Whenever it comes and whichever way it shows; and the resolution told holds the truth.

    But for what the client adds: its answer's time, and a publisher's pause between two dials.
    """
    load, usual_s = KINDS[kind]
    rng = random.Random(f"{kind}/{hangs}")  # noqa: S311 - repeatable, not secret
    for _ in range(_TRIALS):
        away = _away(rng, hangs=hangs)
        rto_s, resolution_s = _measured(load, Service(away, usual_s, rng))
        error_s = abs(rto_s - (away.to_s - away.from_s))
        assert error_s <= _PROMISED_S, away
        assert error_s <= resolution_s + usual_s + REDIAL_S, (away, resolution_s)


def test_what_is_tried_too_seldom_says_how_well_it_knows() -> None:
    """Objects of a game day: the truth lies within the resolution told, which is more than was promised."""
    rng = random.Random(3)  # noqa: S311 - as above
    load = writers("object", _GAME[OBJECTS], 2)
    blurs = []
    for _ in range(_TRIALS):
        away = _away(rng, hangs=False)
        rto_s, resolution_s = _measured(load, Service(away, 0.008, rng))
        assert abs(rto_s - (away.to_s - away.from_s)) <= resolution_s + 0.008
        blurs.append(resolution_s)
    assert _PROMISED_S < max(blurs) < 2 / _GAME[OBJECTS]


@pytest.mark.parametrize("kind", list(KINDS))
def test_jitter_is_no_outage(kind: str) -> None:
    """A service that stands still for up to 60 ms now and then, and a fault that does nothing to it."""
    load, usual_s = KINDS[kind]
    rng = random.Random(kind)  # noqa: S311 - as above
    for _ in range(_TRIALS // 4):
        stalls = tuple((at_s + rng.random() / 2, rng.uniform(0.05, 0.06)) for at_s in range(9))
        service = Service(Away(99.0, 99.0, hangs=True), usual_s, rng, stalls)
        found = recovery(load(service), 4.0, 6.0)
        assert found is not None
        assert found.rto_s <= _PROMISED_S


def test_a_rig_that_tried_nothing_saw_no_outage() -> None:
    """Asleep for a third of a second: a gap as long as any, an RTO of nought that says what it could hide."""
    load = writers("write", 100.0, 4, asleep=(4.5, 4.83))
    rng = random.Random(5)  # noqa: S311 - as above
    found = recovery(load(Service(Away(99.0, 99.0, hangs=True), 0.001, rng)), 4.0, 6.0)
    assert found is not None
    assert found.outage_s >= 0.3
    assert found.rto_s <= _PROMISED_S
    assert found.rto_s + found.resolution_s >= 0.3


def test_a_rig_asleep_after_an_outage_does_not_prolong_it() -> None:
    """The outage ends with its own next good answer; the longer gap behind it proves nothing."""
    away = Away(4.0, 4.2, hangs=True)
    load = writers("write", 100.0, 4, asleep=(5.0, 5.5))
    rto_s, _ = _measured(load, Service(away, 0.004, random.Random(1)))  # noqa: S311 - as above
    assert rto_s == pytest.approx(0.2, abs=_PROMISED_S)


def test_each_of_two_faults_has_the_calm_before_both_for_its_baseline() -> None:
    """The first outage does not count as what the second is compared with."""
    rng = random.Random(2)  # noqa: S311 - as above
    load, usual_s = KINDS["rows"]
    first, second = (Away(from_s, from_s + 1.0, hangs=False) for from_s in (3.0, 6.0))
    both = [
        *(o for o in load(Service(first, usual_s, rng)) if o.t_s < 5.0),
        *(o for o in load(Service(second, usual_s, rng)) if o.t_s >= 5.0),
    ]
    found = course(both, first.from_s)
    assert found is not None
    for away in (first, second):
        assert found.around(away.from_s, away.to_s).rto_s == pytest.approx(1.0, abs=_PROMISED_S)


def _answers(times_s: Iterable[float], outcome: Outcome = Outcome.OK) -> list[Observation]:
    return [seen(t_s, "write", outcome=outcome, latency_s=0.001) for t_s in times_s]


def test_what_never_came_back_has_no_end() -> None:
    """Not even when its last good answer fell between the fault's beginning and its effect."""
    calm, trying = [n / 50 for n in range(151)], [3.1 + n / 50 for n in range(200)]
    found = recovery([*_answers([*calm, 3.02]), *_answers(trying, Outcome.FAILED)], 3.01, 5.0)
    assert found is not None
    assert (found.rto_s, found.outage_s) == (float("inf"), float("inf"))
    assert found.numbers() == {}


def test_without_a_calm_before_it_nothing_is_told() -> None:
    """None at all, and one good answer alone."""
    assert recovery([], 3.0, 5.0) is None
    assert recovery(_answers([1.0, 4.0, 6.0]), 3.0, 5.0) is None
