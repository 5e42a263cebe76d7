"""Whether a server of any kind serves, asked by its own protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sim.errors import SimError
from sim.plan.model import ServerKind
from sim.scenario import Stage


def serves(stage: Stage, server: str) -> bool:
    """True when it answered. Silence and refusals are False."""
    try:
        return _ask(stage, server)
    except SimError:
        return False


def ready(stage: Stage) -> Callable[[str], bool]:
    """The same question as a fault's healing asks it."""
    return lambda server: serves(stage, server)


def _ask(stage: Stage, server: str) -> bool:
    servers = stage.servers
    asks: Mapping[ServerKind, Callable[[], object]] = {
        "rabbitmq": lambda: server in servers.broker().running_nodes(server),
        "mysql": lambda: servers.sql(server).version(),
        "redis": lambda: servers.cache().version(),
        "object-store": lambda: servers.object_store().buckets(),
        "prometheus": lambda: servers.prometheus(server).version(),
        "alertmanager": lambda: servers.alertmanager(server).version(),
        "alert-sink": lambda: servers.alert_sink().deliveries("") is not None,
        "node-exporter": lambda: servers.exporter(server).metrics(),
        "mysql-exporter": lambda: servers.exporter(server).metrics(),
        "gateway": lambda: servers.service(server).health("ready").accepted,
        "service": lambda: servers.service(server).health("ready").accepted,
    }
    return bool(asks[stage.plan.server(server).kind]())
