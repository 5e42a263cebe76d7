"""What an image put in a service's place must keep to, as one page: from the document and the published contract."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence

from sim.services.catalogue import SERVICE_MODULES
from sim.services.contract import message
from sim.services.contract.access import PERMISSIONS, ROLES
from sim.services.contract.environment import (
    AUTH_ONLY,
    BROKER_SERVICE_ONLY,
    EVERY_SERVICE,
    GATEWAY_ONLY,
    WITH_BUCKET,
    WITH_CACHE,
    WITH_DATABASE,
    WITH_TOKENS,
)
from sim.services.contract.events import EVENTS, ExchangeType
from sim.services.contract.queues import DELIVERY_LIMIT, QueueSpec, dead_letter_queue, service_queues
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.services.contract.signals import ERRORS_LABEL, GATEWAY_SIGNALS, SERVICE_SIGNALS, TRAFFIC
from sim.topology.model import Topology

_HEAD = """\
# The contract of a service's image

Rendered by `sim render contract compose`; edit the topology or `sim/services/contract`, not this page. Whatever image
runs in a service's place (`services.<name>.image` in the topology, or `sim up --image orders-service=…`) keeps to this,
and `sim run 'contract/*'` checks that it does. The number in brackets is the section of the document.
"""


def render_contract(topology: Topology) -> str:
    """Markdown."""
    parts = (
        _HEAD,
        _services(topology),
        _environment(),
        _ports(topology),
        _metrics(),
        _queues(topology),
        _wire(),
        _events(topology),
        _access(),
        _end(),
    )
    return "\n".join(parts)


def _services(topology: Topology) -> str:
    rows = [
        _row(
            f"`{service.name}`",
            f"`/api/{key}`",
            _counted(_routes(key)),
            f"`{topology.databases[service.database].schema_name}`" if service.database else "",
            service.cache_use or "",
            f"`{service.bucket}`" if service.bucket else "",
            f"{service.job} [{service.section}]",
        )
        for key, service in topology.services.items()
    ]
    head = ("deployment", "at the gateway", "routes", "database", "cache for", "bucket", "job")
    return "## Services\n\n" + _table(head, rows)


def _routes(key: str) -> Sequence[Route]:
    if key not in SERVICE_MODULES:
        return ()
    routes: Sequence[Route] = importlib.import_module(f"{SERVICE_MODULES[key]}.api").ROUTES
    return routes


def _counted(routes: Sequence[Route]) -> str:
    kinds = {PUBLIC: 0, SIGNED_IN: 0, INTERNAL: 0, "with a permission": 0}
    for route in routes:
        kinds[route.access if route.access in kinds else "with a permission"] += 1
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    return f"{len(routes)}: {told}" if routes else "none"


def _environment() -> str:
    tables = (
        ("Every image, the gateway's too", EVERY_SERVICE),
        ("With a database of its own", WITH_DATABASE),
        ("With the cache", WITH_CACHE),
        ("With a bucket", WITH_BUCKET),
        ("`auth-service` and the gateway", WITH_TOKENS),
        ("`auth-service` alone", AUTH_ONLY),
        ("`messages-broker-service` alone", BROKER_SERVICE_ONLY),
        ("The gateway alone", GATEWAY_ONLY),
    )
    parts = [
        f"### {title}\n\n" + _table(("variable", "what it is"), [_row(f"`{n}`", text) for n, text in table.items()])
        for title, table in tables
    ]
    return "## Environment\n\nEverything comes in these variables; secrets do as well.\n\n" + "\n".join(parts)


def _ports(topology: Topology) -> str:
    gateway = topology.gateway
    service = next(iter(topology.services.values()))
    well = service.health_path
    return f"""\
## Ports and health

| port | path | answers |
| --- | --- | --- |
| `HTTP_PORT` ({gateway.http_port}) | `{well}`, `{well}/ready` | 200 when it can do its \
work, 503 with the reason when it cannot |
| `HTTP_PORT` ({gateway.http_port}) | `{well}/live` | 200 while the process works, whatever else is gone |
| `METRICS_PORT` ({service.metrics_port}) | `{service.metrics_path}` | Prometheus' text format |

