"""Redis in memory: a password, keys with a time to live, streams and settings, booted from the plan's redis.conf."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from sim.errors import Refused
from sim.plan.model import ServerSpec
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.shelves import FakeEntries, FakeShelf
from sim.servers.protocol import Answer
from sim.servers.shelf import Shelf

_DEFAULTS = {
    "appendonly": "no",
    "appendfsync": "everysec",
    "save": "3600 1 300 100 60 10000",
    "dir": "/",
    "port": "6379",
}
# Settings of the file that CONFIG GET also lists, but that a client has no use for here.
_SECRET = "requirepass"  # noqa: S105 - the setting's name, not a password
_USER = "user"


@dataclass(frozen=True, slots=True)
class FakeRedisUser:
    """One user's rules as ``ACL SETUSER`` takes them; ``commands`` in order, the last that speaks of one decides."""

    flags: frozenset[str]
    password: str
    keys: frozenset[str]
    commands: tuple[str, ...]

    @classmethod
    def new(cls) -> Self:
        return cls(frozenset({"off"}), "", frozenset(), ("-@all",))

    def after(self, rules: Iterable[str]) -> FakeRedisUser:
        user: FakeRedisUser = self
        for rule in rules:
            user = user._with(rule)
        return user

    def _with(self, rule: str) -> FakeRedisUser:
        if rule == "reset":
            return self.new()
        if rule in {"on", "off"}:
            return replace(self, flags=self.flags - {"on", "off"} | {rule})
        if rule == "nopass":
            return replace(self, flags=self.flags | {rule})
        if rule.startswith(">"):
            return replace(self, password=rule[1:], flags=self.flags - {"nopass"})
        if rule.startswith("~"):
            return replace(self, keys=self.keys | {rule})
        commands = (rule,) if rule in {"+@all", "-@all"} else (*self.commands, rule)
        return replace(self, commands=commands)


@dataclass(slots=True)
class FakeRedisState:
    """``values`` are (value, expiry instant or None). ``password`` None lets anybody in.

    ``any_password`` is a default user set to ``nopass``; ``read_only`` a replica, which refuses writes; ``users`` are
    those beside the default one.
    """

    version: str
    password: str | None
    settings: dict[str, str]
    values: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    streams: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    any_password: bool = False
    read_only: bool = False
    users: dict[str, FakeRedisUser] = field(default_factory=dict)
    booted: Mapping[str, str] = field(default_factory=dict)
    entries: FakeEntries = field(init=False)

    def __post_init__(self) -> None:
        self.entries = FakeEntries(lambda: 0.0 if self.settings["appendonly"] == "yes" else math.inf)

    def die(self, now_s: float) -> None:
        self.entries.die(now_s)
        self.settings = dict(self.booted)


def boot(spec: ServerSpec, substitute: Callable[[str], str]) -> FakeRedisState:
    """Read the configuration file named on the command line, as redis-server does."""
    path = next((argument for argument in spec.command[1:] if argument.startswith("/")), "")
    content = substitute(next((f.content for f in spec.files if f.path == path), ""))
    lines = [line.partition(" ") for line in content.splitlines()]
    given = {key: value for key, _, value in lines if key != _USER}
    users = {
        name: FakeRedisUser.new().after(rules)
        for name, *rules in (value.split() for key, _, value in lines if key == _USER)
    }
    password = given.pop(_SECRET, None)
    settings = {**_DEFAULTS, **given}
    return FakeRedisState(spec.image.version, password, settings, users=users, booted=dict(settings))


class FakeCacheServer:
    """The client of one in-memory Redis."""

    def __init__(self, spec: ServerSpec, state: FakeRedisState, processes: FakeProcesses) -> None:
        self.name = spec.name
        self._state = state
        self._processes = processes

    def _reached(self) -> FakeRedisState:
        self._processes.require(self.name)
        return self._state

    def authenticate(self, password: str | None) -> Answer:
        state = self._reached()
        expected = state.password
        if state.any_password:
            return Answer(accepted=True, code="0", message="PONG")
        if password is None and expected is not None:
            return Answer(accepted=False, code="NOAUTH", message="Authentication required.")
        if password is not None and password != expected:
            return Answer(accepted=False, code="WRONGPASS", message="invalid username-password pair")
        return Answer(accepted=True, code="0", message="PONG")

    def session(self) -> FakeCacheSession:
        return FakeCacheSession(self)

    def version(self) -> str:
        return self._reached().version

    def config(self, *names: str) -> Mapping[str, str]:
        settings = self._reached().settings
        return {name: settings[name] for name in names if name in settings}

    def _writable(self) -> FakeRedisState:
        state = self._reached()
        if state.read_only:
            message = "You can't write against a read only replica."
            raise Refused(f"{self.name} refused (READONLY).", "READONLY", evidence=message)
        return state

    def set(self, key: str, value: str, expires_s: int | None = None) -> None:
        state = self._writable()
        with self._processes.lock:
            state.values[key] = (value, None if expires_s is None else self._processes.clock.now_s() + expires_s)

    def _live(self, key: str) -> tuple[str, float | None] | None:
        state = self._reached()
        with self._processes.lock:
            found = state.values.get(key)
            if found is not None and found[1] is not None and self._processes.clock.now_s() >= found[1]:
                del state.values[key]
                return None
            return found

    def get(self, key: str) -> str | None:
        found = self._live(key)
        return None if found is None else found[0]

    def delete(self, *keys: str) -> None:
        state = self._writable()
        with self._processes.lock:
            for key in keys:
                state.values.pop(key, None)
                state.streams.pop(key, None)

    def shelf(self, prefix: str) -> Shelf:
        return FakeShelf(self.name, prefix, self._state.entries, self._processes, can_begin=False)

    def configure(self, name: str, value: str) -> None:
        self._reached().settings[name] = value

    def time_to_live_s(self, key: str) -> int:
        found = self._live(key)
        if found is None:
            return -2
        return -1 if found[1] is None else round(found[1] - self._processes.clock.now_s())

    def stream_round_trip(self, stream: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        state = self._writable()
        with self._processes.lock:
            if stream in state.values:
                raise Refused(f"{self.name} refused (WRONGTYPE).", "WRONGTYPE", evidence="wrong kind of value")
            state.streams.setdefault(stream, []).append(dict(fields))
            return state.streams.pop(stream)[-1]


class FakeCacheSession:
    """One connection: the server answers a pipeline as one."""

    def __init__(self, server: FakeCacheServer) -> None:
        self._server = server

    def pipeline(self, values: Mapping[str, str]) -> None:
        for key, value in values.items():
            self._server.set(key, value)
            if self._server.get(key) != value:
                raise Refused(f"{self._server.name} gave back another value.", "OTHER")

    def close(self) -> None:
        """Nothing is open."""
