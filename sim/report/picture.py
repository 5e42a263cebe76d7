"""The documented platform as a picture: namespaces as frames, what ran in them, and who uses what by the document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sim.record import Record, ServerRow
from sim.report.summary import FIDELITY_MARKS, FIDELITY_WORDS
from sim.report.svg import box, clipped, drawing, element, line, path, text
from sim.topology.model import NotSimulated, Service, Topology

RUNNING = frozenset({"ready", "running"})
SERVICE_KINDS = frozenset({"gateway", "service"})

_WIDTH = 980.0
_FRAME_X, _FRAME_WIDTH = 6.0, 968.0
_DATABASE_X, _DATABASE_WIDTH = 24.0, 232.0
_SERVICE_X, _SERVICE_WIDTH = 330.0, 204.0
_BUS_X = 566.0
_SCRAPE_X = 15.0
_USED_X, _USED_WIDTH = 668.0, 284.0
_ROW, _BOX = 36.0, 27.0
_HEADER = 38.0
_GAP = 14.0
_COLUMNS = 4
_CHARACTER = 6.9


@dataclass(frozen=True, slots=True)
class Drawn:
    """A part of the picture and where it ends."""

    parts: tuple[Markup, ...]
    bottom: float


def platform_picture(topology: Topology, record: Record) -> Markup:
    """The whole platform; what did not run is dashed, what the rig does not simulate is grey."""
    servers = _one_of_each(record)
    main = _main_frame(topology, record, servers)
    placed = _in_main(topology, record)
    outside = [server for server in servers.values() if server.name not in placed]
    parts = [*main.parts]
    bottom = main.bottom
    namespaces = (topology.broker.namespace, topology.monitoring.namespace, *(s.namespace for s in outside))
    for namespace in dict.fromkeys(namespaces):
        boxes = [_server(server) for server in outside if server.namespace == namespace]
        boxes = boxes or [_absent(name) for name in _documented_names(topology, namespace)]
        if namespace == topology.broker.namespace:
            parts.append(line(_BUS_X, bottom, _BUS_X, bottom + _GAP, "edge broker"))
        if namespace == topology.monitoring.namespace and _is_scraped(record):
            parts.append(_scraped(bottom + _GAP))
        drawn = _flow_frame(namespace, bottom + _GAP, boxes)
        parts += drawn.parts
        bottom = drawn.bottom
    if topology.not_simulated:
        drawn = _flow_frame(
            "documented, not simulated", bottom + _GAP, [_not_simulated(n) for n in topology.not_simulated], "frame off"
        )
        parts += drawn.parts
        bottom = drawn.bottom
    return drawing(_WIDTH, bottom + 6, summary(topology, record), *parts)


def summary(topology: Topology, record: Record) -> str:
    """The picture in a sentence."""
    servers = _one_of_each(record).values()
    running = sum(server.state in RUNNING for server in servers)
    where = f" on each of {len(record.stacks)} stacks" if record.stacks else ""
    return (
        f"{running} of {len(servers)} servers running{where}; {len(topology.services)} documented services and their "
        f"{len(topology.databases)} databases, broker, cache and buckets; {len(topology.not_simulated)} components not "
        "simulated."
    )


def _one_of_each(record: Record) -> dict[str, ServerRow]:
    """By name; where several stacks have a server of that name, one that does not run speaks for it."""
    found: dict[str, ServerRow] = {}
    for server in sorted(record.servers, key=lambda row: row.state in RUNNING):
        found.setdefault(server.name, server)
    return {server.name: found[server.name] for server in record.servers}


@dataclass(frozen=True, slots=True)
class Box:
    """What a box says: its name, a note at its right end, CSS classes, and a longer text on hover."""

    name: str
    note: str
    classes: str
    title: str
    glyph: str = ""


def _server(server: ServerRow) -> Box:
    good = server.state in RUNNING
    return Box(
        server.name,
        FIDELITY_MARKS[server.fidelity],
        "box up" if good else "box down",
        f"{server.name}: {server.kind}, {server.state}, {server.address}, {FIDELITY_WORDS[server.fidelity]}, "
        f"section {server.section}",
        "✓" if good else "✗",
    )


def _absent(name: str, why: str = "documented, not part of this run") -> Box:
    return Box(name, "", "box absent", f"{name}: {why}")


def _not_simulated(component: NotSimulated) -> Box:
    return Box(component.name, "", "box off", f"{component.what}: {component.reason} (section {component.section})")


def _named(servers: Mapping[str, ServerRow], name: str) -> Box:
    return _server(servers[name]) if name in servers else _absent(name)


def _deployment(servers: Mapping[str, ServerRow], name: str, absent: Box) -> Box:
    """One box for all replicas: down when one of them is; each of them on hover."""
    pods = [server for server in servers.values() if server.app == name and server.kind in SERVICE_KINDS]
    if not pods:
        return absent
    boxes = [_server(pod) for pod in pods]
    worst = next((drawn for drawn in boxes if drawn.classes != "box up"), boxes[0])
    count = f"{len(pods)}x " if len(pods) > 1 else ""
    return Box(name, count + worst.note, worst.classes, " · ".join(drawn.title for drawn in boxes), worst.glyph)


def _is_scraped(record: Record) -> bool:
    return {"prometheus", "service"} <= {server.kind for server in record.servers}


def _scraped(to_y: float) -> Markup:
    """From the gateway's row, down the margin, into monitoring."""
    y = 6 + _HEADER + _BOX / 2
    edge = path(f"M{_SERVICE_X:.1f} {y:.1f}H{_SCRAPE_X:.1f}V{to_y:.1f}", "edge metrics")
    return element("g", element("title", "Prometheus scrapes the gateway and every service"), edge)


