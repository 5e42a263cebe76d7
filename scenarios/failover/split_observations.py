"""What drills of a split cluster look at beside the ledger: logs, members, replicas, and the net tick they shorten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from scenarios.failover.broker_drills import wait
from sim.checks.split import MEMBERSHIP, METADATA, NET_TICK, RECONCILED, REPLICA, SPLIT
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Stage
from sim.servers.protocol import BrokerCluster

DOCUMENTED_TICK_S = 60
"""The broker's default; the document sets none."""
_TELLTALE = ("I am the winner", "we were selected to restart", "Autoheal finished")
_SETTLED_DEADLINE_S = 60.0


@contextmanager
def shorter_tick(stage: Stage, broker: BrokerCluster, tick_s: int) -> Iterator[None]:
    """A net tick that a drill can outlast, on every node; the default again afterwards. Both are on record."""
    try:
        _tick(stage, broker, tick_s)
        yield
    finally:
        _tick(stage, broker, DOCUMENTED_TICK_S)


def _tick(stage: Stage, broker: BrokerCluster, tick_s: int) -> None:
    for node in broker.nodes:
        broker.set_net_tick(node, tick_s)
        stage.record(NET_TICK, node, Outcome.OK, tick_s=tick_s)


@contextmanager
def watching_logs(stage: Stage, broker: BrokerCluster) -> Iterator[None]:
    """Record, at the end, which nodes' logs tell of auto-heal since the beginning."""
    before = {node: _telltales(stage, node) for node in broker.nodes}
    yield
    wait(stage, lambda: _settled(broker), _SETTLED_DEADLINE_S)
    for node in broker.nodes:
        lines = _telltales(stage, node)[len(before[node]) :]
        stage.record(RECONCILED, node, Outcome.OK, acted=bool(lines), lines=[line[-200:] for line in lines[:5]])


def _telltales(stage: Stage, node: str) -> list[str]:
    return [line for line in stage.control.logs(node).splitlines() if any(word in line for word in _TELLTALE)]


def _settled(broker: BrokerCluster) -> bool:
    """Every node sees all, and no partition."""
    return all(
        set(broker.running_nodes(node)) == set(broker.nodes) and not broker.partitions(node) for node in broker.nodes
    )


def see_members(stage: Stage, broker: BrokerCluster) -> None:
    """Who runs, in each node's eyes, once they had time to agree."""
    wait(stage, lambda: _settled(broker), _SETTLED_DEADLINE_S)
    for node in broker.nodes:
        _see(
            stage,
            MEMBERSHIP,
            node,
            lambda node=node: {  # type: ignore[misc]
                "running": list(broker.running_nodes(node)),
                "partitions": list(broker.partitions(node)),
                "members": len(broker.nodes),
            },
        )


def see_split(stage: Stage, broker: BrokerCluster, queue: str) -> None:
    """While the cut lasts: how far each member's log goes, in its own eyes."""
    for node in broker.nodes:
        try:
            log = broker.raft_log(queue, node)
        except SimError as error:
            stage.record(SPLIT, node, Outcome.UNSURE, message=str(error))
        else:
            stage.record(SPLIT, node, Outcome.OK, term=log.term, committed=log.committed)


def see_replicas(stage: Stage, broker: BrokerCluster, queue: str) -> None:
    """How far each node's copy of the queue's log goes, once they had time to be equal."""
    wait(stage, lambda: len(set(broker.replicas(queue).values())) == 1, 20.0)
    try:
        entries = broker.replicas(queue)
    except SimError as error:
        stage.record(REPLICA, queue, Outcome.UNSURE, message=str(error))
        return
    for node in broker.nodes:
        if node in entries:
            stage.record(REPLICA, node, Outcome.OK, entry=entries[node])
        else:
            stage.record(REPLICA, node, Outcome.UNSURE, message="it did not answer")


def see_store(stage: Stage, broker: BrokerCluster, node: str) -> str:
    """Where the broker keeps its metadata: ``mnesia``, ``khepri``, or empty when it did not say."""
    found = _see(stage, METADATA, node, lambda: {"store": _store(broker.feature_flags(node))})
    return str(found.get("store", ""))


def _store(flags: Mapping[str, str]) -> str:
    return "khepri" if flags.get("khepri_db") == "enabled" else "mnesia"


def _see(stage: Stage, op: str, target: str, look: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        found = look()
    except SimError as error:
        stage.record(op, target, Outcome.UNSURE, message=str(error))
        return {}
    stage.record(op, target, Outcome.OK, **found)
    return found
