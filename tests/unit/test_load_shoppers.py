"""A crowd's schedule: exact rate, think times kept, accounts never shared while there are enough."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import BadInput
from sim.load.arrivals import Arrivals, customers_needed
from sim.load.journeys import JOURNEYS, MIX, READ_ONLY, parse_mix
from sim.load.open_loop import Segment
from sim.load.people import Customer, Goods, People, client_address, popular

_SHORT = Segment("s", 50.0, 5.0)


def _rng(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable, not secret


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 9), st.sampled_from([3.0, 20.0, 90.0]))
def test_the_rate_is_exact_and_every_visit_keeps_its_order_and_its_pauses(seed: int, rate: float) -> None:
    """One request a slot over segments that follow each other; nobody asks before they have thought."""
    crowd = Arrivals(MIX, _rng(seed), customers_needed(MIX, rate))
    last: dict[int, tuple[int, float]] = {}
    for number in range(3):
        slots = crowd.slots(Segment(f"s{number}", rate, 5.0))
        assert len(slots) == round(5 * rate)
        assert [slot.due_s for slot in slots] == sorted(slot.due_s for slot in slots)
        for slot in slots:
            now_s = 5.0 * number + slot.due_s
            step, before_s = last.get(slot.visit.number, (-1, -99.0))
            assert slot.step == step + 1
            if slot.step:
                assert now_s - before_s >= 0.5 * slot.visit.journey.asks[slot.step].think_s - 1e-9
            last[slot.visit.number] = (slot.step, now_s)


def test_an_account_is_used_by_one_visit_at_a_time() -> None:
    """Two visits of one customer would empty each other's basket."""
    crowd = Arrivals(MIX, _rng(), customers_needed(MIX, 50.0))
    busy: dict[int, int] = {}
    for slot in crowd.slots(Segment("s", 50.0, 30.0)):
        visit = slot.visit
        if visit.customer >= 0:
            assert busy.setdefault(visit.customer, visit.number) == visit.number
            if slot.step + 1 == len(visit.journey.asks):
                del busy[visit.customer]
    assert crowd.peak_customers > 3


def test_the_mix_is_what_was_asked_for() -> None:
    """Visits come in their shares; those that look are most."""
    crowd = Arrivals(MIX, _rng(), 500)
    visits = {slot.visit.number: slot.visit.journey.name for slot in crowd.slots(Segment("s", 100.0, 60.0))}
    counted = Counter(visits.values())
    for name, share in MIX.items():
        assert counted[name] / len(visits) == pytest.approx(share / 100, abs=0.03)


def test_a_crowd_that_needs_accounts_and_has_none_is_refused() -> None:
    """Better said at once than seen as a wall of refusals."""
    with pytest.raises(ValueError, match="needs an account"):
        Arrivals({"basket": 1.0, "browse": 0.0}, _rng(), 0)
    assert customers_needed(READ_ONLY, 100.0) == 0


def test_too_few_accounts_are_shared_when_every_visit_needs_one() -> None:
    """The rate is kept all the same."""
    crowd = Arrivals({"basket": 1.0}, _rng(), 2)
    slots = crowd.slots(Segment("s", 50.0, 2.0))
    assert len(slots) == 100
    assert {slot.visit.customer for slot in slots} == {0, 1}


@pytest.mark.parametrize("text", ["", "  ,", "dance=3", "browse=1,browse=2", "browse=many", "browse=-1", "browse=0"])
def test_a_mix_that_means_nothing_is_refused_with_what_would_do(text: str) -> None:
    """Exit code 2, and the way to write it."""
    with pytest.raises(BadInput) as raised:
        parse_mix(text)
    assert "--mix" in raised.value.next_step


def test_a_mix_is_read_by_name_and_share() -> None:
    """A name alone has its usual share."""
    assert parse_mix("browse=70, checkout") == {"browse": 70.0, "checkout": MIX["checkout"]}


def test_no_two_shoppers_of_a_day_come_from_one_address() -> None:
    """Each has an address of the range for benchmarks, so that the gateway's rate limit counts them apart."""
    addresses = [client_address(visit, worker) for worker in range(2) for visit in range(20_000)]
    assert Counter(addresses).most_common(1)[0][1] <= 2
    assert all(address.startswith(("198.18.", "198.19.")) for address in addresses)


def test_people_know_what_their_journeys_ask_for() -> None:
    """Every name in a path or body is something a shopper knows or was told before."""
    people = People(Goods(("A", "B"), ("c",), ("lamp",)), (Customer("e", "p", "t", "a"),))
    crowd = Arrivals(MIX, _rng(), 1)
    slot = crowd.slots(Segment("s", 10.0, 1.0))[0]
    for journey in JOURNEYS.values():
        known = people.memory(slot.visit, _rng(), "m") | {"email": "e", "password": "p", "address_id": "a"}
        for ask in journey.asks:
            ask.path.format_map(known)
            for value in (ask.body or {}).values():
                str(value).format_map(known)
            known |= dict.fromkeys(ask.keeps, "kept")
    assert People.of(people.document()) == people
    assert people.share(0, 2).customers == people.customers
    assert people.share(1, 2).customers == ()


def test_best_sellers_sell_best() -> None:
    """Half of what is bought is a handful of products."""
    bought = Counter(popular([str(n) for n in range(50)], rng) for rng in [_rng()] for _ in range(5000))
    assert bought["0"] > 2 * bought["3"] > 0


def test_the_seed_decides_who_asks_what() -> None:
    """The same crowd again is the same crowd."""
    made = [
        [(slot.due_s, slot.visit.journey.name, slot.step) for slot in Arrivals(MIX, _rng(3), 20).slots(_SHORT)]
        for _ in range(2)
    ]
    assert made[0] == made[1]
