"""A shipment's life: created → shipped → in transit (scan after scan) → delivered or returned. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

State = Literal["created", "shipped", "in-transit", "delivered", "returned", "cancelled", "refused"]
Moved = Literal["shipped", "in-transit", "delivered", "returned"]

MOVES: Final[Mapping[str, tuple[Moved, ...]]] = {
    "created": ("shipped",),
    "shipped": ("in-transit",),
    "in-transit": ("in-transit", "delivered", "returned"),
}
"""What may follow; a state that is not here is an end."""


class IllegalMove(Exception):  # noqa: N818 - what it is, in the words of the 409 it becomes
    """The shipment cannot get there from here."""


def move(before: str, wanted: Moved) -> Moved:
    """``wanted``, where it may follow ``before``. Raises IllegalMove with what may."""
    following = MOVES.get(before, ())
    if wanted not in following:
        may = " or ".join(following) if following else "nothing more"
        raise IllegalMove(f"A delivery that is {before} cannot become {wanted}; {may} can follow.")
    return wanted


def can_cancel(state: str) -> bool:
    """Until it has left the warehouse; after that it can only be called back."""
    return state == "created"
