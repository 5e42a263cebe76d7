"""The exporters Prometheus asks in place of what has no metrics of its own (section 9)."""

from __future__ import annotations

from sim.plan.draft import Draft
from sim.plan.model import FileSpec, PortSpec, ServerKind, ServerSpec
from sim.plan.monitored import http_check, monitoring_server
from sim.plan.mysql import EXPORTER_SECRET, EXPORTER_USER
from sim.topology.model import Exporter


def plan_node_exporter(draft: Draft) -> ServerSpec:
    return _exporter(
        draft,
        draft.topology.monitoring.node_exporter,
        "node-exporter",
        ("node_exporter", f"--web.listen-address=:{draft.topology.monitoring.node_exporter.port}"),
        (),
    )


def plan_mysql_exporter(draft: Draft) -> ServerSpec:
    """One exporter asks every server (``/probe?target=``), as the exporter's own multi-target mode does."""
    exporter = draft.topology.monitoring.mysql_exporter
    path = "/etc/mysqld-exporter/my.cnf"
    credentials = f"[client]\nuser={EXPORTER_USER}\npassword=${{{EXPORTER_SECRET}}}\nhost=127.0.0.1\n"
    return _exporter(
        draft,
        exporter,
        "mysql-exporter",
        (
            "mysqld_exporter",
            f"--config.my-cnf={path}",
            f"--web.listen-address=:{exporter.port}",
            "--no-collect.slave_status",
        ),
        (FileSpec(path, credentials),),
    )


def _exporter(
    draft: Draft,
    exporter: Exporter,
    kind: ServerKind,
    command: tuple[str, ...],
    files: tuple[FileSpec, ...],
) -> ServerSpec:
    return monitoring_server(
        draft,
        exporter.name,
        exporter.name,
        kind=kind,
        image=draft.images[kind],
        command=command,
        files=files,
        ports=(PortSpec("metrics", exporter.port),),
        resources=exporter.resources,
        section=exporter.section,
        healthcheck=http_check(exporter.port, "/"),
        start_cost_cpu_s=0.2,
    )
