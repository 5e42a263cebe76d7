"""Shoppers at a gateway, as a scenario or a command plays them: segment after segment, each with its report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import sim
from sim.clock import Clock
from sim.errors import RigError
from sim.load.cues import Cue, take
from sim.load.open_loop import Segment
from sim.load.people import People
from sim.load.samples import LoadReport, reported

_MODULE = "sim.load.shop_locust"
_USERS_A_REQUEST_PER_S = 2.0
_FEWEST_USERS, _MOST_USERS = 20, 1500


@dataclass(frozen=True, slots=True)
class Crowdedness:
    """What a crowd is like. ``peak_per_s`` is the highest rate it will be asked for; ``seed`` decides all its choices.

    ``give_up`` is the share of bad answers, among the latest hundred, at which a segment is ended: going on would only
    show the same. 0 goes on whatever happens. ``workers`` processes are started here; ``remote`` more are waited for at
    ``bind`` (``host:port``), where Locust workers of other machines join.
    """

    mix: Mapping[str, float]
    people: People
    seed: str
    peak_per_s: float
    give_up: float = 0.0
    workers: int = 1
    remote: int = 0
    bind: str = ""
    users: int = 0

    @property
    def connections(self) -> int:
        """Enough for two seconds' worth of requests under way: twice the bound at which a response is an alert."""
        return self.users or round(min(_MOST_USERS, max(_FEWEST_USERS, _USERS_A_REQUEST_PER_S * self.peak_per_s)))


class ShopEngine(Protocol):
    """Plays segments, and takes cues meanwhile."""

    @property
    def name(self) -> str: ...

    def play(self, segment: Segment, cues: Sequence[Cue] = ()) -> LoadReport:
        """Raises RigError when the generator failed; it has then measured nothing."""
        ...


class LocustShop:
    """Locust in a child process, over pipes; nothing of Locust or gevent is imported here."""

    name = "locust"

    def __init__(self, child: subprocess.Popen[str], clock: Clock, complaints: IO[bytes], give_up: float = 0.0) -> None:
        self._child = child
        self._give_up = give_up
        self._clock = clock
        self._complaints = complaints
        self._offset_s = clock.now_s() - time.monotonic()

    def play(self, segment: Segment, cues: Sequence[Cue] = ()) -> LoadReport:
        self._tell({"play": {**asdict(segment), "give_up": self._give_up}})
        began_s = float(self.event("began")["began_s"]) + self._offset_s
        take(cues, self._clock, began_s)
        parts = self.event("parts")["parts"]
        try:
            return reported(parts, began_s)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise self._failed("it lost a worker" if not parts else f"{type(error).__name__}: {error}") from error

    def cut_short(self, segment: Segment) -> LoadReport:
        """After an interrupt: have the segment under way stopped, and take what it came to."""
        self._tell({"stop": True})
        parts = self.event("parts")["parts"]
        return reported(parts, self._clock.now_s() - segment.duration_s)

    def event(self, name: str) -> dict[str, Any]:
        """The next event, which must be this one."""
        assert self._child.stdout is not None  # noqa: S101 - piped by locust_shop
        for line in self._child.stdout:
            try:
                said: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # a library's word on standard output
            if said.get("event") == name:
                return said
            if said.get("event") == "failed":
                raise self._failed(str(said.get("message")))
        raise self._failed(f"it ended early (exit code {self._child.wait()})")

    def _tell(self, words: dict[str, Any]) -> None:
        assert self._child.stdin is not None  # noqa: S101 - piped by locust_shop
        try:
            self._child.stdin.write(json.dumps(words) + "\n")
            self._child.stdin.flush()
        except OSError as error:
            raise self._failed(f"it is gone ({error})") from error

    def _failed(self, why: str) -> RigError:
        self._complaints.seek(0)
        return RigError(
            f"The load generator failed: {why}.", evidence=self._complaints.read().decode(errors="replace")[-500:]
        )

    def tell_order(self, order: dict[str, Any]) -> None:
        self._tell(order)
        self.event("ready")


@contextmanager
def locust_shop(host: str, crowd: Crowdedness, clock: Clock) -> Iterator[LocustShop]:
    """Generators at ``host`` (a gateway's URL), ended with the block whatever happens in it."""
    workers = crowd.workers + crowd.remote
    order = {
        "parent_pid": os.getpid(),
        "host": host,
        "users": max(workers, crowd.connections),
        "workers": workers,
        "own": crowd.workers,
        "bind": crowd.bind,
        "mix": dict(crowd.mix),
        "seed": crowd.seed,
        "people": crowd.people.document(),
    }
    with tempfile.TemporaryFile() as complaints:
        child = _started(complaints)
        try:
            shop = LocustShop(child, clock, complaints, crowd.give_up)
            shop.tell_order(order)
            yield shop
        finally:
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()
            child.kill()
            child.wait()


def _started(complaints: IO[bytes]) -> subprocess.Popen[str]:
    # The child must find this very package, installed or not.
    paths = [str(Path(sim.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        # A Ctrl-C is for us: we end the child, in order.
        start_new_session=True,
    )


def spare_cores() -> int:
    """Worker processes for this machine: every core but one, and at least one."""
    return max(1, len(os.sched_getaffinity(0)) - 1) if hasattr(os, "sched_getaffinity") else 1
