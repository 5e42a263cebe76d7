"""What was tried and what came of it: append-only, one JSON object a line.

Outcomes follow Jepsen: ``OK`` happened, ``FAILED`` surely did not happen, ``UNSURE`` may have happened (a time-out, a
connection lost before the answer).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import PydanticSerializationError, from_json, to_json

from sim.errors import BadInput

_HAND_OVER_S = 0.25


class Outcome(StrEnum):
    OK = "OK"
    FAILED = "FAILED"
    UNSURE = "UNSURE"


@dataclass(frozen=True, slots=True)
class Observation:
    """One line of history.

    ``t_s``: seconds since the run began; ``scenario`` who asked; ``actor`` who did it (a client, a fault, the rig);
    ``op`` what was done (``login``, ``publish``, ``variables``); ``target`` the server's name; ``detail`` JSON values
    only, never a secret.
    """

    t_s: float
    scenario: str
    actor: str
    op: str
    target: str
    outcome: Outcome
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return self.line().decode()

    def line(self) -> bytes:
        """One JSON object in UTF-8, without the end of the line. A ledger writes thousands a second."""
        document = {
            "t_s": round(self.t_s, 6),
            "scenario": self.scenario,
            "actor": self.actor,
            "op": self.op,
            "target": self.target,
            "outcome": self.outcome.value,
            "detail": self.detail,
        }
        try:
            return to_json(document, inf_nan_mode="constants")
        except PydanticSerializationError:
            # Bytes that are no text, as a server's log may hold, become lone surrogates, which only this one writes.
            return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")


class History:
    """Appends observations, from any thread, in memory and to ``path`` when given.

    A line that comes a quarter of a second or more after the last hand-over goes to the operating system at once, with
    all before it: killed outright, the rig loses the lines of one quarter of a second at most. ``listen`` is told of
    each as it comes, on the thread it comes from.
    """

    def __init__(self, path: Path | None = None, listen: Callable[[Observation], None] | None = None) -> None:
        self._listen = listen
        self._lock = threading.Lock()
        self._observations: list[Observation] = []
        self._file: BinaryIO | None = path.open("ab") if path else None
        self._handed_over_s = 0.0

    def append(self, observation: Observation) -> None:
        line = observation.line() + b"\n" if self._file else b""
        with self._lock:
            self._observations.append(observation)
            if self._file:
                self._file.write(line)
                now_s = time.monotonic()
                if now_s - self._handed_over_s >= _HAND_OVER_S:
                    self._file.flush()
                    self._handed_over_s = now_s
        if self._listen is not None:
            self._listen(observation)

    def of(self, scenario: str) -> tuple[Observation, ...]:
        """The observations one scenario wrote, in order."""
        with self._lock:
            return tuple(o for o in self._observations if o.scenario == scenario)

    def __iter__(self) -> Iterator[Observation]:
        with self._lock:
            return iter(tuple(self._observations))

    def flush(self) -> None:
        with self._lock:
            if self._file:
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            if self._file:
                self._file.close()
                self._file = None


def read_history(path: Path) -> Iterator[Observation]:
    """Stream a history file. Raises BadInput naming the line that is not one of ours."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                raw = _parse_line(line)
                yield Observation(
                    float(raw["t_s"]),
                    str(raw["scenario"]),
                    str(raw["actor"]),
                    str(raw["op"]),
                    str(raw["target"]),
                    _OUTCOMES[raw["outcome"]],
                    _object(raw["detail"]),
                )
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise BadInput(
                    f"{path}:{number}: not an observation ({type(error).__name__}: {error}).",
                    next_step="run the scenarios again; a history is never edited by hand",
                ) from error


_OUTCOMES = {outcome.value: outcome for outcome in Outcome}


def _parse_line(line: str) -> Any:
    """The quick parser shares equal strings, which halves a long history in memory; it knows no lone surrogates."""
    try:
        return from_json(line)
    except ValueError:
        return json.loads(line)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("detail is not an object")
    return value


def only(observations: Iterable[Observation], op: str) -> tuple[Observation, ...]:
    """Those of one operation, in order."""
    return tuple(o for o in observations if o.op == op)
