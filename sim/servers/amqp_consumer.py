"""Taking messages out of a queue: one, or all of them across reconnections, each acknowledged after receipt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sim.clock import Clock
from sim.errors import Refused, Unreachable
from sim.servers.amqp import AmqpLink, AmqpMessage

_DIAL_TIMEOUT_S = 1.0
_CALL_TIMEOUT_S = 5.0
_PREFETCH = 200
_LOOK_S = 0.25
_SORTED_AT_ONCE = 1000
_NO_SUCH_QUEUE = "404"


def get_one(link: AmqpLink, queue: str, *, acknowledge: bool, requeue: bool) -> bytes | None:
    """One message; acknowledged, or rejected and put back only with ``requeue``.

    The link is closed afterwards, which makes sure the acknowledgement was worked off.
    """
    try:
        message = link.get(queue, timeout_s=_CALL_TIMEOUT_S)
        if message is None:
            return None
        if acknowledge:
            link.acknowledge(message.tag)
        else:
            link.reject(message.tag, requeue=requeue)
        return message.body
    finally:
        link.close()


def take_marked(link: AmqpLink, queue: str, header: str, value: str) -> int:
    """Acknowledge the messages whose ``header`` has ``value`` and put the others back where they were.

    They flow in many at a time; only when they stop is the queue itself asked whether there are more.
    """
    others: list[int] = []
    taken = 0

    def sort(message: AmqpMessage) -> int:
        if message.headers.get(header) != value:
            others.append(message.tag)
            return 0
        link.acknowledge(message.tag)
        return 1

    try:
        link.consume(queue, prefetch=_SORTED_AT_ONCE, timeout_s=_CALL_TIMEOUT_S)
        while len(others) < _SORTED_AT_ONCE:
            if link.pump(lambda: bool(link.received), _LOOK_S):
                taken += sort(link.received.popleft())
            elif (message := link.get(queue, timeout_s=_CALL_TIMEOUT_S)) is not None:
                taken += sort(message)
            elif not link.received:
                break
        for tag in others:
            link.reject(tag, requeue=True)
    finally:
        link.close()
    return taken


def count_ready(link: AmqpLink, queues: Sequence[str]) -> Mapping[str, int]:
    """Messages ready in each queue; the broker closes the channel over one that is gone, and a new one goes on."""
    found: dict[str, int] = {}
    for queue in queues:
        try:
            found[queue] = link.declare_queue(queue, None, timeout_s=_CALL_TIMEOUT_S, passive=True)
        except Refused as refusal:
            if refusal.code != _NO_SUCH_QUEUE:
                raise
            link.reopen_channel(_CALL_TIMEOUT_S)
    return found


class Drain:
    """Every message of a queue, in order of arrival, redelivered ones as often as they came."""

    def __init__(self, nodes: Sequence[str], dial: Callable[[str, float], AmqpLink], clock: Clock) -> None:
        self._nodes = nodes
        self._dial = dial
        self._clock = clock
        self.bodies: list[bytes] = []

    def run(self, queue: str, idle_s: float, deadline_s: float) -> Sequence[bytes]:
        """Until none came for ``idle_s`` and the queue itself says it is empty.

        Raises Unreachable after ``deadline_s``.

        Silence alone proves nothing: a queue without a leader is silent too. ``basic.get`` must be answered by the
        leader, so an empty answer is evidence.
        """
        end_s = self._clock.now_s() + deadline_s
        turn = 0
        last = Unreachable(f"queue {queue} was not drained within {deadline_s:g} s.")
        while self._clock.now_s() < end_s:
            node = self._nodes[turn % len(self._nodes)]
            turn += 1
            try:
                link = self._dial(node, _DIAL_TIMEOUT_S)
            except Unreachable as error:
                last = error
                self._clock.sleep_s(0.05)
                continue
            try:
                if self._empty(link, queue, idle_s, end_s):
                    return self.bodies
            except (Unreachable, Refused) as error:
                last = Unreachable(error.what, evidence=error.evidence)
                if isinstance(error, Refused) and error.code == "404":
                    raise
                self._clock.sleep_s(0.05)
            finally:
                link.close()
        raise Unreachable(
            f"queue {queue} was not drained within {deadline_s:g} s: {len(self.bodies)} messages came.",
            evidence=f"{last.what} {last.evidence}".strip(),
        )

    def _empty(self, link: AmqpLink, queue: str, idle_s: float, end_s: float) -> bool:
        """Consume until idle and confirmed empty (True) or the deadline (False)."""
        link.consume(queue, prefetch=_PREFETCH, timeout_s=_CALL_TIMEOUT_S)
        last_message_s = self._clock.now_s()
        while (now_s := self._clock.now_s()) < end_s:
            if not link.is_open:
                raise Unreachable(f"{link.name} was lost while draining.", evidence=link.refusal()[1])
            wait_s = min(_LOOK_S, max(0.0, last_message_s + idle_s - now_s), end_s - now_s)
            link.pump(lambda: bool(link.received) or not link.is_open, wait_s)
            if self._take(link):
                last_message_s = self._clock.now_s()
            elif self._clock.now_s() - last_message_s >= idle_s and link.is_open:
                message = link.get(queue, timeout_s=_CALL_TIMEOUT_S)
                if message is None and not link.received:
                    return True
                if message is not None:
                    link.received.append(message)
        return False

    def _take(self, link: AmqpLink) -> bool:
        took = False
        while link.received and link.is_open:
            message = link.received.popleft()
            self.bodies.append(message.body)
            link.acknowledge(message.tag)
            took = True
        return took
