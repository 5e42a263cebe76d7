"""Postal codes: what each country's look like, and how they are written. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ALPHA_2: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY "
    "BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK "
    "FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK "
    "ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
    "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF "
    "TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES: Final = frozenset(_ALPHA_2.split())
"""ISO 3166-1 alpha-2, officially assigned."""


@dataclass(frozen=True, slots=True)
class Format:
    """``pattern`` meets the code in capitals with no separators; its groups are joined by ``separator``.

    ``prefix`` is the country's mark people write before it (``L-1234``), which is not part of the code.
    """

    pattern: re.Pattern[str]
    example: str
    separator: str = ""
    prefix: str = ""


def _format(pattern: str, example: str, separator: str = "", prefix: str = "") -> Format:
    return Format(re.compile(pattern), example, separator, prefix)


FORMATS: Final[Mapping[str, Format]] = {
    "FR": _format("((?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3})", "75011", prefix="F"),
    "MC": _format("(980[0-9]{2})", "98000"),
    "BE": _format("([1-9][0-9]{3})", "1000", prefix="B"),
    "LU": _format("([1-9][0-9]{3})", "1111", prefix="L"),
    "CH": _format("([1-9][0-9]{3})", "1201", prefix="CH"),
    "LI": _format("(94(?:8[5-9]|9[0-8]))", "9490", prefix="FL"),
    "DE": _format("((?:0[1-9]|[1-9][0-9])[0-9]{3})", "10115", prefix="D"),
    "AT": _format("([1-9][0-9]{3})", "1010", prefix="A"),
    "ES": _format("((?:0[1-9]|[1-4][0-9]|5[0-2])[0-9]{3})", "28013", prefix="E"),
    "IT": _format("([0-9]{5})", "00184", prefix="I"),
    "PT": _format("([1-9][0-9]{3})([0-9]{3})", "1100-148", separator="-"),
    "NL": _format("([1-9][0-9]{3})((?!S[ADS])[A-Z]{2})", "1012 JS", separator=" ", prefix="NL"),
    "GB": _format("([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][ABD-HJLNP-UW-Z]{2})", "SW1A 1AA", separator=" "),
    "IE": _format("([AC-FHKNPRTV-Y][0-9]{2}|D6W)([0-9AC-FHKNPRTV-Y]{4})", "D02 AF30", separator=" "),
    "US": _format("([0-9]{5})([0-9]{4})?", "10001 or 10001-1234", separator="-"),
    "CA": _format("([ABCEGHJ-NPR-TVXY][0-9][A-Z])([0-9][A-Z][0-9])", "K1A 0B1", separator=" "),
    "PL": _format("([0-9]{2})([0-9]{3})", "00-950", separator="-"),
    "SE": _format("([1-9][0-9]{2})([0-9]{2})", "111 22", separator=" "),
    "DK": _format("([0-9]{4})", "1050"),
    "NO": _format("([0-9]{4})", "0150"),
    "FI": _format("([0-9]{5})", "00100"),
}
"""Countries whose codes are known; elsewhere :data:`GENERIC` is all that can be said."""

GENERIC: Final = re.compile("(?:[A-Z0-9](?:[A-Z0-9 -]{0,14}[A-Z0-9])?)?")
"""Letters, digits, spaces and hyphens, or nothing: some countries have no postal codes."""

_SEPARATORS: Final = re.compile(r"[\s.-]+")


def normalised_postal_code(country: str, written: str) -> str | None:
    """The code as ``country`` writes it, None when it cannot be one. ``country`` is a member of :data:`COUNTRIES`."""
    capitals = written.upper().strip()
    known = FORMATS.get(country)
    if known is None:
        code = " ".join(capitals.split())
        return code if GENERIC.fullmatch(code) else None
    compact = _SEPARATORS.sub("", capitals)
    if known.prefix and capitals.startswith(f"{known.prefix}-"):
        compact = compact.removeprefix(known.prefix)
    match = known.pattern.fullmatch(compact)
    return known.separator.join(part for part in match.groups() if part) if match else None
