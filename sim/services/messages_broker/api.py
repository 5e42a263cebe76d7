"""The routes of messages-broker and their bodies: below ``/api/messages-broker``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from sim.services.contract.route import Route

_COORDINATORS = "dead-letters.manage"


class BindingView(msgspec.Struct, frozen=True):
    exchange: str
    routing_key: str
    arguments: dict[str, Any]


class QueueView(msgspec.Struct, frozen=True):
    """A queue of a service, with what is sent there and where its dead letters go."""

    name: str
    service: str
    bindings: tuple[BindingView, ...]
    dead_letter_queue: str
    delivery_limit: int


class TopologyView(msgspec.Struct, frozen=True):
    items: tuple[QueueView, ...]


class Depth(msgspec.Struct, frozen=True):
    queue: str
    ready: int
    consumers: int


class Depths(msgspec.Struct, frozen=True):
    items: tuple[Depth, ...]


class DeadLetterView(msgspec.Struct, frozen=True):
    """``body`` is the text as it came, cut at 2,000 characters, or null where it is no UTF-8."""

    message_id: str
    queue: str
    reason: str
    deaths: int
    type: str
    first_death_at: datetime | None
    size_bytes: int
    body: str | None


class DeadLetterList(msgspec.Struct, frozen=True):
    items: tuple[DeadLetterView, ...]


class ListDeadLetters(msgspec.Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class Requeue(msgspec.Struct, frozen=True):
    """Which ones, or null for all. At least once: what a requeued message does twice, its consumer's inbox forgives."""

    message_ids: Annotated[tuple[Annotated[str, Meta(max_length=255)], ...], Meta(max_length=1000)] | None = None


class Requeued(msgspec.Struct, frozen=True):
    requeued: int


TOPOLOGY: Final = Route(
    "messages-broker.topology",
    "GET",
    "/topology",
    "Every service's queues and bindings",
    _COORDINATORS,
    answers=TopologyView,
)
QUEUES: Final = Route(
    "messages-broker.queues", "GET", "/queues", "Messages ready and consumers, by queue", _COORDINATORS, answers=Depths
)
DEAD_LETTERS: Final = Route(
    "messages-broker.dead_letters",
    "GET",
    "/dead-letters/{service}",
    "A service's dead letters, oldest first; looking takes nothing away",
    _COORDINATORS,
    query=ListDeadLetters,
    answers=DeadLetterList,
    problems=(404,),
)
REQUEUE: Final = Route(
    "messages-broker.requeue",
    "POST",
    "/dead-letters/{service}/requeue",
    "Send dead letters to the queue they died in once more",
    _COORDINATORS,
    takes=Requeue,
    answers=Requeued,
    problems=(404,),
)

ROUTES: Final = (TOPOLOGY, QUEUES, DEAD_LETTERS, REQUEUE)
