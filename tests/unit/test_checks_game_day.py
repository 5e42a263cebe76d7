"""The verdict on a game day: a short one written by hand, spoiled one way each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.checks.game_day import judge_game_day
from sim.history import Observation, Outcome
from sim.images.model import ResolvedImage
from sim.scenario import Evidence
from sim.verdict import Fidelity, Status
from tests.unit.drill_histories import evidence, publish, seen, topology, without

_DEATH_S = 10.0


def _game() -> list[Observation]:
    """Twenty of each kind from 5 s to 15 s, one fault at 10 s, everything found again."""
    times = [5.0 + n / 2 for n in range(20)]
    kept = {op: [f"{op}-{n}" for n in range(20)] for op in ("row", "entry", "object")}
    items = [{"order_id": "o-1", "state": "confirmed", "settled": True}]
    movements = [{"reference": "o-1", "kind": "sold", "quantity": 1}]
    return [
        *(publish("publish", f"m-{n}", t) for n, t in enumerate(times)),
        *(seen(16, "consume", id=f"m-{n}") for n in range(20)),
        *(publish(op, entry, t) for op, entries in kept.items() for entry, t in zip(entries, times, strict=True)),
        *(seen(17, f"{op}-inventory", whole=entries, broken=[]) for op, entries in kept.items()),
        *(seen(16, "load", of=op, attempted=20) for op in ("publish", *kept)),
        seen(16, "consumer", of="consume"),
        seen(16, "drain", messages=0),
        seen(_DEATH_S, "fault", "redis", name="kill -9", phase="inject", evidence="container exited"),
        seen(12.0, "fault", "redis", name="kill -9", phase="heal", evidence="serving"),
        seen(6.0, "checkout", order_id="o-1", status=201),
        seen(18, "orders", items=items),
        seen(18, "deliveries", items=[{"order_id": "o-1", "delivery_id": "d-1", "state": "x"}]),
        seen(4, "stock", phase="before", on_hand=10, reserved=0, movements=[]),
        seen(18, "stock", phase="after", on_hand=9, reserved=0, movements=movements),
        seen(19, "game", minutes=0.2, played=0.21),
    ]


def _missing(op: str, entry: str) -> list[Observation]:
    return [
        replace(o, detail={**o.detail, "whole": [e for e in o.detail["whole"] if e != entry]})
        if o.op == f"{op}-inventory"
        else o
        for o in _game()
    ]


def _fault(t_s: float, name: str, *, worked: bool) -> list[Observation]:
    outcome = Outcome.OK if worked else Outcome.FAILED
    return [
        seen(t_s, "fault", "redis", name=name, phase="inject", evidence="unable to freeze", outcome=outcome),
        seen(t_s + 0.1, "fault", "redis", name=name, phase="heal", evidence="running"),
    ]


def test_one_fault_of_many_that_did_not_take_is_told() -> None:
    """The others were in force, and what healed the one is not taken for the healing of the next."""
    many = [o for n in range(30) for o in _fault(5.0 + n / 4, "pause", worked=n != 7)]
    verdict = judge_game_day(evidence([*_game(), *many]))
    assert verdict.status is Status.PASS, verdict.reason
    assert (verdict.numbers["faults"], verdict.numbers["faults_missed"]) == (30, 1)


def test_a_kind_of_fault_that_never_took_or_too_many_that_did_not_prove_nothing() -> None:
    """UNKNOWN: a day without that kind of fault, or hardly one of faults."""
    assert judge_game_day(evidence([*_game(), *_fault(11.0, "pause", worked=False)])).status is Status.UNKNOWN
    some = [o for n in range(10) for o in _fault(5.0 + n / 2, "pause", worked=n > 2)]
    assert judge_game_day(evidence([*_game(), *some])).status is Status.UNKNOWN


def test_people_who_stopped_buying_long_before_the_end_prove_nothing() -> None:
    """Orders of the first minutes say nothing of the rest of the day."""
    late = [replace(o, t_s=o.t_s + 200) if o.op == "game" else o for o in _game()]
    verdict = judge_game_day(evidence(late))
    assert verdict.status is Status.UNKNOWN
    assert "nobody bought" in verdict.reason


def test_everything_there_once_passes() -> None:
    """With what was lost, how long each kind of operation was away, and what was played in the numbers."""
    verdict = judge_game_day(evidence(_game()))
    assert verdict.status is Status.PASS, verdict.reason
    assert (verdict.numbers["lost"], verdict.numbers["rpo_ms"], verdict.numbers["faults"]) == (0, 0, 1)
    assert {"rto_publish_ms", "rto_row_ms", "rto_entry_ms", "rto_object_ms", "rto_ms"} <= set(verdict.numbers)


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (without(_game(), "consume", id="m-3"), "messages lost: m-3"),
        ([*_game(), seen(16, "consume", id="ghost")], "nobody published: ghost"),
        (_missing("row", "row-4"), "rows lost: row-4"),
        (_missing("object", "object-4"), "objects lost: object-4"),
        (_missing("entry", "entry-4"), "entries lost: entry-4"),
        (
            [replace(o, detail={**o.detail, "broken": ["row-1"]}) if o.op == "row-inventory" else o for o in _game()],
            "only half there: row-1",
        ),
        ([replace(o, detail={"items": []}) if o.op == "deliveries" else o for o in _game()], "has 0 deliveries"),
    ],
)
def test_anything_lost_half_or_from_nowhere_fails_by_name(history: list[Observation], said: str) -> None:
    """Whichever ledger it is of."""
    verdict = judge_game_day(evidence(history))
    assert verdict.status is Status.FAIL
    assert any(said in line for line in verdict.evidence), verdict.evidence


def test_what_the_cache_lost_in_the_second_before_its_death_is_its_bound() -> None:
    """An entry of 9.5 s is gone with the death at 10 s: allowed; one of 7 s is not."""
    assert judge_game_day(evidence(_missing("entry", "entry-9"))).status is Status.PASS
    assert judge_game_day(evidence(_missing("entry", "entry-6"))).status is Status.FAIL


def test_a_loss_on_a_stand_in_is_told_and_not_held_against_the_platform() -> None:
    """It says nothing of the documented store."""
    image = ResolvedImage("object-store", "minio/minio:latest", "x", "", "seaweedfs", "1", Fidelity.STAND_IN)
    found = Evidence(tuple(_missing("object", "object-4")), topology(), "development", {"object-store": image})
    verdict = judge_game_day(found)
    assert verdict.status is Status.PASS
    assert any("objects lost: object-4" in line for line in verdict.evidence)


@pytest.mark.parametrize("op", sorted({o.op for o in _game()} - {"consume"}))
def test_without_its_evidence_it_is_unknown(op: str) -> None:
    """Each kind of observation is needed, and none at all is UNKNOWN."""
    verdict = judge_game_day(evidence(without(_game(), op)))
    assert verdict.status is not Status.PASS, op
    assert judge_game_day(evidence([])).status is Status.UNKNOWN


def test_a_consumer_that_broke_leaves_it_open() -> None:
    """It may have taken what it never told of."""
    broken = [replace(o, outcome=Outcome.FAILED) if o.op == "consumer" else o for o in _game()]
    assert judge_game_day(evidence(broken)).status is Status.UNKNOWN
