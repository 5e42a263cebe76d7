"""The users and permissions of the in-memory broker, checked as RabbitMQ does: before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sim.errors import Refused, Unreachable
from sim.runtime.fake.queues import FakeBroker, FakeUser
from sim.runtime.fake.rabbitmq import FakeBrokerCluster
from sim.servers.answers import Answer
from sim.servers.broker_deeds import BrokerDeed, Patterns


class FakeBrokerWall:
    """Implements :class:`sim.servers.walls.BrokerWall`."""

    def __init__(self, broker: FakeBroker) -> None:
        self._broker = broker

    def attempts(self, user: str, password: str, vhost: str, deeds: Sequence[BrokerDeed]) -> tuple[Answer, ...]:
        login = FakeBrokerCluster(self._broker).handshake(self._node(), user, password, vhost)
        if not login.accepted:
            return (login,)
        patterns = Patterns(*self._broker.permissions[vhost][user])
        return tuple(self._tried(user, patterns, deed) for deed in deeds)

    def _tried(self, user: str, patterns: Patterns, deed: BrokerDeed) -> Answer:
        if not deed.allowed_by(patterns):
            return Answer(accepted=False, code="403", message=f"ACCESS_REFUSED - {deed.resource} for user '{user}'")
        if deed.action == "purge" and deed.resource in self._broker.queues:
            self._broker.queues[deed.resource].messages.clear()
        if deed.action == "declare-queue":
            self._broker.declare(deed.resource, {}, None)
        code = self._past_the_wall(deed)
        return Answer(accepted=code == "0", code=code)

    def _past_the_wall(self, deed: BrokerDeed) -> str:
        """What a real broker says to it once it is permitted: see the deeds' ways of being harmless."""
        exchanges = {"", *self._broker.exchanges}
        match deed.action:
            case "publish" | "redeclare-exchange":
                return "406" if deed.resource in exchanges else "404"
            case "delete-queue":
                return "540" if deed.resource in self._broker.queues else "0"
            case "consume" | "purge":
                return "0" if deed.resource in self._broker.queues else "404"
            case _:
                return "0"

    def management(self, user: str, password: str, path: str) -> Answer:
        self._node()
        known = self._broker.users.get(user)
        if known is None or known.password != password or not known.tags:
            return Answer(accepted=False, code="401", message="Not management user")
        return Answer(accepted=True, code="200", message=path)

    def make_user(self, user: str, password: str, tags: tuple[str, ...] = ()) -> None:
        self._node()
        self._broker.users[user] = FakeUser(password, tags)

    def delete_user(self, user: str) -> None:
        self._node()
        self._broker.users.pop(user, None)
        for permissions in self._broker.permissions.values():
            permissions.pop(user, None)

    def tag(self, user: str, tags: tuple[str, ...]) -> None:
        self._node()
        self._broker.users[user] = replace(self._broker.users[user], tags=tags)

    def permit(self, user: str, vhost: str, patterns: Patterns) -> None:
        self._node()
        if vhost not in self._broker.vhosts or user not in self._broker.users:
            raise Refused(f"The broker refused PUT permissions/{vhost}/{user} (400).", "400")
        held = self._broker.permissions.setdefault(vhost, {})
        held[user] = (patterns.configure, patterns.write, patterns.read)

    def forbid(self, user: str, vhost: str) -> None:
        self._node()
        self._broker.permissions.get(vhost, {}).pop(user, None)

    def make_vhost(self, vhost: str) -> None:
        self._node()
        self._broker.vhosts[vhost] = "classic"

    def delete_vhost(self, vhost: str) -> None:
        self._node()
        self._broker.vhosts.pop(vhost, None)
        self._broker.permissions.pop(vhost, None)

    def _node(self) -> str:
        alive = self._broker.alive()
        if not alive:
            raise Unreachable("No node of the broker answers.", evidence="connection refused by every node")
        return alive[0]
