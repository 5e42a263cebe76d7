"""The request target in one spelling: the path that is checked is, byte for byte, the path the service is sent."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from sim.services.chassis.router import LONGEST_PATH
from sim.services.gateway.refusals import Refusal

LONGEST_QUERY: Final = 8192
"""It travels as an AMQP header, and all of those must fit into one frame of 128 KiB."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNRESERVED = "!$&'()*+,;=:@"
"""Beside letters, digits and ``-._~``: what RFC 3986 lets stand in a segment as it is."""


def canonical_path(raw: bytes) -> str:
    """Percent-encoded where it must be and nowhere else; ``%2F`` stays inside its segment.

    Strict UTF-8, no control characters. Raises Refusal 400 or 414.
    """
    path = _canonical(raw) if len(raw) <= LONGEST_PATH else ""
    if not 0 < len(path) <= LONGEST_PATH:
        raise Refusal(414, "target-too-long", f"The path is longer than {LONGEST_PATH} characters.")
    return path


def _canonical(raw: bytes) -> str:
    if b"%" not in raw:
        return raw.decode("ascii")
    return "/".join(_canonical_segment(segment) for segment in raw.split(b"/"))


def _canonical_segment(segment: bytes) -> str:
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(400, "malformed-path", "The path is not percent-encoded UTF-8.") from None
    if _CONTROL.search(text):
        raise Refusal(400, "malformed-path", "The path holds a control character.")
    return quote(text, safe=_UNRESERVED)


def checked_query(raw: bytes) -> str:
    """The query as it came, known to be percent-encoded UTF-8 without NUL. Raises Refusal 400 or 414."""
    if not raw:
        return ""
    if len(raw) > LONGEST_QUERY:
        raise Refusal(414, "target-too-long", f"The query is longer than {LONGEST_QUERY} characters.")
    try:
        query = raw.decode("ascii")
        if "%" in query and "\x00" in unquote_to_bytes(raw).decode("utf-8"):
            raise Refusal(400, "malformed-query", "The query holds a NUL.")
    except UnicodeDecodeError:
        raise Refusal(400, "malformed-query", "The query is not percent-encoded UTF-8.") from None
    return query