def _draw(x: float, y: float, width: float, content: Box, height: float = _BOX) -> Markup:
    room = int((width - (24 if content.glyph else 12) - (20 if content.note else 4)) / _CHARACTER)
    parts = [box(x, y, width, height, content.classes, radius=6)]
    if content.glyph:
        parts.append(text(x + 9, y + 18, content.glyph, "glyph"))
    parts.append(text(x + (24 if content.glyph else 11), y + 18, clipped(content.name, room), "name"))
    if content.note:
        parts.append(text(x + width - 10, y + 18, content.note, "mark", "end"))
    return element("g", element("title", content.title), *parts)


def _main_frame(topology: Topology, record: Record, servers: Mapping[str, ServerRow]) -> Drawn:
    services = tuple(topology.services.values())
    top = 6 + _HEADER
    height = _HEADER + (len(services) + 1) * _ROW + 8
    environment = topology.environments.get(record.environment)  # type: ignore[call-overload]
    namespace = environment.namespace if environment else record.environment
    rows = {service.name: top + (index + 1) * _ROW for index, service in enumerate(services)}
    edges: list[Markup] = [line(_BUS_X, top + _BOX / 2, _BUS_X, 6 + height, "edge broker")]
    boxes: list[Markup] = [
        _draw(
            _SERVICE_X,
            top,
            _SERVICE_WIDTH,
            _deployment(servers, topology.gateway.name, _absent(topology.gateway.name)),
        )
    ]
    edges.append(_to_bus(top))
    for service in services:
        y = rows[service.name]
        edges.append(_to_bus(y))
        boxes.append(_draw(_SERVICE_X, y, _SERVICE_WIDTH, _service_box(service, servers)))
        if service.database in topology.databases:
            deployment = topology.databases[service.database].deployment
            edges.append(line(_SERVICE_X, y + _BOX / 2, _DATABASE_X + _DATABASE_WIDTH, y + _BOX / 2, "edge database"))
            boxes.append(_draw(_DATABASE_X, y, _DATABASE_WIDTH, _named(servers, deployment)))
    used = _used_column(topology, servers, rows)
    frame = (
        box(_FRAME_X, 6, _FRAME_WIDTH, height, "frame", radius=10),
        text(_FRAME_X + 16, 29, namespace, "frame-name"),
        text(_SERVICE_X + 2, 29, "services", "label quiet"),
        text(_BUS_X + 8, 6 + height - 12, "AMQP", "label quiet"),
    )
    return Drawn((*frame, *edges, *used, *boxes), 6 + height)


def _service_box(service: Service, servers: Mapping[str, ServerRow]) -> Box:
    planned = " · planned" if service.planned else ""
    absent = Box(
        service.name,
        "",
        "box absent",
        f"{service.name}{planned}: {service.job} (section {service.section}); not started",
    )
    return _deployment(servers, service.name, absent)


