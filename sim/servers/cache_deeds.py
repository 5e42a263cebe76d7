"""Redis commands that show what a user may do, each harmless where it is allowed.

Harmless: permissions are checked before arguments, so a command that would do damage is given an argument it must
refuse, and a key has a name nobody uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

KEY = "{key}"
"""Stands for a key below the prefix that is tried."""


@dataclass(frozen=True, slots=True)
class CacheDeed:
    name: str
    command: tuple[str, ...]

    def on(self, key: str) -> tuple[str, ...]:
        return tuple(part.replace(KEY, key) for part in self.command)


ON_KEYS = (
    CacheDeed("read", ("GET", KEY)),
    CacheDeed("write", ("SET", KEY, "sim-probe", "PX", "50")),
    CacheDeed("delete", ("DEL", KEY)),
    CacheDeed("look for", ("EXISTS", KEY)),
    CacheDeed("let expire", ("PEXPIRE", KEY, "50")),
    CacheDeed("read a hash", ("HGETALL", KEY)),
    CacheDeed("read a stream", ("XRANGE", KEY, "-", "+", "COUNT", "1")),
    CacheDeed("read in a script", ("EVAL", "return redis.call('GET', KEYS[1])", "1", KEY)),
    CacheDeed("read in a script that names no key", ("EVAL", f"return redis.call('GET', '{KEY}')", "0")),
)

# All are of Redis' category @dangerous or @admin.
ON_ALL = (
    CacheDeed("empty every database", ("FLUSHALL", "SIM-PROBE")),
    CacheDeed("empty its database", ("FLUSHDB", "SIM-PROBE")),
    CacheDeed("read settings", ("CONFIG", "GET", "maxmemory")),
    CacheDeed("change settings", ("CONFIG", "SET", "sim-probe", "1")),
    CacheDeed("list all keys", ("KEYS", "sim-probe-none")),
    CacheDeed("list users", ("ACL", "LIST")),
    CacheDeed("change users", ("ACL", "SETUSER", "sim-probe", "sim-nonsense")),
    CacheDeed("debug", ("DEBUG", "SIM-PROBE")),
    CacheDeed("shut down", ("SHUTDOWN", "SIM-PROBE")),
    CacheDeed("list clients", ("CLIENT", "LIST")),
    CacheDeed("end a client", ("CLIENT", "KILL", "ID", "0")),
    CacheDeed("read the server's state", ("INFO", "server")),
    CacheDeed("list modules", ("MODULE", "LIST")),
    CacheDeed("swap databases", ("SWAPDB", "9999", "9999")),
    CacheDeed("follow another server", ("REPLICAOF", "SIM", "PROBE")),
    CacheDeed("read the slow log", ("SLOWLOG", "LEN")),
    CacheDeed("save", ("BGSAVE", "SIM-PROBE")),
    CacheDeed("move keys away", ("MIGRATE", "sim", "1", KEY, "0", "1", "SIM-PROBE")),
)


@dataclass(frozen=True, slots=True)
class CacheAcl:
    """One user as ``ACL GETUSER`` tells it. ``commands`` are the rules in order (``+@all``, ``-@dangerous``)."""

    flags: frozenset[str]
    keys: frozenset[str]
    commands: tuple[str, ...]
    passwords: int
    extra: Mapping[str, str] = field(default_factory=dict)
