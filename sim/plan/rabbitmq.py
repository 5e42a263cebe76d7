"""The RabbitMQ cluster (section 6): three nodes named as the cluster operator names them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sim.plan.access import broker_users, unclaimed_exchange, unclaimed_queue
from sim.plan.draft import Draft, open_port_check, secret_name
from sim.plan.model import FileSpec, PortSpec, ServerSpec
from sim.plan.pod_labels import BROKER, operator_labels
from sim.services.contract.queues import dead_letter_queue
from sim.topology.model import Broker

USER_SECRET = secret_name("rabbitmq", "password")
ADMIN_SECRET = secret_name("rabbitmq-admin", "password")
COOKIE_SECRET = secret_name("rabbitmq", "erlang-cookie")
APPLICATION_USER = "ecommerce"
ADMIN_USER = "operator"

# Two cores carry three nodes and eleven databases here: one scheduler a node, no busy waiting, no pinning (the usual
# +stbt db would put all three schedulers on one core).
_ERLANG_FLAGS = "+S 1:1 +stbt u +sbwt none +sbwtdcpu none +sbwtdio none"


def node_names(draft: Draft) -> tuple[str, ...]:
    broker = draft.topology.broker
    return tuple(f"{broker.name}-server-{i}" for i in range(broker.replicas))


def plan_brokers(draft: Draft) -> tuple[ServerSpec, ...]:
    names = node_names(draft)
    broker = draft.topology.broker
    draft.depart(
        broker.name,
        "cluster members are listed (classic_config) instead of discovered (k8s)",
        "there is no Kubernetes API to ask; the documented plugin is enabled all the same",
        broker.section,
    )
    draft.depart(
        broker.name,
        f"a user {APPLICATION_USER} beside those of the services",
        "the rig's own probes; it may use every queue and exchange",
        broker.section,
    )
    draft.depart(
        broker.name,
        "queues of the imported definitions are grown to every node once the cluster is complete",
        "the first node imports them while it is alone; without `rabbitmq-queues grow` they would have one replica",
        broker.section,
    )
    return tuple(_node(draft, name, names) for name in names)


def _node_name(draft: Draft, name: str) -> str:
    broker = draft.topology.broker
    return f"{name}.{broker.name}-nodes.{broker.namespace}"


def node_host(draft: Draft, name: str) -> str:
    """One node's full name on the pod network."""
    return f"{_node_name(draft, name)}.svc.{draft.topology.cluster_domain}"


def _node(draft: Draft, name: str, names: tuple[str, ...]) -> ServerSpec:
    broker = draft.topology.broker
    requests, limits = draft.limits(broker.resources)
    nodes = f"{broker.name}-nodes"
    host = _node_name(draft, name)
    return ServerSpec(
        name=name,
        kind="rabbitmq",
        namespace=broker.namespace,
        app=broker.name,
        hostname=name,
        address=draft.next_address(),
        aliases=(
            host,
            node_host(draft, name),
            *draft.names(broker.name, broker.namespace),
            *draft.names(nodes, broker.namespace),
        ),
        image=draft.images["rabbitmq"],
        command=("rabbitmq-server",),
        environment={
            "RABBITMQ_NODENAME": f"rabbit@{host}",
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_ERLANG_COOKIE": f"${{{COOKIE_SECRET}}}",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_FLAGS,
        },
        files=(
            FileSpec("/etc/rabbitmq/rabbitmq.conf", _configuration(draft, names, limits.memory_bytes)),
            FileSpec("/etc/rabbitmq/enabled_plugins", f"[{','.join(broker.plugins)}].\n"),
            FileSpec("/etc/rabbitmq/definitions.json", _definitions(draft), 0o644),
        ),
        ports=(
            PortSpec("amqp", broker.amqp_port),
            PortSpec("management", broker.management_port),
            PortSpec("metrics", broker.metrics_port),
            PortSpec("distribution", broker.distribution_port, published=False),
            PortSpec("epmd", broker.epmd_port, published=False),
        ),
        requests=requests,
        limits=limits,
        labels=operator_labels(broker.name, BROKER),
        section=broker.section,
        data_path="/var/lib/rabbitmq/mnesia",
        persistent=draft.persistent,
        healthcheck=open_port_check(broker.amqp_port),
        stop_grace_s=15.0,
        start_cost_cpu_s=4.0,
        facts={
            "vhost": broker.vhost,
            "user": APPLICATION_USER,
            "password_secret": USER_SECRET,
            "admin_user": ADMIN_USER,
            "admin_password_secret": ADMIN_SECRET,
            "node_name": f"rabbit@{host}",
        },
    )


