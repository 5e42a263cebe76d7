"""A run as it might have been, with everything a report has to show: for the tests, and to look at the page.

``python tests/unit/report_sample.py DIR`` writes it to a folder.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from pathlib import Path

from sim.history import Observation, Outcome
from sim.judging import overall
from sim.plan.model import Departure
from sim.record import ContradictionRow, Host, ImageRow, Record, ScenarioResult, ServerRow, StartupSpan
from sim.topology.load import load_topology
from sim.topology.model import Topology
from sim.verdict import Fidelity, Status

SECRET = "s3cr3t/with+odd&chars"

_SAME = Fidelity.SAME_SOFTWARE
_CONFORMANCE = (
    ("mysql-databases", "5", "Each of the 11 servers holds its own database and no other's", "mysql"),
    (
        "mysql-own-account",
        "5",
        "Each service's account exists on its own server, with grants on its database alone",
        "mysql",
    ),
    ("mysql-no-binlog", "5", "Binary logging is off, as --skip-log-bin asks", "mysql"),
    ("mysql-port", "5", "Every database answers on 3306", "mysql"),
    ("rabbitmq-three-nodes", "6", "Three broker nodes form one cluster, each seeing the other two", "rabbitmq"),
    (
        "rabbitmq-quorum-by-default",
        "6",
        "A queue declared without a type is a quorum queue with three members",
        "rabbitmq",
    ),
    ("rabbitmq-heartbeat", "6", "The broker proposes a heartbeat of 60 s", "rabbitmq"),
    ("rabbitmq-plugins", "6", "The management, Prometheus, federation and shovel plugins are enabled", "rabbitmq"),
    ("buckets-versioned", "7", "Every documented bucket keeps versions", "object-store"),
    ("redis-password", "8", "Redis refuses a client without the password and accepts one with it", "redis"),
    ("redis-stream", "8", "A log entry goes through a Redis stream and comes back", "redis"),
    (
        "prometheus-targets",
        "9",
        "Prometheus scrapes every exporter that runs, at the documented interval",
        "prometheus",
    ),
    (
        "alertmanager-routes",
        "9",
        "Critical goes to e-mail and Slack, warning to e-mail, info to a webhook",
        "alertmanager",
    ),
)


def sample_topology() -> Topology:
    return load_topology()


def sample_record(topology: Topology) -> Record:
    """A run in which two claims fail, one is unknown and one is beyond what a stand-in can show."""
    servers = _servers(topology)
    results = (
        *(_passing(f"conformance/{name}", section, claim, kind) for name, section, claim, kind in _CONFORMANCE),
        ScenarioResult(
            "conformance/bucket-sav-private",
            "Nobody reads the support attachments without credentials",
            "7",
            Status.FAIL,
            Fidelity.STAND_IN,
            "an anonymous client read an object of bucket sav",
            {"anonymous_reads": 1.0},
            (
                "anonymous GET sav/attachment-1.pdf: 200, expected 403 AccessDenied",
                'body began "<script>alert(1)</script>" & went on',
                "authenticated GET sav/attachment-1.pdf: 200 (control)",
            ),
            needs=("object-store",),
            observations=4,
            began_s=8.1,
            ended_s=8.4,
        ),
        ScenarioResult(
            "conformance/mysqld-exporter",
            "The MySQL exporter reports its server up",
            "9",
            Status.UNKNOWN,
            _SAME,
            "the rig failed on the way: mysqld-exporter: connection reset by peer after 5.0 s",
            {},
            ("GET http://10.89.0.31:9104/metrics: no answer",),
            needs=("mysql-exporter",),
            observations=2,
            began_s=9.0,
            ended_s=14.1,
        ),
        ScenarioResult(
            "conformance/minio-console",
            "The console answers on port 9001",
            "7",
            Status.UNKNOWN,
            Fidelity.STAND_IN,
            "stand-in: seaweedfs 3.80 for minio/minio:latest",
            {},
            ("on the stand-in: FAIL: nothing listens on 9001",),
            beyond_fidelity=True,
            product_claim=True,
            needs=("object-store",),
            observations=1,
            began_s=8.9,
            ended_s=8.9,
        ),
        ScenarioResult(
            "isolation/databases",
            "A service's account opens its own server and no other",
            "10",
            Status.FAIL,
            _SAME,
            "1 of 121 pairs was let in against the document",
            {"pairs": 121.0, "breaches": 1.0},
            ("orders_user on auth-service-mysql: let in, expected 1045 or 1044",),
            needs=("mysql",),
            observations=121,
            began_s=3.0,
            ended_s=4.1,
        ),
        _passing(
            "failover/broker-leader",
            "6",
            "When the leader of a quorum queue is killed, no confirmed message is lost",
            "rabbitmq",
            lost=0.0,
            acknowledged=2210.0,
            unsure=3.0,
            rto_ms=1842.0,
        ),
        _passing(
            "throughput/broker",
            "6",
            "The broker confirms 500 persistent messages a second to a quorum queue",
            "rabbitmq",
            confirmed_per_s=499.7,
            p50_ms=3.1,
            p99_ms=21.4,
            generator_cpu_percent=38.0,
        ),
    )
    return Record(
        run_id="20261103T091502Z",
        started_at="2026-11-03T09:15:02Z",
        environment="staging",
        seed=20261103,
        runtime="docker",
        host=Host(2, 24 * 2**30, "Linux 6.1.0-27-amd64", "Docker 20.10.24", "3.11.2"),
        images=_images(),
        scenarios=results,
        verdict=overall(results, strict=False),
        stack="k3v9",
        platform=topology.name,
        version="0.1.0",
        servers=servers,
        timeline=_timeline(servers),
        departures=(
            *(
                Departure(
                    s.name,
                    "--default-authentication-plugin=mysql_native_password is not passed",
                    "MySQL 9.7 does not know it and would abort",
                    "5",
                )
                for s in servers
                if s.kind == "mysql"
            ),
            Departure("minio", "SeaweedFS 3.80 in place of MinIO", "no MinIO image was reachable", "7"),
        ),
        contradictions=tuple(ContradictionRow.of(c) for c in topology.contradictions),
        durations={"images_s": 3.2, "up_s": 21.9, "scenarios_s": 48.5, "down_s": 2.1},
    )


def sample_observations(topology: Topology, seed: int = 7) -> list[Observation]:
    """Logins, a failover and a load, as the scenarios of those names would write them."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a key
    return [*_logins(topology), *_failover(rng), *_load(rng)]


