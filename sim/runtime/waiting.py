"""Waiting on a condition, with a deadline and a description; never on time alone."""

from __future__ import annotations

from collections.abc import Callable

from sim.clock import Clock
from sim.errors import RigError


def wait_until(
    condition: Callable[[], str | None], what: str, clock: Clock, *, deadline_s: float, poll_s: float = 0.1
) -> float:
    """Poll until ``condition`` returns None; its last words become the evidence. Returns the seconds waited.

    Raises RigError at the deadline.
    """
    began_s = clock.now_s()
    while True:
        evidence = condition()
        waited_s = clock.now_s() - began_s
        if evidence is None:
            return waited_s
        if waited_s > deadline_s:
            raise RigError(f"{what}: not so after {waited_s:.0f} s.", evidence=evidence, next_step="sim status")
        clock.sleep_s(poll_s)
