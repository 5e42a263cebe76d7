"""The clients of Prometheus, Alertmanager and an exporter against real servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import docker
import pytest

from sim.errors import Refused, Unreachable
from sim.runtime.readiness import ready_probe
from sim.servers.alert_sink import SinkServer
from sim.servers.alertmanager import AlertmanagerServer
from sim.servers.endpoint import Endpoint
from sim.servers.exporter import MetricsExporter
from sim.servers.prometheus import PrometheusServer
from sim.servers.protocol import Delivery
from sim.servers.web import http_get
from tests.docker.test_servers.conftest import container, server_spec

_PROMETHEUS = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/etc/prometheus/rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:9093"]}]}]}
scrape_configs:
  - {job_name: prometheus, scrape_interval: 1s, static_configs: [{targets: ["127.0.0.1:9090"]}]}
  - {job_name: dead, scrape_interval: 30s, metrics_path: /m, static_configs: [{targets: ["127.0.0.1:1"]}]}
"""
_RULES = """\
groups:
  - name: documented
    rules:
      - {alert: Always, expr: vector(1) > 0, for: 5m, labels: {severity: critical}}
"""
_ALERTMANAGER = """\
route:
  receiver: webhook
  group_by: [alertname]
  group_wait: 1s
  routes:
    - {receiver: pager, matchers: ['severity="critical"']}
    - {receiver: mail, matchers: ['severity="warning"']}
receivers:
  - {name: webhook, webhook_configs: [{url: "http://SINK:8080/webhook/webhook"}]}
  - {name: pager, slack_configs: [{api_url: "http://SINK:8080/slack/pager", channel: "#alerts"}]}
  - name: mail
    email_configs: [{to: mail@sink.local, from: am@sink.local, smarthost: "SINK:1025", require_tls: false}]
"""


@pytest.fixture(scope="module")
def prometheus(engine: docker.DockerClient) -> Iterator[PrometheusServer]:
    command = (
        "prometheus",
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/prometheus",
        "--storage.tsdb.retention.time=30d",
    )
    files = {"/etc/prometheus/prometheus.yml": _PROMETHEUS, "/etc/prometheus/rules.yml": _RULES}
    with container(engine, "prometheus", command, files=files, user="root") as running:
        running.wait_ready(ready_probe(server_spec("prometheus"), lambda _port: running.endpoint(9090), {}), 30)
        yield PrometheusServer("prometheus-0", lambda: running.endpoint(9090))


@pytest.fixture(scope="module")
def sink(engine: docker.DockerClient) -> Iterator[SinkServer]:
    with container(engine, "alert-sink", ("python3", "/srv/sink.py")) as running:
        running.wait_ready(ready_probe(server_spec("alert-sink"), lambda _port: running.endpoint(8080), {}), 20)
        yield SinkServer("alert-sink", lambda: running.endpoint(8080))


@pytest.fixture(scope="module")
def alertmanager(engine: docker.DockerClient, sink: SinkServer) -> Iterator[AlertmanagerServer]:
    command = (
        "alertmanager",
        "--config.file=/etc/am.yml",
        "--storage.path=/run",
        "--data.retention=72h",
        "--cluster.listen-address=0.0.0.0:9094",
    )
    files = {"/etc/am.yml": _ALERTMANAGER.replace("SINK", sink._endpoint().host)}
    with container(engine, "alertmanager", command, files=files, user="root") as running:
        running.wait_ready(ready_probe(server_spec("alertmanager"), lambda _port: running.endpoint(9093), {}), 30)
        yield AlertmanagerServer("alertmanager-0", lambda: running.endpoint(9093))


def _until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    """Prometheus looks for its targets some seconds after it says it is ready."""
    end_s = time.monotonic() + deadline_s
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.1)


def test_prometheus_tells_its_version_and_retention(prometheus: PrometheusServer) -> None:
    """Both as the running server has them."""
    assert prometheus.version().startswith("2.")
    assert prometheus.retention_s() == 30 * 86400


