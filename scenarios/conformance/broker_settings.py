"""Section 6: the broker's documented settings, plugins, exchanges and policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scenarios.conformance.broker import broker_scenario, each_node, not_documented
from sim.checks import tables
from sim.checks.facts import (
    Fact,
    ask,
    at_least,
    equals,
    every,
    setting,
)
from sim.plan.model import ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import BrokerCluster

_SECTION = "6"


def _tuning(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "tuning", spec.name, lambda: cluster.tuning(spec.name))


def _tuned(name: str, key: str, holds: str) -> Fact:
    return Fact("tuning", _SECTION, lambda e: tables.on_brokers(e, e.topology.broker.config[name]), setting(key), holds)


def _settings(*keys: str) -> Callable[[Stage, ServerSpec, BrokerCluster], None]:
    """Some keys alone: a node's whole environment holds more than a report may show."""

    def observe(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
        def chosen() -> dict[str, Any]:
            environment = cluster.environment(spec.name)
            return {key: environment[key] for key in keys if key in environment}

        ask(stage, "environment", spec.name, chosen)

    return observe


def _effective(key: str, documented: Callable[[Evidence], str], holds: str) -> Fact:
    return Fact("environment", _SECTION, lambda e: tables.on_brokers(e, documented(e)), setting(key), holds)


def _setting_scenario(name: str, claim: str, key: str, documented: Callable[[Evidence], str]) -> Scenario:
    return broker_scenario(
        name, claim, each_node(_settings(key)), _effective(key, documented, f"{key} is as documented")
    )


def _plugins(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "plugins", spec.name, lambda: cluster.plugins(spec.name))


def _vhosts(stage: Stage) -> None:
    cluster = stage.servers.broker()
    ask(stage, "vhosts", stage.topology.broker.name, cluster.vhosts)


def _exchanges(stage: Stage) -> None:
    cluster = stage.servers.broker()
    ask(stage, "exchanges", stage.topology.broker.name, lambda: cluster.exchanges(stage.topology.broker.vhost))


def _documented_exchanges(evidence: Evidence) -> Mapping[str, Any]:
    broker = evidence.topology.broker
    return {broker.name: {exchange.name: exchange.type for exchange in broker.exchanges}}


def _exchange_problem(observed: Any, documented: Any) -> str:
    wrong = at_least("exchanges")(list(observed), list(documented))
    types = [
        f"{name} is {observed[name]}, documented {kind}"
        for name, kind in documented.items()
        if observed.get(name, kind) != kind
    ]
    return "; ".join(part for part in (wrong, *types) if part)


def _policies(stage: Stage) -> None:
    cluster = stage.servers.broker()
    broker = stage.topology.broker

    def definitions() -> list[Any]:
        return [policy["definition"] for policy in cluster.policies(broker.vhost).values()]

    ask(stage, "policies", broker.name, definitions)


def _dead_letter_policy(observed: Any, documented: Any) -> str:
    exchange, ttl_ms = documented
    naming = [definition for definition in observed if definition.get("dead-letter-exchange") == exchange]
    if not naming:
        return f"no policy sends dead letters to {exchange}"
    return equals("message-ttl in ms")(naming[0].get("message-ttl"), ttl_ms)


SCENARIOS = (
    broker_scenario(
        "connection-tuning",
        "Nodes propose the documented heartbeat, frame size and number of channels to every client.",
        each_node(_tuning),
        every(
            _tuned("heartbeat", "heartbeat_s", "the documented heartbeat"),
            _tuned("frame_max", "frame_max_bytes", "the documented frame size"),
            _tuned("channel_max", "channel_max", "the documented number of channels"),
        ),
    ),
    _setting_scenario(
        "memory-watermark",
        "Publishers are held back once a node uses the documented share of its memory.",
        "vm_memory_high_watermark.relative",
        lambda e: e.topology.broker.config["vm_memory_high_watermark.relative"],
    ),
    _setting_scenario(
        "disk-limit",
        "Publishers are held back once free disk falls below the documented multiple of memory.",
        "disk_free_limit.relative",
        lambda e: e.topology.broker.config["disk_free_limit.relative"],
    ),
    broker_scenario(
        "master-locator",
        "Classic queues would start on the node with the fewest masters (C16).",
        each_node(_settings("queue_master_locator")),
        Fact(
            "environment",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.config["queue_master_locator"]),
            setting("queue_master_locator"),
            "queue_master_locator is as documented",
            # Later releases drop the setting together with the mirrored queues it was made for.
            excused=not_documented,
        ),
    ),
    _setting_scenario(
        "partition-handling",
        "A partitioned cluster would heal by itself in the documented mode (C9).",
        "cluster_partition_handling",
        lambda e: e.topology.broker.partition_handling,
    ),
    broker_scenario(
        "plugins",
        "The documented plugins are enabled on every node.",
        each_node(_plugins),
        Fact(
            "plugins",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.plugins),
            at_least("enabled plugins"),
            "all documented plugins are enabled",
        ),
    ),
    broker_scenario(
        "default-queue-type",
        "Queues of the application's virtual host are quorum queues unless declared otherwise.",
        _vhosts,
        Fact(
            "vhosts",
            _SECTION,
            lambda e: {e.topology.broker.name: (e.topology.broker.vhost, e.topology.broker.default_queue_type)},
            lambda observed, documented: setting(documented[0])(observed, documented[1]),
            "the virtual host's default queue type is as documented",
        ),
    ),
    broker_scenario(
        "exchanges",
        "A direct, a topic, a fanout and a headers exchange are there for the services.",
        _exchanges,
        Fact("exchanges", _SECTION, _documented_exchanges, _exchange_problem, "every documented exchange is there"),
    ),
    broker_scenario(
        "dead-letter-policy",
        "Messages that fail or expire go to the dead-letter exchange, by policy and not by each service's goodwill.",
        _policies,
        Fact(
            "policies",
            _SECTION,
            lambda e: {
                e.topology.broker.name: (
                    e.topology.broker.dead_letter_exchange,
                    round(e.topology.broker.message_ttl_s * 1000),
                )
            },
            _dead_letter_policy,
            "the policy names the dead-letter exchange and the expiry",
        ),
    ),
)
