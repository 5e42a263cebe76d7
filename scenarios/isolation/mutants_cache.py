"""Every rule of the cache's users, widened."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from scenarios.isolation import cache
from scenarios.isolation.asking import new_name, new_password
from scenarios.isolation.mutant import Mutant, Probes
from sim.checks.cache_wall import DEFAULT
from sim.plan.access import CacheUser, cache_users
from sim.scenario import Stage
from sim.servers.cache_deeds import ON_ALL

_KEYS, _COMMANDS, _STRANGERS = "isolation/cache-keys", "isolation/cache-commands", "isolation/cache-strangers"


def mutants(stage: Stage) -> Iterator[Mutant]:
    users = cache_users(stage.topology)
    for user, other in zip(users, (*users[1:], *users[:1]), strict=True):
        keys: Probes = {_KEYS: partial(cache.keys, users=(user,))}
        commands: Probes = {_COMMANDS: partial(cache.commands, users=(user,))}
        yield _ruled(stage, user.name, "~*", "widen a prefix", keys)
        yield _ruled(stage, user.name, f"~{other.prefix}*", "widen a prefix", keys)
        for word in dict.fromkeys(deed.command[0].lower() for deed in ON_ALL if deed.command[0] != "DEBUG"):
            yield _ruled(stage, user.name, f"+{word}", "allow a command", commands)
        yield _ruled(stage, user.name, "+@all", "allow a category", commands)
        yield _ruled(stage, user.name, "nopass", "ask for no password", {_STRANGERS: cache.strangers})
    yield _ruled(stage, DEFAULT, "nopass", "ask for no password", {_STRANGERS: cache.strangers})
    yield _stranger(stage, users[0])


def _ruled(stage: Stage, user: str, rule: str, operator: str, probes: Probes) -> Mutant:
    wall = stage.servers.cache_wall()
    kept: list[str] = []

    def loosen() -> None:
        kept.extend(wall.rules(user))
        wall.set_user(user, rule)

    def undo() -> None:
        if kept:
            wall.set_user(user, *kept)

    return Mutant(f"cache: {user} {rule}", operator, wall.name, loosen, undo, probes)


def _stranger(stage: Stage, like: CacheUser) -> Mutant:
    wall, name = stage.servers.cache_wall(), new_name(stage, "stranger")
    return Mutant(
        "cache: a user nobody planned",
        "make a user",
        wall.name,
        partial(wall.set_user, name, "reset", "on", f">{new_password()}", f"~{like.prefix}*", "+@all"),
        partial(wall.delete_user, name),
        {"isolation/cache-users": cache.users},
    )
