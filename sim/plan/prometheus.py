"""Prometheus: two replicas that scrape what this stack runs, with the documented alert rules (section 9)."""

from __future__ import annotations

from typing import Any

from sim.plan.draft import Draft
from sim.plan.model import FileSpec, PortSpec, ServerSpec
from sim.plan.monitored import dump_yaml, http_check, monitoring_server, replica_names
from sim.plan.object_store import metrics_endpoint
from sim.plan.rabbitmq import node_names
from sim.plan.services import service_pods
from sim.topology.model import AlertRule, ScrapeJob
from sim.topology.quantities import format_duration


def plan_prometheuses(draft: Draft) -> tuple[ServerSpec, ...]:
    prometheus = draft.topology.monitoring.prometheus
    files = (
        FileSpec("/etc/prometheus/prometheus.yml", prometheus_configuration(draft)),
        FileSpec("/etc/prometheus/rules.yml", alert_rules(prometheus.rules)),
    )
    return tuple(
        monitoring_server(
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
            healthcheck=http_check(prometheus.port, "/-/ready"),
            start_cost_cpu_s=0.6,
        )
        for name in replica_names(prometheus.name, prometheus.replicas)
    )


def alert_rules(rules: tuple[AlertRule, ...]) -> str:
    return dump_yaml(
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
        for name in replica_names(alertmanager.name, alertmanager.replicas)
        if draft.runs(name)
    ]
    return dump_yaml(
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
            pods = [pod for pod in replica_names(part.name, part.replicas) if draft.runs(pod)]
            targets = [f"{pod}.{part.name}.{monitored}:{job.port}" for pod in pods]
        case "microservices":
            # One target a pod, as a ServiceMonitor finds them, under the pod's name and its service's.
            targets = [f"{pod}:{job.port}" for pod in service_pods(draft)]
            config["relabel_configs"] = [
                {"source_labels": ["__address__"], "regex": r"([^.]+)\..*", "target_label": "instance"},
                {"source_labels": ["__address__"], "regex": r"[^.]+\.([^.]+)\..*", "target_label": "service"},
            ]
        case "kube-state-metrics":
            return None
    config["static_configs"] = [{"targets": targets}]
    return config if targets else None