def _to_bus(y: float) -> Markup:
    return line(_SERVICE_X + _SERVICE_WIDTH, y + _BOX / 2, _BUS_X, y + _BOX / 2, "edge broker")


def _used_column(topology: Topology, servers: Mapping[str, ServerRow], rows: Mapping[str, float]) -> tuple[Markup, ...]:
    """The cache, the object store and its buckets, each beside those who use it."""
    caches = _of_kind(servers, "redis", topology.cache.name)
    stores = _of_kind(servers, "object-store", topology.object_store.name)
    top = 6 + _HEADER + _ROW
    parts: list[Markup] = []
    cache_y = top + _ROW
    for index, cache in enumerate(caches):
        parts.append(_draw(_USED_X, cache_y + index * _ROW, _USED_WIDTH, cache))
    cached = [service for service in topology.services.values() if service.cache_use]
    parts = [*(_curve(rows[s.name], cache_y, "edge cache") for s in cached), *parts]
    store_y = cache_y + (len(caches) + 3) * _ROW
    group_height = (len(stores) + len(topology.object_store.buckets)) * _ROW + 4
    parts.append(box(_USED_X - 8, store_y - 8, _USED_WIDTH + 16, group_height + 8, "group", radius=9))
    for index, store in enumerate(stores):
        parts.append(_draw(_USED_X, store_y + index * _ROW, _USED_WIDTH, store))
    for index, bucket in enumerate(topology.object_store.buckets):
        y = store_y + (len(stores) + index) * _ROW
        users = [s for s in topology.services.values() if s.bucket == bucket.name]
        title = f"bucket {bucket.name}: {bucket.policy}, {bucket.purpose}"
        parts = [*(_curve(rows[s.name], y, "edge bucket", 24) for s in users), *parts]
        parts.append(
            _draw(_USED_X + 24, y, _USED_WIDTH - 24, Box(f"{bucket.name} · {bucket.policy}", "", "box bucket", title))
        )
    return tuple(parts)


def _of_kind(servers: Mapping[str, ServerRow], kind: str, documented: str) -> list[Box]:
    return [_server(s) for s in servers.values() if s.kind == kind] or [_absent(documented)]


def _curve(from_y: float, to_y: float, class_: str, indent: float = 0) -> Markup:
    x1, y1 = _SERVICE_X + _SERVICE_WIDTH, from_y + _BOX / 2
    x2, y2 = _USED_X + indent, to_y + _BOX / 2
    middle = (x1 + x2) / 2
    return path(f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}", class_)


def _in_main(topology: Topology, record: Record) -> frozenset[str]:
    names = {database.deployment for database in topology.databases.values()}
    names |= {server.name for server in record.servers if server.kind in {"redis", "object-store", *SERVICE_KINDS}}
    return frozenset(names)


def _documented_names(topology: Topology, namespace: str) -> tuple[str, ...]:
    if namespace == topology.broker.namespace:
        return (topology.broker.name,)
    monitoring = topology.monitoring
    parts: Iterable[str] = (
        monitoring.prometheus.name,
        monitoring.alertmanager.name,
        monitoring.node_exporter.name,
        monitoring.mysql_exporter.name,
    )
    return tuple(parts) if namespace == monitoring.namespace else ()


def _flow_frame(name: str, top: float, contents: Sequence[Box], class_: str = "frame") -> Drawn:
    """A frame with its boxes in rows of a few."""
    width = (_FRAME_WIDTH - 36 - (_COLUMNS - 1) * 10) / _COLUMNS
    rows = -(-len(contents) // _COLUMNS)
    height = _HEADER + rows * _ROW + 4
    parts = [
        box(_FRAME_X, top, _FRAME_WIDTH, height, class_, radius=10),
        text(_FRAME_X + 16, top + 23, name, "frame-name"),
    ]
    for index, content in enumerate(contents):
        column, row = index % _COLUMNS, index // _COLUMNS
        parts.append(_draw(_FRAME_X + 18 + column * (width + 10), top + _HEADER + row * _ROW, width, content))
    return Drawn(tuple(parts), top + height)