def sample_logs() -> Mapping[str, str]:
    noise = "\n".join(f"2026-11-03T09:15:{i % 60:02d}Z INFO [minio] request {i}" for i in range(400))
    return {"minio": f"{noise}\n\x1b[31mERROR\x1b[0m <b>policy</b> of sav: password={SECRET}\n"}


def _passing(name: str, section: str, claim: str, kind: str, **numbers: float) -> ScenarioResult:
    return ScenarioResult(
        name,
        claim,
        section,
        Status.PASS,
        Fidelity.STAND_IN if kind == "object-store" else _SAME,
        "as documented on every server asked",
        numbers or {"servers": 11.0},
        ("auth-service-mysql: as documented", "orders-service-mysql: as documented"),
        needs=(kind,),
        observations=24,
        began_s=1.0,
        ended_s=3.5,
    )


def _servers(topology: Topology) -> tuple[ServerRow, ...]:
    main = topology.environments["staging"].namespace
    monitoring = topology.monitoring
    rows: list[tuple[str, str, str, str]] = [(d.deployment, "mysql", main, "5") for d in topology.databases.values()]
    rows += [(f"{topology.broker.name}-server-{i}", "rabbitmq", topology.broker.namespace, "6") for i in range(3)]
    rows += [(topology.object_store.name, "object-store", main, "7"), (topology.cache.name, "redis", main, "8")]
    rows += [(f"{monitoring.prometheus.name}-{i}", "prometheus", monitoring.namespace, "9") for i in range(2)]
    rows += [(f"{monitoring.alertmanager.name}-{i}", "alertmanager", monitoring.namespace, "9") for i in range(2)]
    rows += [
        (monitoring.node_exporter.name, "node-exporter", monitoring.namespace, "9"),
        (monitoring.mysql_exporter.name, "mysql-exporter", monitoring.namespace, "9"),
        ("alert-sink", "alert-sink", monitoring.namespace, "9"),
    ]
    return tuple(
        ServerRow(
            name,
            kind,
            namespace,
            name,
            "exited" if kind == "mysql-exporter" else "ready",
            f"10.89.0.{10 + i}",
            {kind: 32768 + i},
            Fidelity.STAND_IN if kind == "object-store" else _SAME,
            section,
            ready_at_s=4.0 + i / 3,
        )
        for i, (name, kind, namespace, section) in enumerate(rows)
    )


