"""Sections 6 and 10: what each user of the broker may do with every queue and exchange, and with no other thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from scenarios.isolation.asking import control, new_name, new_password, one, put, told
from sim.checks import broker_wall
from sim.checks.facts import Fact, ask
from sim.checks.walls import AMQP, HTTP, Wall, controlled
from sim.plan.access import BrokerUser, broker_users
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.answers import Answer
from sim.servers.broker_deeds import BrokerDeed, Patterns
from sim.verdict import Verdict

_ACCESS_CONTROL = "RabbitMQ documentation: access control (authentication, authorisation)"
_EVERYTHING, _NOTHING = Patterns(".*", ".*", ".*"), Patterns("^$", "^$", "^$")


def _vhost(stage: Stage) -> str:
    return stage.topology.broker.vhost


def _password(stage: Stage, user: BrokerUser) -> str:
    return stage.servers.secret(user.password_secret)


@contextmanager
def _user(
    stage: Stage, name: str, password: str, tags: tuple[str, ...] = (), patterns: Patterns = _EVERYTHING
) -> Iterator[None]:
    wall = stage.servers.broker_wall()
    try:
        wall.make_user(name, password, tags)
        wall.permit(name, _vhost(stage), patterns)
        yield
    finally:
        wall.delete_user(name)


def canary(stage: Stage) -> None:
    """A user that should not be is made, may do a deed, is deleted, and is refused."""
    wall, name, password = stage.servers.broker_wall(), new_name(stage, "canary"), new_password()
    deed = BrokerDeed("publish", stage.topology.broker.exchanges[0].name)
    control(
        stage,
        stage.topology.broker.name,
        partial(_user, stage, name, password),
        lambda: wall.attempts(name, password, _vhost(stage), (deed,))[0],
    )


def _permission_canary(stage: Stage) -> None:
    """As :func:`canary`, but the user stays: what is given and taken back is its permission."""
    wall, name, password = stage.servers.broker_wall(), new_name(stage, "canary"), new_password()
    deed = BrokerDeed("publish", stage.topology.broker.exchanges[0].name)

    @contextmanager
    def permitted() -> Iterator[None]:
        wall.permit(name, _vhost(stage), _EVERYTHING)
        try:
            yield
        finally:
            wall.permit(name, _vhost(stage), _NOTHING)

    with _user(stage, name, password, patterns=_NOTHING):
        control(
            stage,
            stage.topology.broker.name,
            permitted,
            lambda: wall.attempts(name, password, _vhost(stage), (deed,))[0],
        )


def _tag_canary(stage: Stage) -> None:
    """A user is let into the management API while it has a tag, and no more once it has none."""
    wall, name, password = stage.servers.broker_wall(), new_name(stage, "canary"), new_password()

    @contextmanager
    def tagged() -> Iterator[None]:
        wall.tag(name, ("monitoring",))
        try:
            yield
        finally:
            wall.tag(name, ())

    with _user(stage, name, password, patterns=_NOTHING):
        control(stage, stage.topology.broker.name, tagged, lambda: wall.management(name, password, "overview"))


def _guest(stage: Stage) -> None:
    canary(stage)
    cluster, guest = stage.servers.broker(), broker_wall.GUEST
    for node in stage.plan.of_kind("rabbitmq"):
        vhosts = {broker_wall.OWN_VHOST: _vhost(stage), broker_wall.DEFAULT_VHOST: broker_wall.DEFAULT_VHOST}
        for label, vhost in vhosts.items():
            knock = partial(cluster.handshake, node.name, guest, guest, vhost)
            put(stage, guest, node.name, [(broker_wall.LOG_IN, label)], one(knock))


def _vhosts(stage: Stage) -> None:
    canary(stage)
    wall, another = stage.servers.broker_wall(), new_name(stage, "vhost")
    names = {
        broker_wall.OWN_VHOST: _vhost(stage),
        broker_wall.ANOTHERS_VHOST: another,
        broker_wall.DEFAULT_VHOST: broker_wall.DEFAULT_VHOST,
    }
    try:
        wall.make_vhost(another)
        vhosts(stage, broker_users(stage.topology), names)
    finally:
        wall.delete_vhost(another)


def vhosts(stage: Stage, users: tuple[BrokerUser, ...], names: Mapping[str, str]) -> None:
    """Every virtual host (what it stands for → its name), as each of ``users``."""
    for user in users:
        for label, vhost in names.items():
            knock = partial(_enter, stage, user, vhost)
            put(stage, user.name, stage.topology.broker.name, [(broker_wall.LOG_IN, label)], one(knock))


def _enter(stage: Stage, user: BrokerUser, vhost: str) -> Answer:
    node = stage.plan.of_kind("rabbitmq")[0].name
    return stage.servers.broker().handshake(node, user.name, _password(stage, user), vhost)


def resources(stage: Stage, users: tuple[BrokerUser, ...]) -> None:
    """Every queue and exchange of the contract, as each of ``users``."""
    wall = stage.servers.broker_wall()
    for user in users:
        deeds = broker_wall.deeds(stage.topology, user)
        asked = [broker_wall.asked(deed) for deed in deeds]
        attempts = partial(wall.attempts, user.name, _password(stage, user), _vhost(stage), deeds)
        if not put(stage, user.name, stage.topology.broker.name, asked, attempts):
            return  # a broker that is silent for one is silent for all: the rest stays open


def _resources(stage: Stage) -> None:
    _permission_canary(stage)
    resources(stage, broker_users(stage.topology))


def _strays(stage: Stage) -> None:
    _permission_canary(stage)
    strays(stage, broker_users(stage.topology))


def strays(stage: Stage, users: tuple[BrokerUser, ...]) -> None:
    """A queue that nobody was given, and a new one, as each of ``users``."""
    wall, cluster = stage.servers.broker_wall(), stage.servers.broker()
    stray, new = new_name(stage, "stray"), new_name(stage, "new")
    tried = broker_wall.stray_deeds(stray, new, stage.topology.broker.exchanges[0].name)
    asked = [(deed.action, kind) for deed, kind in tried]
    deeds = tuple(deed for deed, _ in tried)
    try:
        cluster.declare_queue(stray)
        for user in users:
            attempts = partial(wall.attempts, user.name, _password(stage, user), _vhost(stage), deeds)
            put(stage, user.name, stage.topology.broker.name, asked, attempts)
    finally:
        for queue in (stray, new):
            cluster.delete_queue(queue)


def _users(stage: Stage) -> None:
    _permission_canary(stage)
    users(stage)


def users(stage: Stage) -> None:
    """Everybody the broker knows, with tags and patterns."""
    cluster, vhost = stage.servers.broker(), _vhost(stage)

    def everybody() -> Mapping[str, Any]:
        held, everyone = cluster.permissions(vhost), cluster.users()
        elsewhere = sorted(
            f"{user} in {other}" for other in cluster.vhosts() if other != vhost for user in cluster.permissions(other)
        )
        return {
            "users": {name: {"tags": tags, "patterns": held.get(name, ())} for name, tags in everyone.items()},
            "elsewhere": elsewhere,
        }

    ask(stage, "users", stage.topology.broker.name, everybody)


def _management(stage: Stage) -> None:
    _tag_canary(stage)
    management(stage, broker_users(stage.topology))


def management(stage: Stage, users: tuple[BrokerUser, ...]) -> None:
    """Every path of the management API, as each of ``users``."""
    wall = stage.servers.broker_wall()
    for user in users:
        for path in broker_wall.PATHS:
            read = partial(wall.management, user.name, _password(stage, user), path)
            put(stage, user.name, stage.topology.broker.name, [("read", path)], one(read))


def _scenario(
    name: str,
    claim: str,
    rehearse: Callable[[Stage], None],
    judge: Callable[[Evidence], Verdict],
    *,
    section: str = "10",
    source: str = _ACCESS_CONTROL,
) -> Scenario:
    return Scenario(
        f"isolation/broker-{name}", claim, section, ("rabbitmq",), told(judge, rehearse), judge, source=source
    )


SCENARIOS = (
    _scenario(
        "guest",
        "The well-known guest enters no node of the broker from afar, whatever virtual host it names.",
        _guest,
        Wall(broker_wall.expected_guest, AMQP, "guest is refused by every node"),
        section="6",
    ),
    _scenario(
        "vhosts",
        "Each service's user enters the platform's virtual host and no other, not even one that was just made.",
        _vhosts,
        Wall(broker_wall.expected_vhosts, AMQP, "each user enters its own virtual host alone"),
    ),
    _scenario(
        "resources",
        "A service consumes, binds, deletes and publishes only what its work takes: every other's is ACCESS_REFUSED.",
        _resources,
        Wall(broker_wall.expected_resources, AMQP, "each user does its work with its own queues and no other's"),
    ),
    _scenario(
        "stray-queues",
        "No service's user makes, reads, empties, binds or deletes a queue that the contract does not give it.",
        _strays,
        Wall(broker_wall.expected_strays, AMQP, "queues outside the contract are closed to every service"),
    ),
    _scenario(
        "users",
        "The broker's users, their tags and their patterns are the planned ones, and no service's is an administrator.",
        _users,
        controlled(
            Fact("users", "10", broker_wall.expected_users, broker_wall.users_problem, "users and rights as planned"),
            AMQP,
        ),
    ),
    _scenario(
        "management",
        "A service's credentials open nothing of the management API: neither its own data nor anybody else's.",
        _management,
        Wall(broker_wall.expected_management, HTTP, "the management API is closed to services"),
        section="6",
        source="RabbitMQ documentation: management plug-in, permissions by user tag",
    ),
)
