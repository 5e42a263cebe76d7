"""Who owns what, and who depends on whom: one service, one database; one bucket, one owner; no cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.topology.findings import Finding, duplicates, unknown
from sim.topology.model import Topology
from sim.topology.problems import Path


def database_findings(topology: Topology) -> Iterator[Finding]:
    for name, service in topology.services.items():
        path: Path = ("services", name, "database")
        if service.database is None or service.database == name:
            if service.database is not None and name not in topology.databases:
                yield unknown(path, "database", name, topology.databases)
        elif service.database in topology.databases:
            message = f"expected '{name}' or nothing, found '{service.database}': a database has one user, its namesake"
            yield Finding(path, message)
        else:
            yield unknown(path, "database", service.database, topology.databases)
    for name in topology.databases:
        # A namesake that names another database has had its finding above.
        if name not in topology.services or topology.services[name].database is None:
            message = "no service uses this database: expected one with 'database' set to it"
            yield Finding(("databases", name), message, at_key=True)
    entries = topology.databases.items()
    yield from duplicates("secret", ((database.secret, ("databases", name, "secret")) for name, database in entries))
    claims = ((d.volume_claim, ("databases", name, "volumeClaim")) for name, d in entries)
    yield from duplicates("volume claim", ((claim, path) for claim, path in claims if claim is not None))


def bucket_findings(topology: Topology) -> Iterator[Finding]:
    buckets = topology.object_store.buckets
    owners = {bucket.name: bucket.owner for bucket in buckets}
    for name, service in topology.services.items():
        if service.bucket is None:
            continue
        path: Path = ("services", name, "bucket")
        if service.bucket not in owners:
            yield unknown(path, "bucket", service.bucket, owners)
        elif owners[service.bucket] != name and owners[service.bucket] in topology.services:
            owner = owners[service.bucket]
            yield Finding(path, f"expected a bucket of its own, found '{service.bucket}', which is owned by '{owner}'")
    for index, bucket in enumerate(buckets):
        path = ("objectStore", "buckets", index, "owner")
        if bucket.owner not in topology.services:
            yield unknown(path, "service", bucket.owner, topology.services)
        elif topology.services[bucket.owner].bucket != bucket.name:
            message = f"expected a service with 'bucket: {bucket.name}', found '{bucket.owner}', which does not have it"
            yield Finding(path, message)
    names: list[tuple[str, Path]] = [(b.name, ("objectStore", "buckets", i, "name")) for i, b in enumerate(buckets)]
    yield from duplicates("bucket", names)


def dependency_findings(topology: Topology) -> Iterator[Finding]:
    graph = {name: service.depends_on for name, service in topology.services.items()}
    for name, targets in graph.items():
        for index, target in enumerate(targets):
            if target not in graph:
                yield unknown(("services", name, "dependsOn", index), "service", target, graph)
    cycle = find_cycle(graph)
    if cycle:
        position = graph[cycle[0]].index(cycle[1])
        message = f"expected no cycle, found {' → '.join(cycle)}"
        yield Finding(("services", cycle[0], "dependsOn", position), message)


def find_cycle(graph: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The first cycle met, closed (``a b a``); empty when there is none. Depth first, without recursion."""
    done: set[str] = set()
    for start in graph:
        trail: list[str] = []
        pending: list[tuple[str, int]] = [(start, 0)]
        while pending:
            node, depth = pending.pop()
            while len(trail) > depth:
                done.add(trail.pop())
            if node in trail:
                return (*trail[trail.index(node) :], node)
            if node not in done and node in graph:
                trail.append(node)
                pending += [(target, len(trail)) for target in reversed(graph[node])]
        done.update(trail)
    return ()
