"""Locust as the load engine, in a child process; nothing of Locust or gevent is imported here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import sim
from sim.clock import Clock
from sim.errors import RigError
from sim.history import Outcome
from sim.load.engine import LoadOrder
from sim.load.open_loop import Segment, due_times_s
from sim.load.result import SegmentReport, Sent
from sim.servers.protocol import AmqpAddress

_MODULE = "sim.load.broker_locust"
# Start-up of the child, connecting, and the grace after each segment.
_SLACK_S = 40.0
_GRACE_S = 5.0


class LocustEngine:
    """``addresses`` are where the child's users connect, spread evenly."""

    name = "locust"

    def __init__(self, addresses: tuple[AmqpAddress, ...], clock: Clock) -> None:
        self._addresses = addresses
        self._clock = clock

    def drive(self, order: LoadOrder, began: Callable[[Segment], None]) -> tuple[SegmentReport, ...]:
        limit_s = sum(segment.duration_s + _GRACE_S for segment in order.segments) + _SLACK_S
        with tempfile.TemporaryFile() as complaints:
            child = _start(complaints)
            try:
                return tuple(self._read(child, order, limit_s, began))
            except (OSError, ValueError, KeyError) as error:
                raise RigError(
                    f"The load generator failed ({type(error).__name__}: {error}).", evidence=_tail(complaints)
                ) from error
            except _EndedEarlyError as error:
                raise RigError(f"The load generator failed: {error}.", evidence=_tail(complaints)) from error
            finally:
                child.kill()
                child.wait()
                for pipe in (child.stdin, child.stdout):
                    if pipe is not None:
                        pipe.close()

    def _read(
        self, child: subprocess.Popen[str], order: LoadOrder, limit_s: float, began: Callable[[Segment], None]
    ) -> Iterator[SegmentReport]:
        """Both processes read the machine's one monotonic clock; ``offset_s`` carries its times over to ours."""
        offset_s = self._clock.now_s() - time.monotonic()
        assert child.stdin is not None  # noqa: S101 - piped by _start
        child.stdin.write(json.dumps(self._order(order, limit_s)) + "\n")
        child.stdin.flush()
        segments = {segment.name: segment for segment in order.segments}
        sent: list[Sent] = []
        for event in _events(child):
            match event["event"]:
                case "began":
                    began(segments[event["segment"]])
                case "sent":
                    sent.append(_sent(event, offset_s))
                case "segment":
                    segment = segments[event["name"]]
                    yield SegmentReport(
                        segment.name,
                        segment.rate_per_s,
                        segment.duration_s,
                        event["began_s"] + offset_s,
                        int(event["due"]),
                        int(event["unsent"]),
                        float(event["cpu_share"]),
                        int(event["in_flight_max"]),
                        tuple(sent),
                    )
                    sent = []
                case "failed":
                    raise _EndedEarlyError(event["message"])

    def _order(self, order: LoadOrder, limit_s: float) -> dict[str, Any]:
        return {
            "parent_pid": os.getpid(),
            "time_limit_s": limit_s,
            "addresses": [asdict(address) for address in self._addresses],
            "queue": order.queue,
            "body_bytes": order.body_bytes,
            "connections": order.connections,
            "segments": [
                {"name": s.name, "duration_s": s.duration_s, "due_s": list(due_times_s(s, order.rng))}
                for s in order.segments
            ],
        }


class _EndedEarlyError(Exception):
    """What the child said last, or that it said nothing."""


def _start(complaints: IO[bytes]) -> subprocess.Popen[str]:
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


def _events(child: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Each line as it comes, to the announced end. The child's own time limit ends the wait for a silent one."""
    assert child.stdout is not None  # noqa: S101 - piped by _start
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == "end":
            return
        yield event
    raise _EndedEarlyError(f"it ended early (exit code {child.wait()})")


def _sent(event: dict[str, Any], offset_s: float) -> Sent:
    return Sent(
        str(event["id"]),
        event["due_s"] + offset_s,
        event["sent_s"] + offset_s,
        event["done_s"] + offset_s,
        Outcome(event["outcome"]),
        str(event.get("message", "")),
    )


def _tail(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    return complaints.read().decode(errors="replace")[-500:]
