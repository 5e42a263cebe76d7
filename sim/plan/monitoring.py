"""Prometheus, Alertmanager, the exporters and the sink their alerts end in (section 9)."""

from __future__ import annotations

from typing import Any

import yaml

from sim.plan.draft import Draft, pod_name
from sim.plan.model import FileSpec, Healthcheck, PortSpec, ServerSpec
from sim.plan.mysql import EXPORTER_SECRET, EXPORTER_USER
from sim.plan.object_store import metrics_endpoint
from sim.plan.rabbitmq import node_names
from sim.topology.model import AlertRoute, AlertRule, Exporter, Resources, ScrapeJob
from sim.topology.quantities import format_duration

SINK = "alert-sink"
_SINK_HTTP_PORT = 8080
_SINK_SMTP_PORT = 1025
_ALERTMANAGER_CLUSTER_PORT = 9094
# The document gives these no requests or limits.
_UNDOCUMENTED = Resources()
# Silence before a first notification. The document leaves it open; who rehearses an alert does not want to wait.
_GROUP_WAIT = "1s"
_GROUP_INTERVAL = "5s"


def plan_monitoring(draft: Draft) -> tuple[ServerSpec, ...]:
    return (
        _sink(draft),
        *_alertmanagers(draft),
        _node_exporter(draft),
        _mysql_exporter(draft),
        *_prometheuses(draft),
    )


def _dump(document: Any) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=120)


def _replica_names(name: str, replicas: int) -> tuple[str, ...]:
    return tuple(f"{name}-{i}" for i in range(replicas))


def _aliases(draft: Draft, pod: str, service: str) -> tuple[str, ...]:
    namespace = draft.topology.monitoring.namespace
    headless = tuple(name.replace(service, f"{pod}.{service}", 1) for name in draft.names(service, namespace))
    return (*draft.names(service, namespace), *(headless if pod != service else ()))


def _server(draft: Draft, name: str, service: str, **specifics: Any) -> ServerSpec:
    requests, limits = draft.limits(specifics.pop("resources"))
    return ServerSpec(
        name=name,
        namespace=draft.topology.monitoring.namespace,
        app=service,
        hostname=name if name != service else pod_name(name),
        address=draft.next_address(),
        aliases=_aliases(draft, name, service),
        environment={},
        requests=requests,
        limits=limits,
        # Upstream's images name their binary as the entrypoint, others do not: the command line is ours alone.
        replaces_entrypoint=True,
        **specifics,
    )


def _http_check(port: int, path: str) -> Healthcheck:
    return Healthcheck(("sh", "-c", f"busybox wget -qO- http://127.0.0.1:{port}{path} >/dev/null"), 5.0, 10.0)


def _sink(draft: Draft) -> ServerSpec:
    """Not in the document: it stands for the mail server, Slack and the webhook, and writes down what arrives."""
    return _server(
        draft,
        SINK,
        SINK,
        kind="alert-sink",
        image=draft.images["alert-sink"],
        command=("python3", "/srv/sink.py"),
        files=(),
        ports=(PortSpec("http", _SINK_HTTP_PORT), PortSpec("smtp", _SINK_SMTP_PORT, published=False)),
        resources=_UNDOCUMENTED,
        section="9",
        healthcheck=None,
        start_cost_cpu_s=0.4,
    )


