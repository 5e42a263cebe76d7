"""Histories of drills written by hand, good to begin with, for tests to spoil."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

from sim.checks import broker_drill, throughput
from sim.history import Observation, Outcome
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.topology.model import Topology

LEADER, OTHER, THIRD = (f"rabbitmq-cluster-server-{n}" for n in range(3))
NODES = (LEADER, OTHER, THIRD)
KILLED_S, HEALED_S = 10.0, 16.0
RATE_PER_S = 50.0


@functools.cache
def topology() -> Topology:
    return load_topology()


def evidence(observations: Iterable[Observation]) -> Evidence:
    return Evidence(tuple(observations), topology(), "development", {})


def seen(t_s: float, op: str, target: str = "q", outcome: Outcome = Outcome.OK, **detail: Any) -> Observation:
    return Observation(t_s, "drill", "rig", op, target, outcome, detail)


def publish(
    op: str, message: str, due_s: float, *, after_s: float = 0.01, outcome: Outcome = Outcome.OK
) -> Observation:
    return seen(due_s + after_s, op, outcome=outcome, id=message, intended_s=due_s, latency_s=after_s)


def failover() -> list[Observation]:
    """A publish every 20 ms from 5 s to 20 s, none for half a second after the kill, all consumed; a lossy control."""
    count = round(15 * RATE_PER_S)
    due = {f"m-{n:06d}": 5.0 + n / RATE_PER_S for n in range(count)}
    published = [
        publish(broker_drill.PUBLISH, m, t, after_s=KILLED_S + 0.5 - t if KILLED_S <= t < KILLED_S + 0.5 else 0.01)
        for m, t in due.items()
    ]
    leaders = [
        seen(t, "leader", leader=LEADER if t < KILLED_S else "" if t < KILLED_S + 0.5 else OTHER)
        for t in (5.0, 9.9, 10.25, 10.75, 15.0, 19.0)
    ]
    queue: Mapping[str, Any] = {"type": "quorum", "members": NODES, "online": NODES}
    return sorted(
        [
            seen(4.0, "queue", phase="before", leader=LEADER, **queue),
            *(publish(broker_drill.CONTROL_PUBLISH, f"c-{n}", 4.0 + n / 100) for n in range(20)),
            *published,
            *leaders,
            seen(KILLED_S, "fault", LEADER, name="kill -9", phase="inject", evidence="container exited"),
            seen(HEALED_S, "fault", LEADER, name="kill -9", phase="heal", evidence="container running, serving"),
            seen(20.1, "load", of=broker_drill.PUBLISH, attempted=count, rate_per_s=RATE_PER_S),
            seen(20.2, "queue", phase="after", leader=OTHER, **queue),
            *(seen(21.0, "consume", id=message) for message in due),
            seen(21.1, "drain", messages=count),
            seen(21.2, "control-drain", messages=0),
        ],
        key=lambda o: o.t_s,
    )


def steady(
    latency_s: float = 0.005, *, count: int = 1000, slow: Mapping[int, float] | None = None, **measured: Any
) -> list[Observation]:
    """A measured segment whose messages took ``latency_s``, but for the ``slow`` ones, and a control that saw a stall.

    ``measured`` overrides what the segment's record says.
    """
    taken = {n: (slow or {}).get(n, latency_s) for n in range(count)}
    sent = [publish(throughput.PUBLISH, f"measured-{n}", n / 100, after_s=t) for n, t in taken.items()]
    detail = {"engine": "locust", "duration_s": count / 100, "due": count, "unsent": 0, "cpu_share": 0.2}
    return [
        seen(0.0, "segment", **{**detail, "name": "warm-up"}),
        *sent,
        seen(10.0, "segment", **{**detail, "name": "measured", "confirmed": count, **measured}),
        seen(11.0, "fault", LEADER, name="pause", phase="inject", evidence="container paused", effect_after_s=0.0),
        seen(12.0, "fault", LEADER, name="pause", phase="heal", evidence="container running", effect_after_s=0.0),
        publish(throughput.CONTROL_PUBLISH, "control-1", 11.01, after_s=0.995),
        seen(14.0, "segment", **{**detail, "name": "control", "confirmed": 1}),
        seen(15.0, "stored", messages=count + 1),
    ]


def without(observations: Iterable[Observation], op: str, **detail: Any) -> list[Observation]:
    """All but those of ``op`` whose detail has the values given."""
    return [o for o in observations if o.op != op or any(o.detail.get(name) != value for name, value in detail.items())]
