"""What deliveries decides without a server: carriers, codes, moves."""

from __future__ import annotations

import itertools
import uuid
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.addresses.postal import COUNTRIES, FORMATS
from sim.services.deliveries.carriers import CARRIERS, CODE_ALPHABET, carrier_for, tracking_code
from sim.services.deliveries.moves import MOVES, IllegalMove, Moved, can_cancel, move

MOVED: tuple[Moved, ...] = ("shipped", "in-transit", "delivered", "returned")


def test_no_country_has_two_carriers_and_each_is_a_country() -> None:
    """The choice of carrier does not depend on the table's order."""
    served = [country for carrier in CARRIERS for country in carrier.countries]
    assert len(served) == len(set(served))
    assert set(served) <= COUNTRIES


def test_countries_whose_postal_codes_are_known_are_served_and_the_antarctic_is_not() -> None:
    """Where the shop validates codes it delivers; nowhere else."""
    assert all(carrier_for(country) for country in FORMATS)
    assert carrier_for("AQ") is None
    assert carrier_for("fr") is None


@given(st.lists(st.uuids(), min_size=2, max_size=50, unique=True))
def test_tracking_codes_are_stable_and_apart(ids: list[uuid.UUID]) -> None:
    """The same delivery has the same code, different ones differ, and every character is readable."""
    carrier = CARRIERS[0]
    codes = [tracking_code(carrier, str(each)) for each in ids]
    assert codes == [tracking_code(carrier, str(each)) for each in ids]
    assert len(set(codes)) == len(codes)
    assert all(set(code[3:].replace("-", "")) <= set(CODE_ALPHABET) and len(code) == 17 for code in codes)


def test_a_parcel_goes_forward_and_never_back() -> None:
    """Of all moves from all states, exactly the documented ones are legal."""
    legal = set()
    for before, wanted in itertools.product(("created", *MOVED, "cancelled", "refused"), MOVED):
        with suppress(IllegalMove):
            legal.add((before, move(before, wanted)))
    assert legal == {
        ("created", "shipped"),
        ("shipped", "in-transit"),
        ("in-transit", "in-transit"),
        ("in-transit", "delivered"),
        ("in-transit", "returned"),
    }
    assert set(MOVES) == {before for before, _ in legal}


def test_only_what_is_still_in_the_warehouse_can_be_cancelled() -> None:
    """A parcel on its way can be recalled, not cancelled."""
    assert can_cancel("created")
    assert not any(can_cancel(state) for state in (*MOVED, "cancelled", "refused"))


def test_an_illegal_move_says_what_can_follow() -> None:
    """The 409 tells staff what to do instead."""
    with pytest.raises(IllegalMove, match="in-transit can follow"):
        move("shipped", "delivered")