A service never calls another one's port: requests come and go over RabbitMQ. Each answers `GET /ping` there, without a
token, with `{{"service": "<deployment>", "pod": "<host name>"}}`.
"""


def _metrics() -> str:
    rows = [_row(signal, f"`{SERVICE_SIGNALS[signal]}`", f"`{GATEWAY_SIGNALS[signal]}`") for signal in SERVICE_SIGNALS]
    rows.append(_row("errors", f"label `{ERRORS_LABEL}` of {TRAFFIC}", f"label `{ERRORS_LABEL}` of {TRAFFIC}"))
    return "## The four golden signals\n\n" + _table(("signal", "a service", "the gateway"), rows)


def _queues(topology: Topology) -> str:
    deployments = {key: service.name for key, service in topology.services.items()}
    names = {exchange.type: exchange.name for exchange in topology.broker.exchanges}
    rows = [_row(f"`{queue.name}`", _bound(queue, names)) for queue in service_queues(deployments)]
    dead = dead_letter_queue("<deployment>")
    return f"""\
## Queues

Quorum queues with the delivery limit {DELIVERY_LIMIT}, declared by `messages-broker-service`; dead letters go by \
`{topology.broker.dead_letter_exchange}` to `{dead}`. An image consumes its own queues with its own user \
(`RABBITMQ_USER`), acknowledges by hand, rejects what it cannot understand and gives back what it could not do. It may \
configure nothing, write to the exchanges it speaks to and read its own queues. [{topology.broker.section}]

{_table(("queue", "bound to"), rows)}"""


def _bound(queue: QueueSpec, names: Mapping[ExchangeType, str]) -> str:
    told = []
    for binding in queue.bindings:
        attributes = {name: value for name, value in binding.arguments.items() if name != "x-match"}
        how = " ".join(f"{name}={value}" for name, value in attributes.items()) or binding.routing_key
        told.append(f"`{names[binding.exchange]}`" + (f" ({how})" if how else ""))
    return ", ".join(told)


def _wire() -> str:
    """The contract's own words, which stand beside its names."""
    return f"## On the wire\n\n{_prose(message.__doc__ or '')}\n"


def _prose(docstring: str) -> str:
    lines = docstring.strip().replace(":class:`~sim.services.contract.access.Identity`", "the caller's identity")
    return lines.replace("``", "`")


def _events(topology: Topology) -> str:
    names = {exchange.type: exchange.name for exchange in topology.broker.exchanges}
    rows = []
    for event in EVENTS:
        attributes = ", ".join(f"{name}={value}" for name, value in event.attributes.items())
        exchange = f"`{names[event.exchange]}`" + (f" ({attributes})" if attributes else "")
        carried = ", ".join(f"`{field}`" for field in event.carries.__struct_fields__)
        rows.append(_row(f"`{event.name}`", exchange, event.publisher, ", ".join(event.subscribers), carried))
    head = ("event", "exchange", "says it", "hear it", "carries")
    return (
        "## Events\n\nPublished after the commit of what they tell, surely (an outbox); done once by each who hears "
        "them, by their `message_id` (an inbox).\n\n" + _table(head, rows)
    )


def _access() -> str:
    rows = [
        _row(f"`{permission}`", text, ", ".join(role for role, held in ROLES.items() if permission in held))
        for permission, text in PERMISSIONS.items()
    ]
    return "## Permissions\n\n" + _table(("permission", "lets one", "roles"), rows)


def _end() -> str:
    return (
        "## An orderly end\n\nOn SIGTERM an image takes no more work, finishes what it has in hand and ends with exit "
        "code 0 within its grace.\nKilled instead, it comes back to a consistent state: what it answered with 2xx "
        "happened, and happened once.\n"
    )


def _table(head: Sequence[str], rows: Iterable[str]) -> str:
    return f"{_row(*head)}{_row(*['---'] * len(head))}{''.join(rows)}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
