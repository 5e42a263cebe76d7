"""Who leads a queue, sampled from a thread of its own while a drill goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sim.checks.broker_drill import LEADER
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Stage
from sim.servers.protocol import BrokerCluster

_PERIOD_S = 0.25
_FAREWELL_S = 20.0


@dataclass(slots=True)
class Watch:
    """``leader`` is the last one seen, empty for none, seen at ``seen_s`` of the stage's clock."""

    stop: threading.Event = field(default_factory=threading.Event)
    leader: str = ""
    seen_s: float = 0.0


@contextmanager
def watching(stage: Stage, broker: BrokerCluster, queue: str) -> Iterator[Watch]:
    """Sample about four times a second until the block is left."""
    watch = Watch()
    thread = threading.Thread(target=_sample, args=(stage, broker, queue, watch), name=f"watch {queue}", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join(_FAREWELL_S)


def _sample(stage: Stage, broker: BrokerCluster, queue: str, watch: Watch) -> None:
    termed = ""
    while not watch.stop.is_set():
        began_s = stage.clock.now_s()
        try:
            leader = str((broker.queue(queue) or {}).get("leader", ""))
        except SimError as error:
            stage.record(LEADER, queue, Outcome.UNSURE, actor="observer", message=error.what)
        else:
            seen_s = stage.clock.now_s()
            watch.leader, watch.seen_s = leader, seen_s
            term = _term(broker, queue) if leader and leader != termed else {}
            termed = leader if term else termed
            stage.record_at(seen_s, LEADER, queue, Outcome.OK, actor="observer", leader=leader, **term)
        stage.clock.sleep_s(_PERIOD_S - (stage.clock.now_s() - began_s))


def _term(broker: BrokerCluster, queue: str) -> dict[str, int]:
    """Asked only when somebody else leads. A queue that is not Raft's has none; just elected it may not tell yet."""
    try:
        term = broker.term(queue)
    except SimError:
        return {}
    return {"term": term} if term else {}
