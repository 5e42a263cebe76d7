"""Which carrier serves which country, and the codes parcels are tracked by. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that looks like a digit or another letter."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """``mark`` begins its tracking codes."""

    name: str
    mark: str
    countries: frozenset[str]


def _carrier(name: str, mark: str, *countries: str) -> Carrier:
    return Carrier(name, mark, frozenset(countries))


CARRIERS: Final = (
    _carrier("colissimo", "CO", "FR", "MC"),
    _carrier("bpost", "BP", "BE"),
    _carrier("post-luxembourg", "PL", "LU"),
    _carrier("postnl", "NL", "NL"),
    _carrier("swiss-post", "SP", "CH", "LI"),
    _carrier("dhl", "DH", "DE", "AT", "DK", "SE", "NO", "FI", "PL"),
    _carrier("correos", "CR", "ES", "AD", "PT"),
    _carrier("poste-italiane", "PI", "IT", "SM", "VA"),
    _carrier("royal-mail", "RM", "GB", "IE"),
    _carrier("ups", "UP", "US", "CA"),
)
"""Every zone served. An address anywhere else (``AQ``) is refused, and the order with it."""

_BY_COUNTRY: Final[Mapping[str, Carrier]] = {country: each for each in CARRIERS for country in each.countries}


def carrier_for(country: str) -> Carrier | None:
    return _BY_COUNTRY.get(country)


def tracking_code(carrier: Carrier, delivery_id: str) -> str:
    """``CO-4J7M-Q0XV-2K9D``: twelve characters nobody guesses from a neighbour's, the same for the same delivery."""
    number = int.from_bytes(hashlib.sha256(delivery_id.encode()).digest()[:8])
    characters = "".join(CODE_ALPHABET[(number >> (5 * place)) & 31] for place in range(12))
    return "-".join((carrier.mark, characters[:4], characters[4:8], characters[8:]))
