"""What a server says to a client: yes or no, with the protocol's own code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's yes or no. ``code`` is 0 for yes, else the protocol's own code (1045, 403, ``NOAUTH``…)."""

    accepted: bool
    code: str
    message: str = ""


YES = Answer(accepted=True, code="0")