def _configuration(draft: Draft, names: tuple[str, ...], limit_bytes: int | None) -> str:
    broker = draft.topology.broker
    values = {
        **broker.config,
        "cluster_partition_handling": broker.partition_handling,
        "cluster_formation.peer_discovery_backend": "classic_config",
        **{
            f"cluster_formation.classic_config.nodes.{i}": f"rabbit@{_node_name(draft, n)}"
            for i, n in enumerate(names, 1)
        },
        "definitions.import_backend": "local_filesystem",
        "definitions.local.path": "/etc/rabbitmq/definitions.json",
        "definitions.skip_if_unchanged": "true",
        "cluster_name": broker.name,
        "default_queue_type": broker.default_queue_type,
        "loopback_users.guest": "true",
        "log.console": "true",
        "log.console.level": "info",
        "log.file": "false",
    }
    if limit_bytes is not None:
        # The node would read the host's memory, not its limit, and size its watermarks by it. The cluster operator sets
        # this key from the limit, so the documented deployment has it too.
        values["total_memory_available_override_value"] = str(limit_bytes)
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def _definitions(draft: Draft) -> str:
    """Imported by every node at boot. Queues of services are their coordinator's to declare."""
    broker = draft.topology.broker
    users = broker_users(draft.topology)
    unclaimed = unclaimed_exchange(broker)
    definitions = {
        "vhosts": [{"name": broker.vhost, "default_queue_type": broker.default_queue_type}],
        "users": [
            {"name": ADMIN_USER, "password": f"${{{ADMIN_SECRET}}}", "tags": ["administrator"]},
            {"name": APPLICATION_USER, "password": f"${{{USER_SECRET}}}", "tags": []},
            *({"name": user.name, "password": f"${{{user.password_secret}}}", "tags": []} for user in users),
        ],
        "permissions": [
            *(_permission(broker, user, ".*", ".*", ".*") for user in (ADMIN_USER, APPLICATION_USER)),
            *(_permission(broker, user.name, user.configure, user.write, user.read) for user in users),
        ],
        "exchanges": [
            *(_exchange(broker, exchange.name, exchange.type) for exchange in broker.exchanges),
            # By the name of the queue's owner; what no service claims is kept, too.
            _exchange(broker, broker.dead_letter_exchange, "direct", {"alternate-exchange": unclaimed}),
            _exchange(broker, unclaimed, "fanout"),
        ],
        "queues": [
            {
                "name": unclaimed_queue(broker),
                "vhost": broker.vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": {"x-queue-type": broker.default_queue_type},
            }
        ],
        "bindings": [
            {
                "source": unclaimed,
                "vhost": broker.vhost,
                "destination": unclaimed_queue(broker),
                "destination_type": "queue",
                "routing_key": "",
                "arguments": {},
            }
        ],
        "policies": [
            {
                "name": "dead-letter",
                "vhost": broker.vhost,
                # Every queue but those of dead letters, or an expired dead letter would go round for ever.
                "pattern": f"^(?!{re.escape(unclaimed_queue(broker))}$)(?!.*{re.escape(dead_letter_queue(''))}$).*",
                "apply-to": "queues",
                "priority": 0,
                "definition": {
                    "dead-letter-exchange": broker.dead_letter_exchange,
                    "message-ttl": round(broker.message_ttl_s * 1000),
                },
            }
        ],
    }
    return json.dumps(definitions, indent=1) + "\n"


def _permission(broker: Broker, user: str, configure: str, write: str, read: str) -> dict[str, str]:
    return {"user": user, "vhost": broker.vhost, "configure": configure, "write": write, "read": read}


def _exchange(broker: Broker, name: str, kind: str, arguments: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": broker.vhost,
        "type": kind,
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": dict(arguments or {}),
    }
