"""Section 6: whom the broker lets in, and whom it turns away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scenarios.conformance.broker import broker_scenario, each_node
from sim.checks import tables
from sim.checks.facts import (
    Fact,
    accepted,
    ask,
    every,
    refused,
)
from sim.plan.model import ServerSpec
from sim.scenario import Stage
from sim.servers.protocol import BrokerCluster

_SECTION = "6"


def _own_handshake(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    facts, password = spec.facts, stage.servers.secret(spec.facts["password_secret"])
    ask(stage, "handshake", spec.name, lambda: cluster.handshake(spec.name, facts["user"], password, facts["vhost"]))


def _handshake_with(
    op: str, login: Callable[[Stage, ServerSpec], tuple[str, str, str]]
) -> Callable[[Stage, ServerSpec, BrokerCluster], None]:
    """The right login beside the wrong one: a node that refuses everybody proves nothing."""

    def observe(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
        _own_handshake(stage, spec, cluster)
        user, password, vhost = login(stage, spec)
        ask(stage, op, spec.name, lambda: cluster.handshake(spec.name, user, password, vhost))

    return observe


_LET_IN = Fact(
    "handshake", _SECTION, lambda e: tables.on_brokers(e, None), accepted, "the application's user is let in"
)


def _turned_away(op: str, code: str, holds: str) -> Fact:
    return Fact(op, _SECTION, lambda e: tables.on_brokers(e, (code,)), refused, holds)


def _guest(stage: Stage) -> None:
    cluster = stage.servers.broker()
    ask(stage, "users", stage.topology.broker.name, lambda: sorted(cluster.users()))
    each_node(_handshake_with("handshake-guest", lambda _stage, spec: ("guest", "guest", spec.facts["vhost"])))(stage)


def _no_guest(observed: Any, _documented: Any) -> str:
    return "the well-known user guest exists" if "guest" in observed else ""


SCENARIOS = (
    broker_scenario(
        "no-guest",
        "The well-known guest account does not exist, and its password opens nothing.",
        _guest,
        every(
            Fact("users", _SECTION, lambda e: {e.topology.broker.name: None}, _no_guest, "there is no user guest"),
            _LET_IN,
            _turned_away("handshake-guest", "403", "guest is refused (403)"),
        ),
    ),
    broker_scenario(
        "wrong-password",
        "A wrong password is turned away by every node where the right one opens.",
        each_node(
            _handshake_with(
                "handshake-wrong-password",
                lambda stage, s: (s.facts["user"], f"wrong-{stage.rng.getrandbits(64):016x}", s.facts["vhost"]),
            )
        ),
        every(_LET_IN, _turned_away("handshake-wrong-password", "403", "a wrong password is refused (403)")),
    ),
    broker_scenario(
        "foreign-vhost",
        "The application's user can enter no virtual host but its own.",
        each_node(
            _handshake_with(
                "handshake-foreign-vhost",
                lambda stage, s: (s.facts["user"], stage.servers.secret(s.facts["password_secret"]), "/"),
            )
        ),
        every(_LET_IN, _turned_away("handshake-foreign-vhost", "530", "another virtual host is refused (530)")),
    ),
)
