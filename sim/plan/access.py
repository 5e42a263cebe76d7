"""Who may do what on the servers all share: a user of its own for each service, and no more rights than its work takes.

The broker's rights are per exchange and queue, the cache's per key, the store's per bucket (section 10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.errors import BadInput
from sim.plan.draft import secret_name
from sim.services.contract.events import EVENTS
from sim.services.contract.queues import broadcasts_queue, dead_letter_queue, events_queue, requests_queue
from sim.services.contract.shop import ASKS
from sim.topology.model import Broker, Topology
from sim.topology.names import deployment_names

COORDINATOR = "messages-broker"
"""The service (its key) that declares the others' queues."""

# What the default exchange is called where rights are checked; every direct reply goes through it.
_DEFAULT_EXCHANGE = r"amq\.default"
_NOTHING = "^$"


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """``configure``, ``write`` and ``read`` are RabbitMQ's patterns of resource names."""

    name: str
    password_secret: str
    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class CacheUser:
    """``prefix`` begins every key it may touch."""

    name: str
    password_secret: str
    prefix: str


@dataclass(frozen=True, slots=True)
class BucketUser:
    """``name`` is its access key, too."""

    name: str
    secret_key_secret: str
    bucket: str


def exchange(broker: Broker, kind: str) -> str:
    """The documented exchange of that type. Raises BadInput when the document has none."""
    for documented in broker.exchanges:
        if documented.type == kind:
            return documented.name
    raise BadInput(f"broker.exchanges has no {kind} exchange, and the services need one.", next_step="add one")


def unclaimed_exchange(broker: Broker) -> str:
    """Where dead letters go that name no service's dead-letter queue."""
    return f"{broker.dead_letter_exchange}.unclaimed"


def unclaimed_queue(broker: Broker) -> str:
    return f"{broker.dead_letter_exchange}.queue"


def broker_secret(deployment: str) -> str:
    return secret_name(deployment, "rabbitmq-password")


def cache_users(topology: Topology) -> tuple[CacheUser, ...]:
    return tuple(
        CacheUser(service.name, secret_name(service.name, "redis-password"), f"{service.name}:")
        for service in topology.services.values()
        if service.cache_use
    )


def bucket_users(topology: Topology) -> tuple[BucketUser, ...]:
    return tuple(
        BucketUser(service.name, secret_name(service.name, "s3-secret-key"), service.bucket)
        for service in topology.services.values()
        if service.bucket
    )


def broker_users(topology: Topology) -> tuple[BrokerUser, ...]:
    return (
        _gateway(topology),
        *(
            _coordinator(topology, service.name) if key == COORDINATOR else _service(topology, key, service.name)
            for key, service in topology.services.items()
        ),
    )


def _service(topology: Topology, key: str, deployment: str) -> BrokerUser:
    """It consumes its own queues, answers, says its own events and asks whom it has to."""
    broker = topology.broker
    kinds = {event.exchange for event in EVENTS if event.publisher == key} | ({"direct"} if ASKS.get(key) else set())
    exchanges = [exchange(broker, kind) for kind in sorted(kinds)]
    return BrokerUser(
        deployment,
        broker_secret(deployment),
        _NOTHING,
        _any_of((_DEFAULT_EXCHANGE, *map(re.escape, exchanges))),
        _any_of(map(re.escape, (requests_queue(deployment), events_queue(deployment)))),
    )


def _coordinator(topology: Topology, deployment: str) -> BrokerUser:
    """It declares, binds and reads every queue of the contract, those of dead letters, and gives these back."""
    broker = topology.broker
    queues = (name for owner in deployment_names(topology) for name in _queues_of(owner))
    exchanges = (*(e.name for e in broker.exchanges), broker.dead_letter_exchange, unclaimed_exchange(broker))
    everything = tuple(re.escape(name) for name in (*queues, unclaimed_queue(broker), *exchanges))
    return BrokerUser(
        deployment,
        broker_secret(deployment),
        _any_of(everything),
        _any_of((_DEFAULT_EXCHANGE, *everything)),
        _any_of(everything),
    )


def _queues_of(deployment: str) -> Iterator[str]:
    yield requests_queue(deployment)
    yield events_queue(deployment)
    yield dead_letter_queue(deployment)


def _gateway(topology: Topology) -> BrokerUser:
    """It asks services, and each of its pods hears broadcasts on a queue of the pod's own."""
    broker, name = topology.broker, topology.gateway.name
    own = re.escape(broadcasts_queue(f"{name}-N")).replace("N", r"\d+")
    return BrokerUser(
        name,
        broker_secret(name),
        _any_of((own,)),
        _any_of((own, re.escape(exchange(broker, "direct")))),
        _any_of((own, re.escape(exchange(broker, "fanout")))),
    )


def _any_of(patterns: Iterable[str]) -> str:
    return f"^({'|'.join(patterns)})$"
