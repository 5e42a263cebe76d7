"""Generated credentials: one value a name, for one stack, kept in its private folder and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

_BYTES = 16


def generate(names: Iterable[str]) -> Mapping[str, str]:
    """Name → 32 hexadecimal digits: 128 bits, and safe in SQL, INI, YAML, JSON and an Erlang cookie."""
    return {name: secrets.token_hex(_BYTES) for name in names}
