"""The users of the in-memory Redis, and what their rules allow."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from sim.errors import Refused
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.redis import FakeRedisState, FakeRedisUser
from sim.servers.answers import YES, Answer
from sim.servers.cache_deeds import ON_ALL, CacheAcl

_DEFAULT = "default"
_DANGEROUS = frozenset(deed.command[0] for deed in ON_ALL)
_CATEGORIES: Mapping[str, frozenset[str]] = {"@dangerous": _DANGEROUS, "@admin": _DANGEROUS}


class FakeCacheWall:
    """Implements :class:`sim.servers.walls.CacheWall`."""

    def __init__(self, name: str, state: FakeRedisState, processes: FakeProcesses) -> None:
        self.name = name
        self._state = state
        self._processes = processes

    def attempts(
        self, user: str | None, password: str | None, commands: Sequence[tuple[str, ...]]
    ) -> tuple[Answer, ...]:
        known = self._known()
        found = known.get(user or _DEFAULT)
        if password is None and "nopass" not in known[_DEFAULT].flags:
            return tuple(Answer(accepted=False, code="NOAUTH", message="Authentication required.") for _ in commands)
        if found is None or ("nopass" not in found.flags and password is not None and found.password != password):
            return (Answer(accepted=False, code="WRONGPASS", message="invalid username-password pair"),)
        return tuple(_tried(found, command) for command in commands)

    def users(self) -> Mapping[str, CacheAcl]:
        return {
            name: CacheAcl(user.flags, user.keys, user.commands, 0 if "nopass" in user.flags else 1)
            for name, user in self._known().items()
        }

    def set_user(self, user: str, *rules: str) -> None:
        known = self._known()
        if user == _DEFAULT:
            self._set_default(rules)
        else:
            self._state.users[user] = known.get(user, FakeRedisUser.new()).after(rules)

    def delete_user(self, user: str) -> None:
        self._known()
        self._state.users.pop(user, None)

    def rules(self, user: str) -> tuple[str, ...]:
        known = self._known().get(user)
        if known is None:
            raise Refused(f"{self.name} has no user {user}.", "NOUSER")
        return ("reset", *sorted(known.flags), f">{known.password}", *sorted(known.keys), *known.commands)

    def _known(self) -> Mapping[str, FakeRedisUser]:
        self._processes.require(self.name)
        return {_DEFAULT: self._default(), **self._state.users}

    def _default(self) -> FakeRedisUser:
        state = self._state
        open_to_all = state.any_password or state.password is None
        flags = frozenset({"on", "nopass"} if open_to_all else {"on"})
        return FakeRedisUser(flags, state.password or "", frozenset({"~*"}), ("+@all",))

    def _set_default(self, rules: Sequence[str]) -> None:
        """Its password is the configuration's; whether one is asked for is all that is modelled of it."""
        after = self._default().after(rules)
        self._state.any_password = "nopass" in after.flags


def _tried(user: FakeRedisUser, command: tuple[str, ...]) -> Answer:
    word = command[0]
    if not _may_run(user, word):
        return Answer(accepted=False, code="NOPERM", message=f"no permissions to run the '{word.lower()}' command")
    keys = _keys_of(command)
    patterns = [pattern.removeprefix("~") for pattern in user.keys]
    if any(not any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns) for key in keys):
        return Answer(accepted=False, code="NOPERM", message="no permissions to access one of the keys")
    if word in _DANGEROUS and "SIM-PROBE" in command:
        return Answer(accepted=False, code="ERR", message="syntax error")
    return YES


def _may_run(user: FakeRedisUser, word: str) -> bool:
    allowed = False
    for rule in user.commands:
        about = rule[1:]
        if about == "@all" or word in _CATEGORIES.get(about, frozenset({about.upper()})):
            allowed = rule.startswith("+")
    return allowed


def _keys_of(command: tuple[str, ...]) -> tuple[str, ...]:
    word = command[0]
    if word in _DANGEROUS or word == "PING":
        return ()
    if word == "EVAL":
        named = command[3 : 3 + int(command[2])]
        quoted = command[1].partition("'GET', '")[2].partition("'")[0]
        return (*named, *([quoted] if quoted else []))
    return command[1:2]
