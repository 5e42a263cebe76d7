"""The RabbitMQ cluster (section 6): three nodes named as the cluster operator names them."""

from __future__ import annotations

import json
import re

from sim.plan.draft import Draft, open_port_check, secret_name
from sim.plan.model import FileSpec, PortSpec, ServerSpec

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
    return tuple(_node(draft, name, names) for name in names)


def _node_host(draft: Draft, name: str) -> str:
    broker = draft.topology.broker
    return f"{name}.{broker.name}-nodes.{broker.namespace}"


def _node(draft: Draft, name: str, names: tuple[str, ...]) -> ServerSpec:
    broker = draft.topology.broker
    requests, limits = draft.limits(broker.resources)
    nodes = f"{broker.name}-nodes"
    host = _node_host(draft, name)
    return ServerSpec(
        name=name,
        kind="rabbitmq",
        namespace=broker.namespace,
        app=broker.name,
        hostname=name,
        address=draft.next_address(),
        aliases=(
            host,
            f"{host}.svc.{draft.topology.cluster_domain}",
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
            f"cluster_formation.classic_config.nodes.{i}": f"rabbit@{_node_host(draft, n)}"
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
    """Imported by every node at boot. Dead letters of every queue go to one exchange unless a queue says otherwise."""
    broker = draft.topology.broker
    vhost = broker.vhost
    dead_letter_queue = f"{broker.dead_letter_exchange}.queue"
    definitions = {
        "vhosts": [{"name": vhost, "default_queue_type": broker.default_queue_type}],
        "users": [
            {"name": ADMIN_USER, "password": f"${{{ADMIN_SECRET}}}", "tags": ["administrator"]},
            {"name": APPLICATION_USER, "password": f"${{{USER_SECRET}}}", "tags": []},
        ],
        "permissions": [
            {"user": user, "vhost": vhost, "configure": ".*", "write": ".*", "read": ".*"}
            for user in (ADMIN_USER, APPLICATION_USER)
        ],
        "exchanges": [
            {
                "name": exchange.name,
                "vhost": vhost,
                "type": exchange.type,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for exchange in broker.exchanges
        ]
        + [
            {
                "name": broker.dead_letter_exchange,
                "vhost": vhost,
                "type": "fanout",
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
        ],
        "queues": [
            {
                "name": dead_letter_queue,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": {"x-queue-type": broker.default_queue_type},
            }
        ],
        "bindings": [
            {
                "source": broker.dead_letter_exchange,
                "vhost": vhost,
                "destination": dead_letter_queue,
                "destination_type": "queue",
                "routing_key": "",
                "arguments": {},
            }
        ],
        "policies": [
            {
                "name": "dead-letter",
                "vhost": vhost,
                # Every queue but the dead letters' own, or an expired dead letter would go round for ever.
                "pattern": f"^(?!{re.escape(dead_letter_queue)}$).*",
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
