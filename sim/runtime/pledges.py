"""Faults in force on a stack, as its folder remembers them, and their healing by someone who did not inject them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sim.errors import RigError, SimError
from sim.remedy import Pledge, apply_all
from sim.runtime import state
from sim.scenario import Control

_PLEDGES = TypeAdapter(tuple[Pledge, ...])
_FILE = "faults.json"
# Timed faults begin and end on threads of one process; between processes the stack's lock stands guard.
_lock = threading.Lock()


def pledged(stack_id: str, root: Path | None = None) -> tuple[Pledge, ...]:
    """Those in force, oldest first. Raises RigError when the file cannot be read."""
    path = state.folder(stack_id, root) / _FILE
    try:
        return _PLEDGES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (ValidationError, json.JSONDecodeError, OSError) as error:
        raise RigError(
            f"The faults in force on stack {stack_id} cannot be read.",
            evidence=str(error)[:300],
            next_step=f"sim down --stack {stack_id}, then sim up",
        ) from error


def pledge(stack_id: str, made: Pledge) -> None:
    with _lock:
        _write(stack_id, (*pledged(stack_id), made))


def redeem(stack_id: str, kept: Pledge) -> None:
    with _lock:
        _write(
            stack_id, tuple(p for p in pledged(stack_id) if (p.remedies, p.began_at) != (kept.remedies, kept.began_at))
        )


def _write(stack_id: str, pledges: Sequence[Pledge]) -> None:
    place = state.folder(stack_id)
    if not pledges:
        (place / _FILE).unlink(missing_ok=True)
        return
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place / f"{_FILE}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_PLEDGES.dump_json(tuple(pledges)))
    draft.replace(place / _FILE)


def heal(
    stack_id: str,
    control: Control,
    which: Callable[[Pledge], bool],
    wait_ready: Callable[[str], object] = lambda _: None,
) -> tuple[Pledge, ...]:
    """Apply the remedies of those faults, newest first, and forget each that is mended. Returns what was.

    ``wait_ready`` is asked for each target that a remedy may have started. Raises the first error when all were tried.
    """
    mended: list[Pledge] = []
    first: SimError | None = None
    for one in reversed([p for p in pledged(stack_id) if which(p)]):
        try:
            apply_all(one.remedies, control)
            for server in dict.fromkeys(r.server for r in one.remedies if r.verb in {"start", "image", "unpause"}):
                wait_ready(server)
        except SimError as error:
            first = first or error
        else:
            redeem(stack_id, one)
            mended.append(one)
    if first is not None:
        raise first
    return tuple(mended)


def left_behind(pledge: Pledge) -> bool:
    """Not put there to stay: whoever injected it died before the healing."""
    return not pledge.by_hand
