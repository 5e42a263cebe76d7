"""Every permission of the broker, widened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from scenarios.isolation import broker
from scenarios.isolation.asking import new_name, new_password
from scenarios.isolation.mutant import Mutant, Probes
from sim.checks.broker_wall import DEFAULT_VHOST, GUEST, patterns
from sim.plan.access import COORDINATOR, BrokerUser, broker_users
from sim.scenario import Stage
from sim.servers.broker_deeds import Patterns

_USERS: Probes = {"isolation/broker-users": broker.users}
_ANYTHING = ".*"


def mutants(stage: Stage) -> Iterator[Mutant]:
    for user in broker_users(stage.topology):
        yield from _widened(stage, user)
        yield from _tagged(stage, user)
    yield from _elsewhere(stage)
    yield from _strangers(stage)


def _widened(stage: Stage, user: BrokerUser) -> Iterator[Mutant]:
    own = patterns(user)
    tried: Probes = {"isolation/broker-resources": partial(broker.resources, users=(user,))}
    if user.name == stage.topology.services[COORDINATOR].name:
        # The contract gives it every queue there is: that it has too much shows on others.
        tried = {"isolation/broker-stray-queues": partial(broker.strays, users=(user,))}
    for how, operator, wider, probes in (
        ("may configure everything", "widen a pattern", replace(own, configure=_ANYTHING), tried),
        ("may write everything", "widen a pattern", replace(own, write=_ANYTHING), tried),
        ("may read everything", "widen a pattern", replace(own, read=_ANYTHING), tried),
        # Without anchors it fits names that only a table knows to be none of the user's.
        (
            "may write what holds a name of its own",
            "unanchor a pattern",
            replace(own, write=own.write.strip("^$")),
            _USERS,
        ),
        (
            "may read what holds a name of its own",
            "unanchor a pattern",
            replace(own, read=own.read.strip("^$")),
            _USERS,
        ),
    ):
        wall, vhost = stage.servers.broker_wall(), stage.topology.broker.vhost
        yield Mutant(
            f"broker: {user.name} {how}",
            operator,
            stage.topology.broker.name,
            partial(wall.permit, user.name, vhost, wider),
            partial(wall.permit, user.name, vhost, own),
            probes,
        )


def _tagged(stage: Stage, user: BrokerUser) -> Iterator[Mutant]:
    wall = stage.servers.broker_wall()
    for tag in ("management", "administrator"):
        yield Mutant(
            f"broker: {user.name} is tagged {tag}",
            "tag a service's user",
            stage.topology.broker.name,
            partial(wall.tag, user.name, (tag,)),
            partial(wall.tag, user.name, ()),
            {"isolation/broker-management": partial(broker.management, users=(user,))},
        )


def _elsewhere(stage: Stage) -> Iterator[Mutant]:
    """The virtual host that a broker has when nobody made another: made once, for it takes a second, then entered."""
    wall = stage.servers.broker_wall()
    try:
        wall.make_vhost(DEFAULT_VHOST)
        for user in broker_users(stage.topology):
            yield Mutant(
                f"broker: {user.name} may enter the default virtual host",
                "open another virtual host",
                stage.topology.broker.name,
                partial(wall.permit, user.name, DEFAULT_VHOST, Patterns(_ANYTHING, _ANYTHING, _ANYTHING)),
                partial(wall.forbid, user.name, DEFAULT_VHOST),
                {
                    "isolation/broker-vhosts": partial(
                        broker.vhosts, users=(user,), names={DEFAULT_VHOST: DEFAULT_VHOST}
                    )
                },
            )
    finally:
        wall.delete_vhost(DEFAULT_VHOST)


def _strangers(stage: Stage) -> Iterator[Mutant]:
    wall, vhost = stage.servers.broker_wall(), stage.topology.broker.vhost
    for name, password in ((GUEST, GUEST), (new_name(stage, "stranger"), new_password())):

        def loosen(name: str = name, password: str = password) -> None:
            wall.make_user(name, password)
            wall.permit(name, vhost, Patterns(_ANYTHING, _ANYTHING, _ANYTHING))

        yield Mutant(
            f"broker: a user {name if name == GUEST else 'nobody planned'}",
            "make a user",
            stage.topology.broker.name,
            loosen,
            partial(wall.delete_user, name),
            _USERS,
        )