def test_prometheus_tells_each_target_up_or_down(prometheus: PrometheusServer) -> None:
    """Its own target comes up, a closed port goes down; interval and path are those configured."""
    _until(lambda: any(t.health == "up" for t in prometheus.targets()))
    targets = {t.job: t for t in prometheus.targets()}
    assert targets["prometheus"].health == "up"
    assert targets["dead"].health != "up"
    assert (targets["dead"].interval_s, targets["dead"].path) == (30.0, "/m")


def test_prometheus_tells_its_rules_and_where_alerts_go(prometheus: PrometheusServer) -> None:
    """The rule with its severity and wait, and the one Alertmanager."""
    rule = prometheus.rules()["Always"]
    assert (rule["severity"], rule["for_s"]) == ("critical", 300.0)
    _until(lambda: bool(prometheus.alertmanagers()))
    assert prometheus.alertmanagers() == ("127.0.0.1:9093",)


def test_prometheus_answers_queries_and_refuses_nonsense(prometheus: PrometheusServer) -> None:
    """A vector has labels, a scalar none; a broken expression is refused with its status."""
    assert prometheus.query("scalar(vector(4))") == (({}, 4.0),)
    assert prometheus.query("vector(3)")[0][1] == 3.0
    assert prometheus.query("absent_metric_of_nobody") == ()
    with pytest.raises(Refused) as refusal:
        prometheus.query("sum(")
    assert refusal.value.code == "400"


def test_alertmanager_tells_its_version_retention_peers_and_routes(alertmanager: AlertmanagerServer) -> None:
    """Retention comes from its own command line, routes from its running configuration."""
    assert alertmanager.version().startswith("0.")
    assert alertmanager.retention_s() == 72 * 3600
    assert alertmanager.peers() == 1
    assert alertmanager.routes() == {"critical": "pager", "warning": "mail", "info": "webhook"}


def test_an_alert_fires_until_it_is_resolved(alertmanager: AlertmanagerServer) -> None:
    """It is active after firing and gone after resolving."""

    def active() -> list[str]:
        endpoint = alertmanager._endpoint()
        return [a["labels"]["alertname"] for a in http_get(endpoint, "/api/v2/alerts").json()]

    alertmanager.fire("Canary", "critical", {"instance": "a"})
    assert "Canary" in active()
    alertmanager.resolve("Canary", "critical", {"instance": "a"})
    assert "Canary" not in active()


@pytest.mark.parametrize(
    ("severity", "channel", "receiver"),
    [("critical", "slack", "pager"), ("warning", "email", "mail"), ("info", "webhook", "webhook")],
)
def test_an_alert_arrives_in_the_sink_by_its_severitys_channel(
    alertmanager: AlertmanagerServer, sink: SinkServer, severity: str, channel: str, receiver: str
) -> None:
    """Fired at a real Alertmanager, delivered to the receiver its route names, and to nobody else."""
    name = f"Drill{severity.title()}"
    assert sink.deliveries(name) == ()
    alertmanager.fire(name, severity, {"instance": "a"})
    _until(lambda: bool(sink.deliveries(name)))
    assert set(sink.deliveries(name)) == {Delivery(channel, receiver, name, "firing")}


def test_an_exporter_gives_its_text(engine: docker.DockerClient) -> None:
    """Metrics on its path, a refusal with the status elsewhere, silence when nobody is there."""
    with container(engine, "node-exporter", ("node_exporter",)) as running:
        running.wait_ready(ready_probe(server_spec("node-exporter"), lambda _port: running.endpoint(9100), {}), 20)
        exporter = MetricsExporter("node-exporter", lambda: running.endpoint(9100))
        assert "node_cpu_seconds_total" in exporter.metrics()
        with pytest.raises(Refused) as refusal:
            exporter.metrics("/nowhere")
        assert refusal.value.code == "404"
    with pytest.raises(Unreachable):
        MetricsExporter("gone", lambda: Endpoint("127.0.0.1", 1)).metrics()
