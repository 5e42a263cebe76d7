"""Section 6: the RabbitMQ cluster's nodes, settings, accounts and endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sim.checks import tables
from sim.checks.facts import (
    Doubt,
    Fact,
    accepted,
    ask,
    at_least,
    equals,
    every,
    exactly,
    observe_state,
    refused,
    running,
    setting,
)
from sim.plan.model import ServerSpec
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import BrokerCluster

_SECTION = "6"
_METRICS = ("rabbitmq_build_info", "rabbitmq_queues")


def _each(observe: Callable[[Stage, ServerSpec, BrokerCluster], None]) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        cluster = stage.servers.broker()
        for spec in stage.plan.of_kind("rabbitmq"):
            observe(stage, spec, cluster)

    return rehearse


def _scenario(name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[..., Any]) -> Scenario:
    return Scenario(f"conformance/broker-{name}", claim, _SECTION, ("rabbitmq",), rehearse, judge)


def _running(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    observe_state(stage, spec.name)
    ask(stage, "running-nodes", spec.name, lambda: cluster.running_nodes(spec.name))


def _partitions(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "partitions", spec.name, lambda: cluster.partitions(spec.name))


def _version(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "version", spec.name, lambda: cluster.version(spec.name))


def _version_problem(observed: Any, documented: Any) -> str:
    return "" if tables.is_documented_version(observed, documented) else f"runs {observed}, not {documented.documented}"


def _not_documented(evidence: Evidence, _observed: Any, _documented: Any) -> str:
    return tables.not_the_documented_image(evidence, "rabbitmq")


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
    return _scenario(name, claim, _each(_settings(key)), _effective(key, documented, f"{key} is as documented"))


def _plugins(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    ask(stage, "plugins", spec.name, lambda: cluster.plugins(spec.name))


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
    _each(_handshake_with("handshake-guest", lambda _stage, spec: ("guest", "guest", spec.facts["vhost"])))(stage)


def _no_guest(observed: Any, _documented: Any) -> str:
    return "the well-known user guest exists" if "guest" in observed else ""


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


def _metrics(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    def present() -> dict[str, Any]:
        lines = cluster.metrics(spec.name).splitlines()
        names = {line.partition("{")[0].partition(" ")[0] for line in lines if not line.startswith("#")}
        return {"port": spec.port("metrics").number, "names": sorted(names & set(_METRICS))}

    ask(stage, "metrics", spec.name, present)


def _metrics_problem(observed: Any, documented: Any) -> str:
    port = equals("metrics port")(observed["port"], documented)
    return port or at_least("metrics")(observed["names"], _METRICS)


def _management(stage: Stage, spec: ServerSpec, cluster: BrokerCluster) -> None:
    def answered() -> dict[str, Any]:
        return {"port": spec.port("management").number, "sees_itself": spec.name in cluster.running_nodes(spec.name)}

    ask(stage, "management", spec.name, answered)


def _management_problem(observed: Any, documented: Any) -> str:
    if not observed["sees_itself"]:
        return Doubt("its management interface answered for a cluster without it")
    return equals("management port")(observed["port"], documented)


SCENARIOS = (
    _scenario(
        "cluster-members",
        "Three nodes run as one cluster, and each of them sees all three.",
        _each(_running),
        every(
            running(_SECTION, lambda e: tables.on_brokers(e, "running")),
            Fact(
                "running-nodes",
                _SECTION,
                lambda e: tables.on_brokers(e, tables.broker_nodes(e)),
                exactly("running nodes in its eyes"),
                "every node sees all members run",
            ),
        ),
    ),
    _scenario(
        "no-partitions",
        "No node believes that another is on the far side of a partition.",
        _each(_partitions),
        Fact("partitions", _SECTION, lambda e: tables.on_brokers(e, []), exactly("partitions"), "no partition is seen"),
    ),
    _scenario(
        "version",
        "Every node runs RabbitMQ of the documented release line.",
        _each(_version),
        Fact(
            "version",
            _SECTION,
            lambda e: tables.on_brokers(e, e.images["rabbitmq"]) if "rabbitmq" in e.images else {},
            _version_problem,
            "the documented release line runs",
            excused=_not_documented,
        ),
    ),
    _scenario(
        "connection-tuning",
        "Nodes propose the documented heartbeat, frame size and number of channels to every client.",
        _each(_tuning),
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
    _scenario(
        "master-locator",
        "Classic queues would start on the node with the fewest masters (C16).",
        _each(_settings("queue_master_locator")),
        Fact(
            "environment",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.config["queue_master_locator"]),
            setting("queue_master_locator"),
            "queue_master_locator is as documented",
            # Later releases drop the setting together with the mirrored queues it was made for.
            excused=_not_documented,
        ),
    ),
    _setting_scenario(
        "partition-handling",
        "A partitioned cluster would heal by itself in the documented mode (C9).",
        "cluster_partition_handling",
        lambda e: e.topology.broker.partition_handling,
    ),
    _scenario(
        "plugins",
        "The documented plugins are enabled on every node.",
        _each(_plugins),
        Fact(
            "plugins",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.plugins),
            at_least("enabled plugins"),
            "all documented plugins are enabled",
        ),
    ),
    _scenario(
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
    _scenario(
        "exchanges",
        "A direct, a topic, a fanout and a headers exchange are there for the services.",
        _exchanges,
        Fact("exchanges", _SECTION, _documented_exchanges, _exchange_problem, "every documented exchange is there"),
    ),
    _scenario(
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
    _scenario(
        "no-guest",
        "The well-known guest account does not exist, and its password opens nothing.",
        _guest,
        every(
            Fact("users", _SECTION, lambda e: {e.topology.broker.name: None}, _no_guest, "there is no user guest"),
            _LET_IN,
            _turned_away("handshake-guest", "403", "guest is refused (403)"),
        ),
    ),
    _scenario(
        "wrong-password",
        "A wrong password is turned away by every node where the right one opens.",
        _each(
            _handshake_with(
                "handshake-wrong-password",
                lambda stage, s: (s.facts["user"], f"wrong-{stage.rng.getrandbits(64):016x}", s.facts["vhost"]),
            )
        ),
        every(_LET_IN, _turned_away("handshake-wrong-password", "403", "a wrong password is refused (403)")),
    ),
    _scenario(
        "foreign-vhost",
        "The application's user can enter no virtual host but its own.",
        _each(
            _handshake_with(
                "handshake-foreign-vhost",
                lambda stage, s: (s.facts["user"], stage.servers.secret(s.facts["password_secret"]), "/"),
            )
        ),
        every(_LET_IN, _turned_away("handshake-foreign-vhost", "530", "another virtual host is refused (530)")),
    ),
    _scenario(
        "metrics",
        "Each node offers its metrics on the documented port, queue counts included.",
        _each(_metrics),
        Fact(
            "metrics",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.metrics_port),
            _metrics_problem,
            "metrics with queue counts on the documented port",
        ),
    ),
    _scenario(
        "management",
        "Each node's management interface answers on the documented port.",
        _each(_management),
        Fact(
            "management",
            _SECTION,
            lambda e: tables.on_brokers(e, e.topology.broker.management_port),
            _management_problem,
            "the management interface answers on the documented port",
        ),
    ),
)
