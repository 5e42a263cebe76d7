"""The parts of a stack that hold something, each as one thing to spoil with a canary, to compare and to put back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sim.history import Outcome
from sim.plan.model import Plan
from sim.runtime.freshness import Fresh
from sim.servers.broker_contents import Definitions
from sim.servers.cache import RedisServer
from sim.servers.clients import LiveServers
from sim.servers.mysql import MySqlServer
from sim.servers.mysql_contents import Tables
from sim.servers.object_contents import Objects
from sim.servers.object_store import S3Server
from sim.servers.rabbitmq import RabbitCluster

_DEAD_LETTERS = ".dead-letter"


class Part(Protocol):
    """``kind`` is ``database``, ``broker``, ``objects`` or ``cache``."""

    name: str
    kind: str

    def plant(self, mark: str) -> bool:
        """Leave something of that name behind, as a scenario would; False when the server did not take it."""
        ...

    def unlike(self) -> Sequence[str]:
        """What is not as it was when the stack came up."""
        ...

    def put_back(self) -> tuple[int, int]:
        """(things taken away, things put back)."""
        ...


@dataclass(slots=True)
class DatabasePart:
    """Canary: a table of its own with a row in it."""

    server: MySqlServer
    schema: str
    fresh: Tables
    kind: str = "database"
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.server.name

    def plant(self, mark: str) -> bool:
        shelf = self.server.shelf(self.schema, mark)
        try:
            return shelf.write("canary").outcome is Outcome.OK
        finally:
            shelf.close()

    def unlike(self) -> Sequence[str]:
        return self.server.unlike(self.schema, self.fresh)

    def put_back(self) -> tuple[int, int]:
        return self.server.put_back(self.schema, self.fresh)


@dataclass(slots=True)
class BrokerPart:
    """Canaries: a queue of its own with a message in it, and a message in a documented queue that nobody reads."""

    broker: RabbitCluster
    fresh: Definitions
    kind: str = "broker"
    name: str = "the broker"

    def plant(self, mark: str) -> bool:
        self.broker.declare_queue(mark)
        unread = sorted(q["name"] for q in self.fresh["queues"] if q["name"].endswith(_DEAD_LETTERS))[:1]
        publisher = self.broker.publisher(0)
        try:
            return all(publisher.publish("", queue, b"canary").outcome is Outcome.OK for queue in (mark, *unread))
        finally:
            publisher.close()

    def unlike(self) -> Sequence[str]:
        return self.broker.unlike(self.fresh)

    def put_back(self) -> tuple[int, int]:
        return self.broker.put_back(self.fresh)


@dataclass(slots=True)
class ObjectsPart:
    """Canary: an object in the first bucket. ``set_up`` makes buckets, rules and policies again."""

    store: S3Server
    fresh: Objects
    set_up: Callable[[], None]
    kind: str = "objects"
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.store.name

    def plant(self, mark: str) -> bool:
        bucket = min(self.fresh, default="")
        return not bucket or self.store.put(bucket, mark, b"canary").accepted

    def unlike(self) -> Sequence[str]:
        return self.store.unlike(self.fresh)

    def put_back(self) -> tuple[int, int]:
        self.set_up()
        return self.store.put_back(self.fresh)


@dataclass(slots=True)
class CachePart:
    """Canary: a key. Whatever else is found later, services have put there since: a cache fills by being used."""

    cache: RedisServer
    kind: str = "cache"
    name: str = field(init=False)
    mark: str = ""

    def __post_init__(self) -> None:
        self.name = self.cache.name

    def plant(self, mark: str) -> bool:
        self.mark = mark
        self.cache.set(mark, "canary")
        return True

    def unlike(self) -> Sequence[str]:
        return (self.mark,) if self.mark and self.cache.get(self.mark) is not None else ()

    def put_back(self) -> tuple[int, int]:
        held = self.cache.size()
        self.cache.flush()
        return held, 0


def look(servers: LiveServers, plan: Plan) -> Fresh:
    """What a stack that has just come up holds."""
    return Fresh(
        databases={s.name: servers.sql(s.name).contents(s.facts["schema"]) for s in plan.of_kind("mysql")},
        broker=servers.broker().definitions() if plan.of_kind("rabbitmq") else None,
        objects=servers.object_store().contents() if plan.of_kind("object-store") else None,
    )


def parts_of(servers: LiveServers, plan: Plan, fresh: Fresh, set_up_objects: Callable[[], None]) -> tuple[Part, ...]:
    """The broker first: what is under way there would otherwise be written into a database put back already."""
    found: list[Part] = []
    if fresh.broker is not None:
        found.append(BrokerPart(servers.broker(), fresh.broker))
    found += [
        DatabasePart(servers.sql(s.name), s.facts["schema"], fresh.databases[s.name]) for s in plan.of_kind("mysql")
    ]
    if fresh.objects is not None:
        found.append(ObjectsPart(servers.object_store(), fresh.objects, set_up_objects))
    if plan.of_kind("redis"):
        found.append(CachePart(servers.cache()))
    return tuple(found)
