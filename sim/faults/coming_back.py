"""What faults that end a server share: gone means exited, back means running and serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sim.errors import SimError
from sim.faults.fault import Sight, Step
from sim.remedy import Remedy, apply_all
from sim.scenario import Control


def started(target: str, ready: Callable[[], bool], deadline_s: float) -> Step:
    """Healing: start it if it is down, and wait until it serves by its own protocol."""
    remedy = Remedy("start", target)
    return Step(
        lambda control: apply_all((remedy,), control), lambda control: serving(control, target, ready), deadline_s
    )


def serving(control: Control, target: str, ready: Callable[[], bool]) -> Sight:
    state = control.state(target).state
    if state != "running":
        return Sight(seen=False, evidence=f"container {state}")
    try:
        serves = ready()
    except SimError as error:
        return Sight(seen=False, evidence=f"container running, {error.what}")
    return Sight(serves, "container running, serving" if serves else "container running, not serving yet")


def all_serving(control: Control, targets: Sequence[str], ready: Callable[[str], bool]) -> Sight:
    """The first that is not back yet, or that all are."""
    for target in targets:
        sight = serving(control, target, partial(ready, target))
        if not sight.seen:
            return Sight(seen=False, evidence=f"{target}: {sight.evidence}")
    return Sight(seen=True, evidence=f"{len(targets)} servers running, serving")


def exited(control: Control, target: str, exit_code: int | None = None) -> Sight:
    state = control.state(target)
    seen = state.state == "exited" and exit_code in {None, state.exit_code}
    return Sight(seen, f"container {state.state}, exit code {state.exit_code}")
