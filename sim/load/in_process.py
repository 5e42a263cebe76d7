"""The load engine for servers that live in this process: threads over the same publisher a scenario uses.

It serves rehearsals without containers. It shares its interpreter with everything else, so it is no instrument for
measuring real servers; Locust is.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.clock import Clock
from sim.errors import RigError
from sim.history import Outcome
from sim.load.engine import LoadOrder
from sim.load.open_loop import Segment, due_times_s
from sim.load.result import SegmentReport, Sent
from sim.servers.protocol import BrokerCluster, Publisher

_GRACE_S = 5.0
_CONFIRM_TIMEOUT_S = 5.0


@dataclass(slots=True)
class _Feed:
    """What is still to be sent, and what was. Appending and popping are atomic."""

    waiting: deque[tuple[str, float]] = field(default_factory=deque)
    sent: list[Sent] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


class InProcessEngine:
    name = "in-process"

    def __init__(self, broker: BrokerCluster, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock

    def drive(self, order: LoadOrder, began: Callable[[Segment], None]) -> tuple[SegmentReport, ...]:
        publishers = [self._broker.publisher(order.rng.getrandbits(32)) for _ in range(order.connections)]
        try:
            return tuple(self._segment(order, segment, publishers, began) for segment in order.segments)
        finally:
            for publisher in publishers:
                publisher.close()

    def _segment(
        self, order: LoadOrder, segment: Segment, publishers: list[Publisher], began: Callable[[Segment], None]
    ) -> SegmentReport:
        began_s = self._clock.now_s()
        ends_s = began_s + segment.duration_s
        due = due_times_s(segment, order.rng)
        feed = _Feed(deque((f"{segment.name}-{n:06d}", began_s + due_s) for n, due_s in enumerate(due)))
        threads = [
            threading.Thread(target=self._publish, args=(order, publisher, feed, ends_s + _GRACE_S), daemon=True)
            for publisher in publishers
        ]
        for thread in threads:
            thread.start()
        began(segment)
        for thread in threads:
            thread.join(segment.duration_s + 2 * _GRACE_S + _CONFIRM_TIMEOUT_S)
        if feed.failures or any(thread.is_alive() for thread in threads):
            raise RigError(f"The load generator failed: {(feed.failures or ['it did not end in time'])[0]}.")
        return SegmentReport(
            segment.name,
            segment.rate_per_s,
            segment.duration_s,
            began_s,
            len(due),
            len(due) - len(feed.sent),
            sum(feed.cpu_s) / segment.duration_s,
            len(publishers),
            tuple(feed.sent),
        )

    def _publish(self, order: LoadOrder, publisher: Publisher, feed: _Feed, gives_up_s: float) -> None:
        cpu_s = time.thread_time()
        try:
            while self._clock.now_s() < gives_up_s:
                try:
                    message, due_s = feed.waiting.popleft()
                except IndexError:
                    return
                self._clock.sleep_s(due_s - self._clock.now_s())
                feed.sent.append(self._confirmed(order, publisher, message, due_s))
        except Exception as error:  # noqa: BLE001 - a dead thread must show, whatever killed it
            feed.failures.append(f"{type(error).__name__}: {error}")
        finally:
            feed.cpu_s.append(time.thread_time() - cpu_s)

    def _confirmed(self, order: LoadOrder, publisher: Publisher, message: str, due_s: float) -> Sent:
        sent_s = self._clock.now_s()
        body = message.encode().ljust(order.body_bytes, b".")
        confirm = publisher.publish("", order.queue, body, timeout_s=_CONFIRM_TIMEOUT_S)
        problem = "" if confirm.outcome is Outcome.OK else confirm.message
        return Sent(message, due_s, sent_s, self._clock.now_s(), confirm.outcome, problem)
