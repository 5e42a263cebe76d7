"""Sections 8 and 10: what each user of the cache may touch, and what whoever has no password may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from scenarios.isolation.asking import control, new_name, new_password, put, told
from sim.checks import cache_wall
from sim.checks.facts import Fact, ask
from sim.checks.walls import RESP, Wall, controlled
from sim.plan.access import CacheUser, cache_users
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.answers import Answer
from sim.servers.cache_deeds import ON_ALL, ON_KEYS
from sim.verdict import Verdict

_ACL = "Redis documentation: ACL"
_PROBE = ("GET", "sim-canary")


def canary(stage: Stage) -> None:
    """A user that should not be is made, reads a key, is deleted, and is refused."""
    wall, name, password = stage.servers.cache_wall(), new_name(stage, "canary"), new_password()

    @contextmanager
    def made() -> Iterator[None]:
        try:
            wall.set_user(name, "reset", "on", f">{password}", "~sim-canary", "+@all", "-@dangerous")
            yield
        finally:
            wall.delete_user(name)

    def read() -> Answer:
        return wall.attempts(name, password, (_PROBE,))[0]

    control(stage, wall.name, made, read)


def _password(stage: Stage, user: CacheUser) -> str:
    return stage.servers.secret(user.password_secret)


def strangers(stage: Stage) -> None:
    """Everybody who has no right to come in."""
    wall, known = stage.servers.cache_wall(), cache_users(stage.topology)
    wrong = f"wrong-{stage.rng.getrandbits(64):016x}"
    others = (*known[1:], *known[:1])
    logins: tuple[tuple[str | None, str | None], ...] = (
        (None, None),
        (cache_wall.DEFAULT, ""),
        (cache_wall.DEFAULT, wrong),
        *((user.name, "") for user in known),
        *((user.name, _password(stage, other)) for user, other in zip(known, others, strict=True)),
    )
    sent = [deed.command for deed in cache_wall.WITHOUT_LOGIN]
    asked = [(deed.name, "") for deed in cache_wall.WITHOUT_LOGIN]
    for who, (name, password) in zip(cache_wall.strangers(stage.topology), logins, strict=True):
        put(stage, who, wall.name, asked, partial(wall.attempts, name, password, sent))


def keys(stage: Stage, users: tuple[CacheUser, ...]) -> None:
    """Every prefix, as each of ``users``."""
    wall = stage.servers.cache_wall()
    key = f"sim-probe-{stage.rng.getrandbits(40):010x}"
    tried = [(deed, prefix) for prefix in cache_wall.prefixes(stage.topology) for deed in ON_KEYS]
    asked = [(deed.name, f"{prefix}*") for deed, prefix in tried]
    sent = [deed.on(f"{prefix}{key}") for deed, prefix in tried]
    for user in users:
        put(stage, user.name, wall.name, asked, partial(wall.attempts, user.name, _password(stage, user), sent))


def commands(stage: Stage, users: tuple[CacheUser, ...]) -> None:
    """Every command that concerns the whole server, as each of ``users``."""
    wall = stage.servers.cache_wall()
    deeds = (cache_wall.WITHOUT_LOGIN[0], *ON_ALL)
    for user in users:
        # A command that takes a key is given one of the user's own: it is the command that must be refused.
        sent = [deed.on(f"{user.prefix}sim-probe") for deed in deeds]
        attempts = partial(wall.attempts, user.name, _password(stage, user), sent)
        put(stage, user.name, wall.name, [(deed.name, "") for deed in deeds], attempts)


def users(stage: Stage) -> None:
    """Everybody the cache knows."""
    wall = stage.servers.cache_wall()
    ask(stage, "users", wall.name, wall.users)


def _controlled(observe: Callable[[Stage], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        canary(stage)
        observe(stage)

    return rehearse


def _as_everybody(observe: Callable[[Stage, tuple[CacheUser, ...]], None]) -> Callable[[Stage], None]:
    return _controlled(lambda stage: observe(stage, cache_users(stage.topology)))


def _scenario(
    name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[[Evidence], Verdict]
) -> Scenario:
    return Scenario(f"isolation/cache-{name}", claim, "10", ("redis",), told(judge, rehearse), judge, source=_ACL)


SCENARIOS = (
    _scenario(
        "strangers",
        "Without its password nobody gets anything from the cache: neither the nameless, nor default, nor a service.",
        _controlled(strangers),
        Wall(cache_wall.expected_strangers, RESP, "whoever has no password is refused"),
    ),
    _scenario(
        "keys",
        "A service reads and writes keys of its own prefix, in scripts too; every other's is NOPERM.",
        _as_everybody(keys),
        Wall(cache_wall.expected_keys, RESP, "each service has its own keys and no other's"),
    ),
    _scenario(
        "commands",
        "No service empties, inspects, configures or stops the cache: FLUSHALL, CONFIG, KEYS, ACL, DEBUG are refused.",
        _as_everybody(commands),
        Wall(cache_wall.expected_commands, RESP, "no service runs a command that concerns the whole server"),
    ),
    _scenario(
        "users",
        "The cache's users, their prefixes and their commands are the planned ones, each with one password.",
        _controlled(users),
        controlled(Fact("users", "10", cache_wall.expected_users, cache_wall.users_problem, "users as planned"), RESP),
    ),
)
