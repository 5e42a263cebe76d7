"""Request bodies, read under a limit while they come, and the one content type the services take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from sim.services.gateway.refusals import Refusal

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_TIMEOUT_S: Final = 20.0
"""A body that trickles in slower than this is not waited for."""
_DRAINED_BYTES: Final = 32 * 1024 * 1024
_DRAIN_TIMEOUT_S: Final = 3.0
_CLOSE: Final = (b"connection", b"close")


class ClientGone(Exception):  # noqa: N818 - nobody is there to be told of an error
    """The client closed the connection before it was answered."""


async def read_body(receive: Receive, length: bytes | None, most_bytes: int, *, expects_continue: bool) -> bytes:
    """The whole body. ``length`` is the Content-Length header; without one the body may be chunked.

    Raises Refusal 413 when it is larger than ``most_bytes`` and 408 when it is too slow, ClientGone.
    """
    if length is not None and int(length) > most_bytes:
        # Somebody who waits for 100 Continue has not begun to send.
        drained = not expects_continue and int(length) <= _DRAINED_BYTES and await _drained(receive)
        raise _too_large(most_bytes, drained=drained)
    parts: list[bytes] = []
    size_bytes = 0
    more = True
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while more:
                part, more = await _part(receive)
                size_bytes += len(part)
                if size_bytes > most_bytes:
                    break
                parts.append(part)
    except TimeoutError:
        raise Refusal(
            408, "slow-body", f"The body did not arrive within {BODY_TIMEOUT_S:g} s.", headers=(_CLOSE,)
        ) from None
    if size_bytes > most_bytes:
        raise _too_large(most_bytes, drained=not more or await _drained(receive))
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


async def _drained(receive: Receive) -> bool:
    """Read on for a moment: most clients look for an answer only once they have sent it all."""
    size_bytes = 0
    try:
        async with asyncio.timeout(_DRAIN_TIMEOUT_S):
            while size_bytes < _DRAINED_BYTES:
                part, more = await _part(receive)
                size_bytes += len(part)
                if not more:
                    return True
    except TimeoutError:
        pass
    return False


def _too_large(most_bytes: int, *, drained: bool) -> Refusal:
    return Refusal(
        413,
        "body-too-large",
        f"The body is larger than {most_bytes} bytes.",
        headers=() if drained else (_CLOSE,),
    )


def check_is_json(content_type: bytes | None) -> None:
    """``application/json`` or ``application/<anything>+json``, in UTF-8. Raises Refusal 415."""
    if content_type == b"application/json":
        return
    media, _, parameters = (content_type or b"").lower().partition(b";")
    media = media.strip()
    is_json = media == b"application/json" or (media.startswith(b"application/") and media.endswith(b"+json"))
    charset = parameters.partition(b"charset=")[2].strip().strip(b'"')
    if not is_json or charset not in {b"", b"utf-8"}:
        raise Refusal(
            415,
            "unsupported-media-type",
            "The body must be JSON in UTF-8: send Content-Type: application/json.",
            headers=((b"accept", b"application/json"),),
        )
