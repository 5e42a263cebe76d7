"""Errors as RFC 9457 problem details, raised by a handler and answered as they are."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any


class Problem(Exception):  # noqa: N818 - RFC 9457's own noun
    """An answer that is not 2xx; the transaction rolls back. ``extra`` stands beside title, status and detail."""

    def __init__(
        self, status: int, detail: str, *, kind: str = "about:blank", retry_after_s: float | None = None, **extra: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.extra = extra

    def document(self) -> dict[str, Any]:
        return {
            "type": self.kind,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


def not_found(what: str) -> Problem:
    return Problem(404, f"{what} does not exist.")


def unavailable(what: str, retry_after_s: float = 2.0) -> Problem:
    """A dependency is gone and is being reconnected to."""
    return Problem(503, f"{what} cannot be reached at the moment.", retry_after_s=retry_after_s)
