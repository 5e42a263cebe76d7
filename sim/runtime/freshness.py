"""What a stack held when it had just come up, kept in its folder; and whether a reset was begun that never ended.

The folder is private to its owner: definitions of a broker and rows of a database hold hashes of passwords.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sim.errors import RigError
from sim.runtime import state
from sim.servers.broker_contents import Definitions
from sim.servers.mysql_contents import Tables
from sim.servers.object_contents import Objects

_FILE = "fresh.json"
_BEGUN = "reset-begun"


@dataclass(frozen=True, slots=True)
class Fresh:
    """``databases`` are server → tables of its one schema; None where the stack has no such server."""

    databases: Mapping[str, Tables]
    broker: Definitions | None
    objects: Objects | None


_FRESH = TypeAdapter(Fresh)


def save(stack_id: str, fresh: Fresh) -> None:
    """Write atomically; readable by the owner alone."""
    place = state.folder(stack_id)
    draft = place / f"{_FILE}.new"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_FRESH.dump_json(fresh))
    draft.replace(place / _FILE)


def load(stack_id: str) -> Fresh:
    """Raises RigError when nobody wrote it down, or it cannot be read."""
    again = f"sim down --stack {stack_id}, then sim up"
    try:
        return _FRESH.validate_json((state.folder(stack_id) / _FILE).read_bytes())
    except FileNotFoundError:
        raise RigError(
            f"Nobody wrote down what stack {stack_id} held when it came up.",
            evidence="it was raised by an earlier sim, or did not come up whole",
            next_step=again,
        ) from None
    except (ValidationError, json.JSONDecodeError, OSError) as error:
        raise RigError(
            f"What stack {stack_id} held when it came up cannot be read.", evidence=str(error)[:300], next_step=again
        ) from error


def begin(stack_id: str) -> None:
    """From here on the stack is neither what it was nor fresh, until :func:`end`."""
    _mark(stack_id).touch(mode=0o600)


def end(stack_id: str) -> None:
    _mark(stack_id).unlink(missing_ok=True)


def is_half_reset(stack_id: str) -> bool:
    return _mark(stack_id).exists()


def refuse_half_reset(stack_id: str) -> None:
    """Raises RigError for a stack on which nothing may be judged."""
    if is_half_reset(stack_id):
        raise RigError(
            f"A reset of stack {stack_id} was begun and did not end: it is neither used nor fresh.",
            next_step=f"sim reset --stack {stack_id}",
        )


def _mark(stack_id: str) -> Path:
    return state.folder(stack_id) / _BEGUN
