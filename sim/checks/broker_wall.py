"""What each user of the broker may do, by the patterns its work takes (sections 6 and 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import exactly
from sim.checks.walls import Access, Question
from sim.plan.access import COORDINATOR, BrokerUser, broker_users, unclaimed_exchange, unclaimed_queue
from sim.plan.rabbitmq import ADMIN_USER, APPLICATION_USER
from sim.scenario import Evidence
from sim.servers.broker_deeds import BrokerDeed, Patterns
from sim.services.contract.queues import dead_letter_queue, events_queue, requests_queue
from sim.topology.model import Topology
from sim.topology.names import deployment_names

GUEST = "guest"
LOG_IN = "log in"
OWN_VHOST, ANOTHERS_VHOST, DEFAULT_VHOST = "its own virtual host", "another's virtual host", "/"
STRAY = "a queue of nobody's"
NEW = "a new queue"
PATHS = ("whoami", "overview", "queues", "connections", "users", "permissions", "definitions", "nodes")
"""Of the management API: what an operator reads there."""


def patterns(user: BrokerUser) -> Patterns:
    return Patterns(user.configure, user.write, user.read)


def deeds(topology: Topology, user: BrokerUser) -> tuple[BrokerDeed, ...]:
    """Everything to try as ``user``: every queue and exchange of the contract, but for what would disturb its owner.

    What the user is allowed is tried only where that harms nobody: its own queues are consumed for a moment, nothing
    it may delete is deleted, and the coordinator, who may do most, takes no other's messages.
    """
    allowed = patterns(user)
    every = (*_on_queues(topology), *_on_exchanges(topology))
    return tuple(deed for deed in every if not deed.allowed_by(allowed) or _harmless(topology, user, deed))


def _harmless(topology: Topology, user: BrokerUser, deed: BrokerDeed) -> bool:
    if deed.action == "consume":
        return user.name != topology.services[COORDINATOR].name
    return deed.action in {"publish", "unbind"}


def _on_queues(topology: Topology) -> Iterator[BrokerDeed]:
    direct = next(e.name for e in topology.broker.exchanges if e.type == "direct")
    for queue in queues(topology):
        yield BrokerDeed("delete-queue", queue)
        yield BrokerDeed("consume", queue)
        yield BrokerDeed("unbind", queue, direct)


def _on_exchanges(topology: Topology) -> Iterator[BrokerDeed]:
    broker = topology.broker
    for exchange in (*(e.name for e in broker.exchanges), broker.dead_letter_exchange, unclaimed_exchange(broker)):
        yield BrokerDeed("publish", exchange)
        yield BrokerDeed("redeclare-exchange", exchange)
    yield BrokerDeed("publish", "")


def queues(topology: Topology) -> tuple[str, ...]:
    """Every queue of the contract."""
    kinds = (requests_queue, events_queue, dead_letter_queue)
    # Every deployment owns three, whether it hears events or not: permissions know no more than names.
    named = [kind(owner) for owner in deployment_names(topology) if owner != topology.gateway.name for kind in kinds]
    return (*named, unclaimed_queue(topology.broker))


def asked(deed: BrokerDeed) -> tuple[str, str]:
    """A deed as (action, resource), in words."""
    action = f"unbind from {deed.exchange}" if deed.action == "unbind" else deed.action
    return action, deed.resource or "the default exchange"


def expected_resources(evidence: Evidence) -> Mapping[Question, Access]:
    topology = evidence.topology
    return {
        Question(user.name, *asked(deed), topology.broker.name): _let(deed, patterns(user))
        for user in broker_users(topology)
        for deed in deeds(topology, user)
    }


def stray_deeds(stray: str, new: str, exchange: str) -> tuple[tuple[BrokerDeed, str], ...]:
    """What is tried with queues the contract does not know, with what they stand for."""
    return (
        (BrokerDeed("declare-queue", new), NEW),
        (BrokerDeed("consume", stray), STRAY),
        (BrokerDeed("purge", stray), STRAY),
        (BrokerDeed("delete-queue", stray), STRAY),
        (BrokerDeed("unbind", stray, exchange), STRAY),
    )


def expected_strays(evidence: Evidence) -> Mapping[Question, Access]:
    name = evidence.topology.broker.name
    return {
        Question(user.name, deed.action, kind, name): Access.REFUSED
        for user in broker_users(evidence.topology)
        for deed, kind in stray_deeds(STRAY, NEW, "")
    }


def expected_vhosts(evidence: Evidence) -> Mapping[Question, Access]:
    name = evidence.topology.broker.name
    vhosts = {OWN_VHOST: Access.LET_IN, ANOTHERS_VHOST: Access.REFUSED, DEFAULT_VHOST: Access.REFUSED}
    return {
        Question(user.name, LOG_IN, vhost, name): access
        for user in broker_users(evidence.topology)
        for vhost, access in vhosts.items()
    }


def expected_guest(evidence: Evidence) -> Mapping[Question, Access]:
    return {
        Question(GUEST, LOG_IN, vhost, node): Access.REFUSED
        for node in tables.broker_nodes(evidence)
        for vhost in (OWN_VHOST, DEFAULT_VHOST)
    }


def expected_management(evidence: Evidence) -> Mapping[Question, Access]:
    name = evidence.topology.broker.name
    return {
        Question(user.name, "read", path, name): Access.REFUSED
        for user in broker_users(evidence.topology)
        for path in PATHS
    }


def expected_users(evidence: Evidence) -> Mapping[str, Any]:
    """Every user with its tags and its patterns, the rig's two included."""
    everything = [".*", ".*", ".*"]
    services = {
        u.name: {"tags": [], "patterns": [u.configure, u.write, u.read]} for u in broker_users(evidence.topology)
    }
    rig = {
        ADMIN_USER: {"tags": ["administrator"], "patterns": everything},
        APPLICATION_USER: {"tags": [], "patterns": everything},
    }
    return {evidence.topology.broker.name: {"users": {**services, **rig}, "elsewhere": []}}


def users_problem(observed: Any, documented: Any) -> str:
    found, wanted = observed["users"], documented["users"]
    lines = [exactly("users")(sorted(found), sorted(wanted)), exactly("rights elsewhere")(observed["elsewhere"], [])]
    lines += [
        f"{name} has {what} {' '.join(found[name][what]) or 'none'}, planned {' '.join(wanted[name][what]) or 'none'}"
        for name in sorted(found.keys() & wanted.keys())
        for what in ("tags", "patterns")
        if list(found[name][what]) != wanted[name][what]
    ]
    return "; ".join(line for line in lines if line)


def _let(deed: BrokerDeed, allowed: Patterns) -> Access:
    return Access.LET_IN if deed.allowed_by(allowed) else Access.REFUSED
