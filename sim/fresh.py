"""The way back to how a stack was when it had just come up, as what was found there and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restored:
    """One part of a stack (a server's name, ``faults``, ``services``) put back.

    ``found`` are differences in words, canaries among them; ``left`` those that are still there, and whatever else
    keeps the part from being fresh. ``removed`` and ``returned`` count rows, messages, objects or keys.
    """

    part: str
    kind: str
    found: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    removed: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True)
class Reset:
    """One reset. ``canaries`` were put where they had to go; a part that did not show its canary proved nothing."""

    parts: tuple[Restored, ...]
    took_s: float
    canaries: int = 0
    unseen: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """Why the stack is not known to be fresh; empty when it is."""
        left = [f"{one.part}: {what}" for one in self.parts for what in one.left]
        unseen = [f"{part}: what was put there to be found was not seen" for part in self.unseen]
        return "; ".join([*left, *unseen])

    def of(self, kind: str) -> tuple[Restored, ...]:
        return tuple(one for one in self.parts if one.kind == kind)