def _alertmanagers(draft: Draft) -> tuple[ServerSpec, ...]:
    alertmanager = draft.topology.monitoring.alertmanager
    names = _replica_names(alertmanager.name, alertmanager.replicas)
    namespace = draft.topology.monitoring.namespace
    peers = tuple(
        f"--cluster.peer={peer}.{alertmanager.name}.{namespace}.svc.{draft.topology.cluster_domain}:{_ALERTMANAGER_CLUSTER_PORT}"
        for peer in names
        if draft.runs(peer)
    )
    return tuple(
        _server(
            draft,
            name,
            alertmanager.name,
            kind="alertmanager",
            image=draft.images["alertmanager"],
            command=(
                "alertmanager",
                "--config.file=/etc/alertmanager/alertmanager.yml",
                "--storage.path=/alertmanager",
                f"--data.retention={format_hours(alertmanager.retention_s)}",
                f"--web.listen-address=:{alertmanager.port}",
                f"--cluster.listen-address=0.0.0.0:{_ALERTMANAGER_CLUSTER_PORT}",
                # A first notification waits for the gossip to settle; two replicas on one bridge settle at once.
                "--cluster.settle-timeout=2s",
                *peers,
            ),
            files=(FileSpec("/etc/alertmanager/alertmanager.yml", _alertmanager_configuration(draft)),),
            ports=(
                PortSpec("http", alertmanager.port),
                PortSpec("cluster", _ALERTMANAGER_CLUSTER_PORT, published=False),
            ),
            resources=_UNDOCUMENTED,
            section=alertmanager.section,
            data_path="/alertmanager",
            persistent=draft.persistent,
            healthcheck=_http_check(alertmanager.port, "/-/ready"),
            start_cost_cpu_s=0.3,
            after=(SINK,),
        )
        for name in names
    )


def format_hours(seconds: float) -> str:
    """Alertmanager reads Go durations, which know no days."""
    return f"{seconds / 3600:g}h"


def _alertmanager_configuration(draft: Draft) -> str:
    sink = f"{SINK}.{draft.topology.monitoring.namespace}.svc.{draft.topology.cluster_domain}"
    routes = draft.topology.monitoring.alertmanager.routes
    return _dump(
        {
            "global": {
                "smtp_smarthost": f"{sink}:{_SINK_SMTP_PORT}",
                "smtp_from": "alertmanager@sink.local",
                "smtp_require_tls": False,
                "resolve_timeout": "5m",
            },
            "route": {
                "receiver": routes[-1].receiver,
                "group_by": ["alertname"],
                "group_wait": _GROUP_WAIT,
                "group_interval": _GROUP_INTERVAL,
                "repeat_interval": "4h",
                "routes": [
                    {"receiver": route.receiver, "matchers": [f'severity="{route.severity}"']} for route in routes
                ],
            },
            "receivers": [_receiver(route, f"http://{sink}:{_SINK_HTTP_PORT}") for route in routes],
        }
    )


def _receiver(route: AlertRoute, sink_url: str) -> dict[str, Any]:
    receiver: dict[str, Any] = {"name": route.receiver}
    for channel in route.channels:
        if channel == "email":
            receiver["email_configs"] = [{"to": f"{route.receiver}@sink.local", "send_resolved": True}]
        elif channel == "slack":
            receiver["slack_configs"] = [
                {"api_url": f"{sink_url}/slack/{route.receiver}", "channel": "#alerts", "send_resolved": True}
            ]
        else:
            receiver["webhook_configs"] = [{"url": f"{sink_url}/webhook/{route.receiver}", "send_resolved": True}]
    return receiver


def _node_exporter(draft: Draft) -> ServerSpec:
    return _exporter(
        draft,
        draft.topology.monitoring.node_exporter,
        "node-exporter",
        ("node_exporter", f"--web.listen-address=:{draft.topology.monitoring.node_exporter.port}"),
        (),
    )


def _mysql_exporter(draft: Draft) -> ServerSpec:
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
    kind: str,
    command: tuple[str, ...],
    files: tuple[FileSpec, ...],
) -> ServerSpec:
    return _server(
        draft,
        exporter.name,
        exporter.name,
        kind=kind,
        image=draft.images[kind],
        command=command,
        files=files,
        ports=(PortSpec("metrics", exporter.port),),
        resources=_UNDOCUMENTED,
        section=exporter.section,
        healthcheck=_http_check(exporter.port, "/"),
        start_cost_cpu_s=0.2,
    )


