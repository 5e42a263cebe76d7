"""What the gateway refuses by itself: a problem with the headers HTTP wants beside it and a reason to count by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sim.services.contract.problem import Problem

KIND_PREFIX: Final = "urn:e-commerce:problem:"
"""Problem types are names, not addresses: nothing is served below them."""

Header = tuple[bytes, bytes]


class Refusal(Problem):
    """``reason`` is the ``reason`` label of ``gateway_rejections_total`` and the last part of the problem's type."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        headers: Sequence[Header] = (),
        retry_after_s: float | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(status, detail, kind=KIND_PREFIX + reason, retry_after_s=retry_after_s, **extra)
        self.reason = reason
        self.headers = tuple(headers)
