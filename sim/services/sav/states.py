"""A ticket's life: which state leads where, and what writing on it does to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from sim.services.sav.api import State

Author = Literal["customer", "staff"]

LEADS_TO: Final[Mapping[State, tuple[State, ...]]] = {
    "open": ("pending", "resolved", "closed"),
    "pending": ("open", "resolved", "closed"),
    "resolved": ("open", "closed"),
    "closed": (),
}


def may_become(state: State, wanted: State) -> bool:
    """What it is already needs no step."""
    return wanted == state or wanted in LEADS_TO[state]


def after_message(state: State, author: Author) -> State | None:
    """The state once somebody wrote; None where nobody can write any more."""
    if state == "closed":
        return None
    if author == "customer":
        return "open"
    return "pending" if state == "open" else state