def _prometheuses(draft: Draft) -> tuple[ServerSpec, ...]:
    prometheus = draft.topology.monitoring.prometheus
    files = (
        FileSpec("/etc/prometheus/prometheus.yml", prometheus_configuration(draft)),
        FileSpec("/etc/prometheus/rules.yml", alert_rules(prometheus.rules)),
    )
    return tuple(
        _server(
            draft,
            name,
            prometheus.name,
            kind="prometheus",
            image=draft.images["prometheus"],
            command=(
                "prometheus",
                "--config.file=/etc/prometheus/prometheus.yml",
                "--storage.tsdb.path=/prometheus",
                f"--storage.tsdb.retention.time={format_duration(prometheus.retention_s)}",
                f"--web.listen-address=:{prometheus.port}",
            ),
            files=files,
            ports=(PortSpec("http", prometheus.port),),
            resources=prometheus.resources,
            section=prometheus.section,
            data_path="/prometheus",
            persistent=draft.persistent,
            healthcheck=_http_check(prometheus.port, "/-/ready"),
            start_cost_cpu_s=0.6,
        )
        for name in _replica_names(prometheus.name, prometheus.replicas)
    )


def alert_rules(rules: tuple[AlertRule, ...]) -> str:
    return _dump(
        {
            "groups": [
                {
                    "name": "documented",
                    "rules": [
                        {
                            "alert": rule.name,
                            "expr": rule.expr,
                            "for": format_duration(rule.for_s) if rule.for_s else "0s",
                            "labels": {"severity": rule.severity},
                            "annotations": {"summary": rule.summary},
                        }
                        for rule in rules
                    ],
                }
            ]
        }
    )


def prometheus_configuration(draft: Draft) -> str:
    monitoring = draft.topology.monitoring
    alertmanager = monitoring.alertmanager
    jobs = [_scrape_config(draft, job) for job in monitoring.prometheus.scrape_jobs]
    alert_targets = [
        f"{name}.{alertmanager.name}.{monitoring.namespace}.svc.{draft.topology.cluster_domain}:{alertmanager.port}"
        for name in _replica_names(alertmanager.name, alertmanager.replicas)
        if draft.runs(name)
    ]
    return _dump(
        {
            "global": {"scrape_interval": "30s", "evaluation_interval": "15s"},
            "rule_files": ["/etc/prometheus/rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": alert_targets}]}]},
            "scrape_configs": [job for job in jobs if job is not None],
        }
    )


def _scrape_config(draft: Draft, job: ScrapeJob) -> dict[str, Any] | None:
    """None for a job whose targets this stack does not run: an empty promise would read as coverage."""
    topology, monitoring = draft.topology, draft.topology.monitoring
    domain = topology.cluster_domain
    config: dict[str, Any] = {
        "job_name": job.name,
        "scrape_interval": format_duration(job.interval_s),
        "metrics_path": job.path,
    }
    monitored = f"{monitoring.namespace}.svc.{domain}"
    match job.target:
        case "broker":
            broker = topology.broker
            nodes = f"{broker.name}-nodes.{broker.namespace}"
            targets = [f"{name}.{nodes}:{job.port}" for name in node_names(draft) if draft.runs(name)]
        case "databases":
            targets = [
                f"{d.deployment}.{draft.environment.namespace}.svc.{domain}:{topology.database_server.port}"
                for d in topology.databases.values()
                if draft.runs(d.deployment) and draft.runs(monitoring.mysql_exporter.name)
            ]
            config["relabel_configs"] = [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "regex": r"([^.]+)\..*", "target_label": "instance"},
                {
                    "target_label": "__address__",
                    "replacement": f"{monitoring.mysql_exporter.name}.{monitored}:{job.port}",
                },
            ]
        case "object-store":
            store = topology.object_store
            port, path = metrics_endpoint(draft.images["object-store"], store.api_port)
            config["metrics_path"] = path
            targets = [f"{store.name}.{store.namespace}.svc.{domain}:{port}"] if draft.runs(store.name) else []
        case "node":
            exporter = monitoring.node_exporter.name
            targets = [f"{exporter}.{monitored}:{job.port}"] if draft.runs(exporter) else []
        case "prometheus" | "alertmanager":
            part = monitoring.prometheus if job.target == "prometheus" else monitoring.alertmanager
            pods = [pod for pod in _replica_names(part.name, part.replicas) if draft.runs(pod)]
            targets = [f"{pod}.{part.name}.{monitored}:{job.port}" for pod in pods]
        case "microservices" | "kube-state-metrics":
            return None
    config["static_configs"] = [{"targets": targets}]
    return config if targets else None
