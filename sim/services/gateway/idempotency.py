"""``Idempotency-Key``: the same call under the same key is the same message, which a service does once."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID, uuid5

from sim.services.gateway.refusals import Refusal

_NAMESPACE: Final = UUID("6d1f7e0c-52b0-5d1b-9a64-2f6c2a0f3c11")
_KEY = re.compile(rb'"?([\x21\x23-\x5b\x5d-\x7e]{1,200})"?')


def checked_key(values: list[bytes]) -> str | None:
    """The key of the headers, with or without the quotes of a structured field. Raises Refusal 400."""
    if not values:
        return None
    match = _KEY.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        raise Refusal(400, "malformed-idempotency-key", "Idempotency-Key must be one value of 1 to 200 visible ASCII.")
    return match[1].decode("ascii")


def message_id(caller: str, route: str, path: str, key: str) -> str:
    """The same for the same caller, route, path and key, on whichever pod.

    The path is in it so that one key sent to two resources is two calls. The parts are told apart by a NUL, which
    none of them can hold.
    """
    return str(uuid5(_NAMESPACE, f"{caller}\0{route}\0{path}\0{key}"))
