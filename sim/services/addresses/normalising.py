"""From an address as typed to the address as kept: spaces, case, country and postal code put right. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from sim.services.addresses.api import AddressForm
from sim.services.addresses.postal import COUNTRIES, FORMATS, normalised_postal_code
from sim.services.contract.events import PostalAddress

_LONGEST: Final = {"recipient": 120, "line1": 160, "line2": 160, "city": 100}
_OFTEN_MEANT: Final[Mapping[str, str]] = {"UK": "GB", "EL": "GR"}
_WORD: Final = re.compile(r"(?<![^\s-])\w")


class InvalidAddress(Exception):  # noqa: N818 - what it is, in the words of the 422 it becomes
    """``errors`` says for each wrong field what is wrong with it."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {what}" for field, what in errors.items()))
        self.errors = dict(errors)


def normalised(form: AddressForm) -> PostalAddress:
    """Raises InvalidAddress with every field that is wrong, not the first alone."""
    errors: dict[str, str] = {}
    texts = {name: _tidy(getattr(form, name)) for name in _LONGEST}
    for name, text in texts.items():
        if any(unicodedata.category(character) == "Cc" for character in text):
            errors[name] = "holds control characters"
        elif len(text) > _LONGEST[name]:
            errors[name] = f"is longer than {_LONGEST[name]} characters"
        elif not text and name != "line2":
            errors[name] = "is blank"
    country = form.country.strip().upper()
    postal_code = None
    if country not in COUNTRIES:
        meant = _OFTEN_MEANT.get(country)
        errors["country"] = "is not an ISO 3166-1 alpha-2 code" + (f": use {meant}" if meant else "")
    else:
        postal_code = normalised_postal_code(country, form.postal_code)
        if postal_code is None:
            example = f", such as {FORMATS[country].example}" if country in FORMATS else ""
            errors["postal_code"] = f"is not a postal code of {country}{example}"
    if errors or postal_code is None:
        raise InvalidAddress(errors)
    city = texts["city"]
    return PostalAddress(
        recipient=texts["recipient"],
        line1=texts["line1"],
        line2=texts["line2"],
        postal_code=postal_code,
        # Mixed case is somebody's care ('s-Hertogenbosch); all small letters are somebody's haste.
        city=_WORD.sub(lambda match: match[0].upper(), city) if city.islower() else city,
        country=country,
    )


def _tidy(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
