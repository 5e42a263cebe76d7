"""What each user of the cache may do, by its one prefix (sections 8 and 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.checks.facts import exactly
from sim.checks.walls import Access, Question
from sim.plan.access import cache_users
from sim.scenario import Evidence
from sim.servers.cache_deeds import ON_ALL, ON_KEYS, CacheDeed
from sim.topology.model import Topology

DEFAULT = "default"
NOBODY = "nobody"
WITHOUT_LOGIN = (
    CacheDeed("ping", ("PING",)),
    CacheDeed("read a key", ("GET", "sim-probe")),
    CacheDeed("list all keys", ("KEYS", "sim-probe-none")),
    CacheDeed("read settings", ("CONFIG", "GET", "maxmemory")),
    CacheDeed("list users", ("ACL", "LIST")),
)
"""What is tried by whoever should not come in at all."""


def strangers(topology: Topology) -> tuple[str, ...]:
    """Everybody who has no right to come in, by what they try."""
    users = [user.name for user in cache_users(topology)]
    return (
        NOBODY,
        f"{DEFAULT} without a password",
        f"{DEFAULT} with a wrong password",
        *(f"{user} without a password" for user in users),
        *(f"{user} with another's password" for user in users),
    )


def prefixes(topology: Topology) -> tuple[str, ...]:
    """Each user's own, and one that belongs to nobody."""
    return (*(user.prefix for user in cache_users(topology)), "sim-probe:")


def expected_strangers(evidence: Evidence) -> Mapping[Question, Access]:
    name = evidence.topology.cache.name
    return {
        Question(who, deed.name, "", name): Access.REFUSED
        for who in strangers(evidence.topology)
        for deed in WITHOUT_LOGIN
    }


def expected_keys(evidence: Evidence) -> Mapping[Question, Access]:
    topology = evidence.topology
    return {
        Question(user.name, deed.name, f"{prefix}*", topology.cache.name): (
            Access.LET_IN if prefix == user.prefix else Access.REFUSED
        )
        for user in cache_users(topology)
        for prefix in prefixes(topology)
        for deed in ON_KEYS
    }


def expected_commands(evidence: Evidence) -> Mapping[Question, Access]:
    """A service may touch its keys and nothing that concerns the whole server; PING shows that it is let in at all."""
    topology = evidence.topology
    return {
        Question(user.name, deed.name, "", topology.cache.name): access
        for user in cache_users(topology)
        for access, deeds in ((Access.LET_IN, WITHOUT_LOGIN[:1]), (Access.REFUSED, ON_ALL))
        for deed in deeds
    }


def expected_users(evidence: Evidence) -> Mapping[str, Any]:
    services = {user.name: [f"~{user.prefix}*"] for user in cache_users(evidence.topology)}
    return {evidence.topology.cache.name: {**services, DEFAULT: ["~*"]}}


def users_problem(observed: Any, documented: Any) -> str:
    """Users and prefixes exactly; rules may take away more than planned, and give nothing but the safe commands."""
    lines = [exactly("users")(sorted(observed), sorted(documented))]
    for name in sorted(observed.keys() & documented.keys()):
        user = observed[name]
        lines.append(exactly(f"keys of {name}")(user["keys"], documented[name]))
        lines.append(exactly(f"flags of {name}")(set(user["flags"]) & {"on", "off", "nopass"}, ["on"]))
        given = [rule for rule in user["commands"] if rule.startswith("+")]
        lines.append(exactly(f"commands given to {name}")(given, ["+@all"]))
        if name != DEFAULT and "-@dangerous" not in user["commands"]:
            lines.append(f"{name} may run dangerous commands: {' '.join(user['commands'])}")
        if user["passwords"] != 1:
            lines.append(f"{name} has {user['passwords']} passwords, planned 1")
    return "; ".join(line for line in lines if line)
