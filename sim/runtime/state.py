"""What the rig remembers of its stacks between commands: one private folder each, never part of a report.

A folder holds ``stack.json`` (plan, secrets; mode 0600) and ``lock``, which its owner holds for as long as it lives. A
stack whose lock is free and that nobody chose to keep is an orphan.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sim.errors import BadInput, RigError
from sim.plan.model import Plan

_PLAN = TypeAdapter(Plan)


@dataclass(frozen=True, slots=True)
class Span:
    """When one server was created, started and ready, in seconds since the stack began to rise."""

    server: str
    create_s: float
    start_s: float
    ready_s: float


@dataclass(frozen=True, slots=True)
class StackState:
    """One stack as remembered. ``kept``: someone chose to leave it running; ``ready``: it came up whole."""

    id: str
    created_at: str
    kept: bool
    ready: bool
    configuration: str
    topology: str
    plan: Plan
    secrets: Mapping[str, str]
    spans: tuple[Span, ...] = ()
    enforce_limits: bool = True


_STATE = TypeAdapter(StackState)


def state_root() -> Path:
    """``$XDG_STATE_HOME/sim/stacks`` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sim" / "stacks"


def folder(stack_id: str) -> Path:
    return state_root() / stack_id


def save(state: StackState) -> None:
    """Write atomically; readable by the owner alone."""
    place = folder(state.id)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place / "stack.json.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_STATE.dump_json(state))
    draft.replace(place / "stack.json")


def load(stack_id: str) -> StackState:
    """Raises BadInput when there is no such stack, RigError when its file cannot be read."""
    path = folder(stack_id) / "stack.json"
    try:
        return _STATE.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"No stack {stack_id!r} is remembered here.", next_step="sim status") from None
    except (ValidationError, json.JSONDecodeError, OSError) as error:
        raise RigError(
            f"The memory of stack {stack_id} cannot be read.", evidence=str(error)[:300], next_step="sim sweep --all"
        ) from error


def remembered() -> tuple[str, ...]:
    """Ids of all stacks with a folder, oldest first."""
    root = state_root()
    if not root.is_dir():
        return ()
    folders = [place for place in root.iterdir() if (place / "stack.json").exists()]
    return tuple(place.name for place in sorted(folders, key=lambda place: (place.stat().st_mtime, place.name)))


def mark(stack_id: str, *, kept: bool) -> None:
    save(replace(load(stack_id), kept=kept))


def forget(stack_id: str) -> None:
    shutil.rmtree(folder(stack_id), ignore_errors=True)


@contextmanager
def ownership(stack_id: str) -> Iterator[None]:
    """Hold the stack's lock; the kernel lets go of it when the process dies, however it dies."""
    place = folder(stack_id)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (place / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RigError(
                f"Stack {stack_id} is in use by another sim process.", next_step="wait for it, or name another --stack"
            ) from None
        yield


def owner_alive(stack_id: str) -> bool:
    """True while some process holds the stack's lock."""
    try:
        with (folder(stack_id) / "lock").open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
