"""Queues of the rig's own on the documented broker, always removed, and what became of messages put into them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scenarios.marks import PROBE_HEADER
from sim.checks.facts import until
from sim.errors import Unreachable
from sim.history import Outcome
from sim.scenario import Stage
from sim.servers.protocol import BrokerCluster, Publisher
from sim.services.contract.queues import QueueSpec, dead_letter_queue, service_queues

_ARRIVAL_S = 5.0


@dataclass(frozen=True, slots=True)
class Binding:
    queue: str
    routing_key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message by its label, and the queues its exchange type promises to take it to."""

    label: str
    routing_key: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    reaches: tuple[str, ...] = ()


def probe_prefix(stage: Stage) -> str:
    """Begins the name of every queue one rehearsal makes, so that two at once never meet."""
    return f"sim.probe.{stage.rng.getrandbits(48):012x}."


@contextmanager
def probe_queues(cluster: BrokerCluster, queues: Mapping[str, Mapping[str, Any] | None]) -> Iterator[None]:
    """Declare on entry, delete on exit, whichever of them was declared."""
    try:
        for name, arguments in queues.items():
            cluster.declare_queue(name, arguments)
        yield
    finally:
        for name in queues:
            cluster.delete_queue(name)


@contextmanager
def publishing(stage: Stage, cluster: BrokerCluster) -> Iterator[Publisher]:
    publisher = cluster.publisher(stage.rng.getrandbits(32))
    try:
        yield publisher
    finally:
        publisher.close()


def send(publisher: Publisher, exchange: str, letter: Letter, mark: str = "") -> bool:
    """Whether the broker confirmed it; False when it was returned. Raises Unreachable when nobody can tell."""
    headers = {**letter.headers, **({PROBE_HEADER: mark} if mark else {})}
    confirm = publisher.publish(exchange, letter.routing_key, letter.label.encode(), headers=headers or None)
    if confirm.outcome is Outcome.UNSURE:
        raise Unreachable(f"No confirm for {letter.label} through {exchange or 'the default exchange'}.")
    return confirm.outcome is Outcome.OK


def route(
    stage: Stage, cluster: BrokerCluster, exchange: str, bindings: Sequence[Binding], letters: Sequence[Letter]
) -> dict[str, list[str]]:
    """Send each letter through ``exchange``; label → the queues it was found in."""
    prefix = probe_prefix(stage)
    heard = _events_queues(stage, cluster, exchange)
    names = list(dict.fromkeys(binding.queue for binding in bindings))
    with probe_queues(cluster, {prefix + name: None for name in names}):
        for binding in bindings:
            cluster.bind_queue(prefix + binding.queue, exchange, binding.routing_key, binding.arguments or None)
        with publishing(stage, cluster) as publisher:
            for letter in letters:
                send(publisher, exchange, letter, prefix)
        promised = {name: sum(name in letter.reaches for letter in letters) for name in names}
        found = {name: collect(stage, cluster, prefix + name, promised[name]) for name in names}
    _take_back(stage, cluster, heard, prefix, len(letters))
    return {letter.label: [name for name in names if letter.label in found[name]] for letter in letters}


def _events_queues(stage: Stage, cluster: BrokerCluster, exchange: str) -> list[QueueSpec]:
    """The services' queues, where they are, that a broadcast reaches beside our own."""
    kinds = {documented.name: documented.type for documented in stage.topology.broker.exchanges}
    deployments = {key: service.name for key, service in stage.topology.services.items()}
    bound = [q for q in service_queues(deployments) if any(b.exchange == kinds[exchange] for b in q.bindings)]
    broadcast = kinds[exchange] == "fanout"
    return [queue for queue in bound if broadcast and cluster.queue(queue.name) is not None]


def _take_back(stage: Stage, cluster: BrokerCluster, heard: Sequence[QueueSpec], mark: str, letters: int) -> None:
    """What services heard and could not understand became dead letters; ours are no trace to leave."""
    taken = 0

    def all_back() -> bool:
        nonlocal taken
        taken += sum(cluster.take_marked(dead_letter_queue(q.owner), PROBE_HEADER, mark) for q in heard)
        return taken >= len(heard) * letters

    until(stage, all_back, bool, _ARRIVAL_S)


def collect(stage: Stage, cluster: BrokerCluster, queue: str, promised: int) -> list[str]:
    """All a queue holds, waiting for as many messages as are promised; an extra one is taken along."""
    bodies: list[str] = []

    def take() -> bool:
        body = cluster.get(queue)
        if body is not None:
            bodies.append(body.decode())
        return body is None

    until(stage, take, lambda empty: empty and len(bodies) >= promised, _ARRIVAL_S)
    return bodies
