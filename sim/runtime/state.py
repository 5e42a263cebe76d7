"""What the rig remembers of its stacks between commands: one private folder each, never part of a report.

A folder holds ``stack.json`` (plan, secrets; mode 0600) and ``lock``, which its owner holds for as long as it lives. A
stack whose lock is free and that nobody chose to keep is an orphan.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter, ValidationError

from sim.errors import BadInput, RigError
from sim.plan.model import Plan


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
    enforce_policies: bool = False


_STATE = TypeAdapter(StackState)
# Someone who only looks whether there is an owner holds the lock for an instant.
_LOCK_PATIENCE_S = 0.5
_LOCK_POLL_S = 0.02


def state_root() -> Path:
    """``$XDG_STATE_HOME/sim/stacks`` (XDG Base Directory Specification, which says to ignore a relative one)."""
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".local" / "state"
    return base / "sim" / "stacks"


def folder(stack_id: str, root: Path | None = None) -> Path:
    return (root or state_root()) / stack_id


def save(state: StackState) -> None:
    """Write atomically; readable by the owner alone."""
    place = folder(state.id)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place / "stack.json.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_STATE.dump_json(state))
    draft.replace(place / "stack.json")


def load(stack_id: str, root: Path | None = None) -> StackState:
    """Raises BadInput when there is no such stack, RigError when its file cannot be read."""
    path = folder(stack_id, root) / "stack.json"
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
    found: list[tuple[float, str]] = []
    for place in root.iterdir():
        with suppress(FileNotFoundError):  # another process may remove its stack meanwhile
            (place / "stack.json").stat()
            found.append((place.stat().st_mtime, place.name))
    return tuple(name for _, name in sorted(found))


def folders() -> tuple[str, ...]:
    """Ids of all stacks with a folder, whatever is in it: a rig may die before it wrote anything."""
    root = state_root()
    return tuple(sorted(place.name for place in root.iterdir())) if root.is_dir() else ()


def mark(stack_id: str, *, kept: bool) -> None:
    save(replace(load(stack_id), kept=kept))


def forget(stack_id: str) -> None:
    shutil.rmtree(folder(stack_id), ignore_errors=True)


@contextmanager
def ownership(stack_id: str) -> Iterator[None]:
    """Hold the stack's lock; the kernel lets go of it when the process dies, however it dies."""
    deadline_s = time.monotonic() + _LOCK_PATIENCE_S
    while (file := _locked(stack_id)) is None:
        if time.monotonic() > deadline_s:
            raise RigError(
                f"Stack {stack_id} is in use by another sim process.", next_step="wait for it, or name another --stack"
            )
        time.sleep(_LOCK_POLL_S)
    with file:
        yield


def _locked(stack_id: str) -> TextIO | None:
    """The stack's lock file, locked; None when another process has it, or removed the stack in the same instant."""
    place = folder(stack_id)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        file = (place / "lock").open("w")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), (place / "lock").stat()):
            return file
    except OSError:
        pass
    file.close()
    return None


def owner_alive(stack_id: str, root: Path | None = None) -> bool:
    """True while some process holds the stack's lock, or when this user may not look."""
    try:
        with (folder(stack_id, root) / "lock").open("r+") as file:
            # Shared, so that those who only look do not take each other for an owner.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