def _timeline(servers: tuple[ServerRow, ...]) -> tuple[StartupSpan, ...]:
    rng = random.Random(3)  # noqa: S311 - a sample, not a key
    cost_s = {"mysql": 6.0, "rabbitmq": 10.0}
    spans = []
    for i, server in enumerate(servers):
        create_s = 0.15 * i
        start_s = create_s + 0.3 + rng.random() * 0.5
        ready_s = None if server.state != "ready" else start_s + cost_s.get(server.kind, 1.2) * (0.8 + rng.random() / 2)
        spans.append(StartupSpan(server.name, create_s, start_s, ready_s))
    return tuple(spans)


def _images() -> tuple[ImageRow, ...]:
    built = "built from Debian packages: no registry was reachable"
    images = (
        ("mysql", "mysql:8.0", "mysql", "9.7.1", _SAME, built),
        ("rabbitmq", "rabbitmq:3.12-management", "rabbitmq", "4.0.5", _SAME, built),
        ("object-store", "minio/minio:latest", "seaweedfs", "3.80", Fidelity.STAND_IN, "MinIO is in no package"),
        ("redis", "redis:7-alpine", "redis", "7.0.15", Fidelity.DOCUMENTED, ""),
        ("prometheus", "prom/prometheus", "prometheus", "2.53.3", _SAME, built),
        ("alertmanager", "prom/alertmanager", "alertmanager", "0.28.0", _SAME, built),
        ("mysql-exporter", "prom/mysqld-exporter", "mysqld-exporter", "0.17.2", _SAME, built),
    )
    digest = f"sha256:{'4e' * 32}"
    return tuple(
        ImageRow(component, documented, f"sim/{component}:{version}", digest, fidelity, software, version, reason)
        for component, documented, software, version, fidelity, reason in images
    )


def _logins(topology: Topology) -> list[Observation]:
    rows = []
    databases = list(topology.databases.values())
    for i, mine in enumerate(databases):
        for j, other in enumerate(databases):
            owner = mine is other
            code = "0" if owner else "1045"
            if (i, j) == (3, 0):
                code = "0"
            if (i, j) == (5, 6):
                code = "2013"
            outcome = {"0": Outcome.OK, "2013": Outcome.UNSURE}.get(code, Outcome.FAILED)
            detail = {"user": mine.user, "owner": owner, "code": code}
            rows.append(
                Observation(
                    3 + i / 10 + j / 100, "isolation/databases", mine.user, "login", other.deployment, outcome, detail
                )
            )
    return rows


def _failover(rng: random.Random) -> list[Observation]:
    name, queue = "failover/broker-leader", "rabbitmq-cluster"

    def mark(t_s: float, op: str, **detail: str) -> Observation:
        return Observation(t_s, name, "rig", op, "rabbitmq-cluster-server-1", Outcome.OK, detail)

    rows = [
        mark(20.0, "leader", leader="rabbitmq-cluster-server-1"),
        mark(28.0, "fault", name="kill -9 of the leader", phase="inject"),
        mark(29.9, "leader", leader="rabbitmq-cluster-server-2"),
        mark(36.0, "fault", name="kill -9 of the leader", phase="heal"),
    ]
    t_s = 20.0
    while t_s < 44.0:
        t_s += rng.expovariate(120)
        if 28.0 < t_s < 29.9:
            if rng.random() < 0.05:
                rows.append(
                    Observation(t_s, name, "publisher", "publish", queue, rng.choice([Outcome.UNSURE, Outcome.FAILED]))
                )
            continue
        detail = {"latency_s": 0.002 + rng.expovariate(400), "intended_s": t_s - 0.003 - rng.expovariate(300)}
        rows.append(Observation(t_s, name, "publisher", "publish", queue, Outcome.OK, detail))
    return sorted(rows, key=lambda o: o.t_s)


def _load(rng: random.Random) -> list[Observation]:
    rows = []
    for i in range(10_000):
        due_s = 50 + i / 500
        sent_s = due_s + (max(0.0, 0.12 - (i % 2500) / 500) if i % 2500 < 60 else 0.0)
        took_s = 0.002 + rng.lognormvariate(-6.5, 0.7)
        detail = {"latency_s": took_s, "intended_s": due_s}
        rows.append(
            Observation(
                sent_s + took_s, "throughput/broker", "publisher", "publish", "rabbitmq-cluster", Outcome.OK, detail
            )
        )
    return rows


def main(directory: Path) -> None:
    from sim.report.write import write_run  # noqa: PLC0415 - only when run by hand

    topology = sample_topology()
    directory.mkdir(parents=True, exist_ok=True)
    write_run(
        directory,
        sample_record(topology),
        sample_observations(topology),
        sample_logs(),
        [SECRET],
        topology=topology,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
