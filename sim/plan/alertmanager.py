"""Alertmanager: two replicas, three routes, and the sink its notifications end in (section 9)."""

from __future__ import annotations

from typing import Any

from sim.plan.draft import Draft
from sim.plan.model import FileSpec, PortSpec, ServerSpec
from sim.plan.monitored import dump_yaml, http_check, monitoring_server, replica_names
from sim.topology.model import AlertRoute, Resources

SINK = "alert-sink"
_SINK_HTTP_PORT = 8080
_SINK_SMTP_PORT = 1025
_CLUSTER_PORT = 9094
# Silence before a first notification. The document leaves it open; who rehearses an alert does not want to wait.
_GROUP_WAIT = "1s"
_GROUP_INTERVAL = "5s"


def plan_alert_sink(draft: Draft) -> ServerSpec:
    """Not in the document: it stands for the mail server, Slack and the webhook, and writes down what arrives."""
    return monitoring_server(
        draft,
        SINK,
        SINK,
        kind="alert-sink",
        image=draft.images["alert-sink"],
        command=("python3", "/srv/sink.py"),
        files=(),
        ports=(PortSpec("http", _SINK_HTTP_PORT), PortSpec("smtp", _SINK_SMTP_PORT, published=False)),
        resources=Resources(),
        section="9",
        healthcheck=None,
        start_cost_cpu_s=0.4,
    )


def plan_alertmanagers(draft: Draft) -> tuple[ServerSpec, ...]:
    alertmanager = draft.topology.monitoring.alertmanager
    names = replica_names(alertmanager.name, alertmanager.replicas)
    namespace = draft.topology.monitoring.namespace
    peers = tuple(
        f"--cluster.peer={peer}.{alertmanager.name}.{namespace}.svc.{draft.topology.cluster_domain}:{_CLUSTER_PORT}"
        for peer in names
        if draft.runs(peer)
    )
    return tuple(
        monitoring_server(
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
                f"--cluster.listen-address=0.0.0.0:{_CLUSTER_PORT}",
                # A first notification waits for the gossip to settle; two replicas on one bridge settle at once.
                "--cluster.settle-timeout=2s",
                *peers,
            ),
            files=(FileSpec("/etc/alertmanager/alertmanager.yml", _configuration(draft)),),
            ports=(
                PortSpec("http", alertmanager.port),
                PortSpec("cluster", _CLUSTER_PORT, published=False),
            ),
            resources=alertmanager.resources,
            section=alertmanager.section,
            data_path="/alertmanager",
            persistent=draft.persistent,
            healthcheck=http_check(alertmanager.port, "/-/ready"),
            start_cost_cpu_s=0.3,
            after=(SINK,),
        )
        for name in names
    )


def format_hours(seconds: float) -> str:
    """Alertmanager reads Go durations, which know no days."""
    return f"{seconds / 3600:g}h"


def _configuration(draft: Draft) -> str:
    sink = f"{SINK}.{draft.topology.monitoring.namespace}.svc.{draft.topology.cluster_domain}"
    routes = draft.topology.monitoring.alertmanager.routes
    return dump_yaml(
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
