"""Addresses as typed, and as kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.addresses.api import AddressForm
from sim.services.addresses.normalising import InvalidAddress, normalised
from sim.services.addresses.postal import COUNTRIES, FORMATS, normalised_postal_code


def form(**fields: str) -> AddressForm:
    whole = {"recipient": "Ada Lovelace", "line1": "1 rue de Rivoli", "postal_code": "75001", "city": "Paris"}
    return AddressForm(**{**whole, "country": "FR", **fields})


@pytest.mark.parametrize(
    ("country", "written", "code"),
    [
        ("FR", " 75 001 ", "75001"),
        ("FR", "F-75001", "75001"),
        ("FR", "97400", "97400"),
        ("BE", "B-1000", "1000"),
        ("CH", "CH-1201", "1201"),
        ("LU", "l-1111", "1111"),
        ("DE", "10115", "10115"),
        ("ES", "08001", "08001"),
        ("IT", "00184", "00184"),
        ("GB", "sw1a1aa", "SW1A 1AA"),
        ("GB", "m1  1ae", "M1 1AE"),
        ("NL", "1012js", "1012 JS"),
        ("PT", "1100 148", "1100-148"),
        ("US", "10001", "10001"),
        ("US", "100011234", "10001-1234"),
        ("CA", "k1a-0b1", "K1A 0B1"),
        ("IE", "d02af30", "D02 AF30"),
        ("JP", " 100-0001 ", "100-0001"),
        ("HK", "", ""),
        ("AQ", "biqq 1zz", "BIQQ 1ZZ"),
    ],
)
def test_a_postal_code_is_written_as_its_country_writes_it(country: str, written: str, code: str) -> None:
    """Case, spaces, separators and the country's mark before the code are put right."""
    assert normalised_postal_code(country, written) == code


@pytest.mark.parametrize(
    ("country", "written"),
    [
        ("FR", "7500"),
        ("FR", "99999"),
        ("FR", "00123"),
        ("FR", "\uff17\uff15\uff10\uff10\uff11"),
        ("BE", "0999"),
        ("LU", "11111"),
        ("CH", "B-1201"),
        ("DE", "00115"),
        ("ES", "53001"),
        ("GB", "SW1A 1CA"),
        ("NL", "1012 SS"),
        ("PT", "1100"),
        ("US", "1000"),
        ("US", ""),
        ("JP", "100'; DROP TABLE addresses; --"),
        ("JP", "1" * 17),
    ],
)
def test_what_cannot_be_a_code_of_the_country_is_refused(country: str, written: str) -> None:
    """A wrong length, a department that is not there, another country's mark, other alphabets' digits, SQL."""
    assert normalised_postal_code(country, written) is None


@given(st.sampled_from(sorted(COUNTRIES)), st.text(max_size=40))
def test_a_normalised_code_is_its_own_normal_form(country: str, written: str) -> None:
    """Whatever is accepted fits its column in ASCII, and normalising it again changes nothing."""
    code = normalised_postal_code(country, written)
    if code is not None:
        assert code.isascii()
        assert len(code) <= 16
        assert normalised_postal_code(country, code) == code


def test_every_example_shown_to_users_is_a_code() -> None:
    """The example in a refusal must itself be accepted, as written."""
    for country, known in FORMATS.items():
        for example in known.example.split(" or "):
            assert normalised_postal_code(country, example) == example


def test_spaces_case_and_country_are_put_right() -> None:
    """What is kept is tidy; what somebody wrote with care stays as they wrote it."""
    address = normalised(form(recipient="  Ada \t Lovelace ", city="saint-denis", country=" fr"))
    assert (address.recipient, address.city, address.country) == ("Ada Lovelace", "Saint-Denis", "FR")
    assert normalised(form(city="'s-Hertogenbosch", country="NL", postal_code="5211AA")).city == "'s-Hertogenbosch"
    assert normalised(form(city="Cafe\u0301")).city == "Caf\u00e9"


def test_every_wrong_field_is_named_at_once() -> None:
    """Somebody who typed three things wrong learns of three, with what to do about them."""
    with pytest.raises(InvalidAddress) as refused:
        normalised(form(recipient="Ada\x00", line1="   ", postal_code="99999"))
    assert set(refused.value.errors) == {"recipient", "line1", "postal_code"}
    assert "75011" in refused.value.errors["postal_code"]
    with pytest.raises(InvalidAddress) as refused:
        normalised(form(country="uk"))
    assert "use GB" in refused.value.errors["country"]


def test_a_text_that_grows_when_normalised_must_still_fit() -> None:
    """Canonical composition can lengthen a text; the column's width is checked after it."""
    with pytest.raises(InvalidAddress):
        normalised(form(city="\u0958" * 99))


@given(st.text(min_size=1, max_size=130), st.text(min_size=1, max_size=130))
def test_any_text_is_kept_tidily_or_refused(recipient: str, city: str) -> None:
    """No text at all breaks the normaliser, and what it lets through has no control characters and fits."""
    wrong: set[str] = set()
    try:
        address = normalised(form(recipient=recipient, city=city))
    except InvalidAddress as refused:
        wrong = set(refused.errors)
    else:
        assert 0 < len(address.recipient) <= 120
        assert 0 < len(address.city) <= 100
        assert "\x00" not in address.recipient + address.city
    assert wrong <= {"recipient", "city"}
