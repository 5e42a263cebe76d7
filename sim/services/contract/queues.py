"""Queues and bindings of the services, derived from the events: one quorum queue for requests, one for events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sim.services.contract.events import EVENTS, ExchangeType

DELIVERY_LIMIT: Final = 5
"""Deliveries of one message before it is a dead letter: poison is set aside, a crash is survived."""


@dataclass(frozen=True, slots=True)
class BindingSpec:
    """``exchange`` is a type; the document's name for it is the topology's (``RABBITMQ_EXCHANGE_*``)."""

    exchange: ExchangeType
    routing_key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """``owner`` is the service's deployment name; dead letters go to ``<owner>.dead-letter``."""

    name: str
    owner: str
    bindings: tuple[BindingSpec, ...]

    def arguments(self, dead_letter_exchange: str) -> dict[str, Any]:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": dead_letter_exchange,
            "x-dead-letter-routing-key": self.owner,
        }


def requests_queue(deployment: str) -> str:
    """Point to point, bound to the direct exchange by its own name."""
    return deployment


def events_queue(deployment: str) -> str:
    return f"{deployment}.events"


def dead_letter_queue(deployment: str) -> str:
    return f"{deployment}.dead-letter"


def broadcasts_queue(pod: str) -> str:
    """Of one gateway pod: every replica must hear a broadcast, so they share no queue. Declared by the pod itself."""
    return f"{pod}.broadcasts"


def service_queues(deployments: Mapping[str, str]) -> tuple[QueueSpec, ...]:
    """``deployments`` maps service keys to deployment names (``orders`` → ``orders-service``)."""
    return tuple(queue for key, deployment in deployments.items() for queue in _queues(key, deployment))


def _queues(key: str, deployment: str) -> Iterable[QueueSpec]:
    yield QueueSpec(requests_queue(deployment), deployment, (BindingSpec("direct", deployment),))
    heard = [event for event in EVENTS if key in event.subscribers]
    if not heard:
        return
    bindings = [BindingSpec("topic", event.name) for event in heard if event.exchange == "topic"]
    seen: list[Mapping[str, str]] = []
    for event in heard:
        if event.exchange == "headers" and event.attributes not in seen:
            seen.append(event.attributes)
            bindings.append(BindingSpec("headers", "", {"x-match": "all", **event.attributes}))
    # A broadcast reaches every queue of events, as documented; who does not care acknowledges it.
    bindings.append(BindingSpec("fanout", ""))
    yield QueueSpec(events_queue(deployment), deployment, tuple(bindings))
