"""The ledgered publisher: each message on record, the rate kept, and its own death told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from sim.clock import ScaledClock
from sim.history import Outcome, only
from sim.load.publishing import LOAD, Letters, publishing
from sim.scenario import Stage
from sim.servers.protocol import Confirm
from tests.unit.staging import stage

_LETTERS = Letters("publish", "q", "m", rate_per_s=20.0, timeout_s=5.0)


class _Publisher:
    """Confirms at once; stands still for ``stall_s`` at one message, or breaks at it."""

    def __init__(self, played: Stage, *, stall_at: int = -1, stall_s: float = 0.0, breaks_at: int = -1) -> None:
        self.bodies: list[bytes] = []
        self.closed = False
        self._stage = played
        self._stall_at, self._stall_s, self._breaks_at = stall_at, stall_s, breaks_at

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        persistent: bool = True,
        timeout_s: float = 5.0,
        headers: Mapping[str, Any] | None = None,
    ) -> Confirm:
        assert (exchange, routing_key, headers, timeout_s) == ("", "q", None, 5.0)
        assert not persistent
        if len(self.bodies) == self._breaks_at:
            raise ZeroDivisionError("broken")
        if len(self.bodies) == self._stall_at:
            self._stage.clock.sleep_s(self._stall_s)
        self.bodies.append(body)
        return Confirm(Outcome.OK, 0.001)

    def close(self) -> None:
        self.closed = True


def _play(seconds: float, **behaviour: Any) -> tuple[Stage, _Publisher]:
    played = stage(clock=ScaledClock(5.0))
    publisher = _Publisher(played, **behaviour)
    with publishing(played, publisher, _LETTERS) as load:
        ends_s = load.began_s + seconds
        while played.clock.now_s() < ends_s and not load.failure:
            played.clock.sleep_s(0.1)
    return played, publisher


def test_every_message_is_on_record_and_the_rate_is_kept() -> None:
    """Unique ids, due one beat apart, and an end that says how many were attempted."""
    played, publisher = _play(5.0)
    published = only(played.history, "publish")
    assert [o.detail["id"].encode() for o in published] == publisher.bodies
    assert len(set(publisher.bodies)) == len(publisher.bodies)
    assert 40 <= len(published) <= 110
    due = [o.detail["intended_s"] for o in published]
    assert all(abs(b - a - 0.05) < 1e-5 for a, b in itertools.pairwise(due) if b - a < 0.9)
    (end,) = only(played.history, LOAD)
    assert (end.outcome, end.detail["attempted"]) == (Outcome.OK, len(published))
    assert publisher.closed


def test_missed_beats_are_skipped_and_counted() -> None:
    """After three seconds away the rate goes on from now; the gap is in the record, not a burst."""
    played, _ = _play(6.0, stall_at=10, stall_s=3.0)
    (end,) = only(played.history, LOAD)
    assert 40 <= end.detail["skipped"] <= 100


def test_a_publisher_that_breaks_says_so() -> None:
    """Its end is on record as failed, with the reason; the scenario sees it at once."""
    played, publisher = _play(60.0, breaks_at=5)
    (end,) = only(played.history, LOAD)
    assert end.outcome is Outcome.FAILED
    assert "broken" in end.detail["message"]
    assert publisher.closed
    assert played.clock.now_s() - played.origin_s < 30
