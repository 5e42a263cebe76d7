"""The local builds: who runs in them, and the two that are ours alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import docker
import pytest
import requests

from sim.images.ensure import ensure_images
from sim.images.lock import load_lock
from sim.images.model import ResolvedImage
from sim.runtime.engine import connect

CONFIGURATION = """\
global: {smtp_smarthost: "sink:1025", smtp_from: a@sink.local, smtp_require_tls: false, smtp_hello: rig}
route: {receiver: all, group_wait: 0s, group_interval: 1s, group_by: ["GROUP"]}
receivers:
  - name: all
    email_configs: [{to: team@sink.local, send_resolved: true}]
    slack_configs: [{api_url: "http://sink:8080/slack/team", channel: "#alerts", send_resolved: true}]
    webhook_configs: [{url: "http://sink:8080/webhook/team", send_resolved: true}]
"""


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="module")
def images(client: docker.DockerClient) -> Mapping[str, ResolvedImage]:
    return ensure_images(load_lock().servers, say=print, client=client)


def test_no_locally_built_server_runs_as_root(client: docker.DockerClient, images: Mapping[str, ResolvedImage]) -> None:
    """Each build sets a user of its own; and each has the version that its label claims.

    The network tools are no server: for a moment they join a pod's network to set its rules, which only root may.
    """
    for image in images.values():
        attributes = client.api.inspect_image(image.reference)
        if "sim.version" in (attributes["Config"]["Labels"] or {}):
            rootless = attributes["Config"]["User"] not in {"", "root", "0", "0:0"}
            assert rootless == (image.component != "network-tools"), image.component
            assert attributes["Config"]["Labels"]["sim.version"] == image.version


def test_pause_ends_at_once_when_asked(client: docker.DockerClient, images: Mapping[str, ResolvedImage]) -> None:
    """As process 1 it would ignore SIGTERM unless it handled it, and every stop would take the grace period."""
    container = client.containers.run(
        images["pause"].reference, detach=True, network_mode="none", cap_drop=["ALL"], labels={"sim.task": "test"}
    )
    try:
        began_s = time.monotonic()
        container.stop(timeout=30)
        assert time.monotonic() - began_s < 5
        container.reload()
        assert container.attrs["State"]["ExitCode"] == 0
    finally:
        container.remove(force=True)


@pytest.fixture(params=["alertname", "..."], ids=["by-name", "by-all"])
def alerting(
    request: pytest.FixtureRequest, client: docker.DockerClient, images: Mapping[str, ResolvedImage]
) -> Iterator[tuple[str, str]]:
    """A real Alertmanager that sends to the sink: (its address, the sink's)."""
    stem = f"sim-images-test-{request.node.callspec.id}"
    network = client.networks.create(stem, labels={"sim.task": "test"})
    containers = []
    try:
        for name, port in (("sink", 8080), ("alertmanager", 9093)):
            component = "alert-sink" if name == "sink" else name
            script = f"cat > /tmp/a.yml <<'END'\n{CONFIGURATION.replace('GROUP', request.param)}END\n"
            script += "exec alertmanager --config.file=/tmp/a.yml --storage.path=/tmp --cluster.listen-address="
            containers.append(
                client.containers.create(
                    images[component].reference,
                    entrypoint=[],
                    command=["sh", "-c", script] if name == "alertmanager" else ["python3", "/srv/sink.py"],
                    ports={f"{port}/tcp": ("127.0.0.1", None)},
                    network=network.name,
                    hostname=name,
                    labels={"sim.task": "test"},
                    name=f"{stem}-{name}",
                )
            )
            network.disconnect(containers[-1])
            network.connect(containers[-1], aliases=[name])
            containers[-1].start()
        yield _address(containers[1], 9093), _address(containers[0], 8080)
    finally:
        for container in containers:
            container.remove(force=True)
        network.remove()


def _address(container: docker.models.containers.Container, port: int) -> str:
    container.reload()
    url = f"http://127.0.0.1:{container.ports[f'{port}/tcp'][0]['HostPort']}"
    end_s = time.monotonic() + 20
    while True:
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            assert time.monotonic() < end_s, container.logs(tail=20).decode()
            time.sleep(0.05)
        else:
            return url


def test_sink_records_what_a_real_alertmanager_sends_on_all_channels(alerting: tuple[str, str]) -> None:
    """Mail, Slack and webhook, firing and resolved; grouped by name alone or by every label."""
    alertmanager, sink = alerting
    alert = {"labels": {"alertname": "HighLatency", "severity": "critical", "service": "auth"}}
    for ends_at, status in (({}, "firing"), ({"endsAt": "2020-01-02T00:00:00Z"}, "resolved")):
        body = [{**alert, "startsAt": "2020-01-01T00:00:00Z", **ends_at}]
        requests.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=5).raise_for_status()
        wanted = {(channel, "team", status) for channel in ("email", "slack", "webhook")}
        end_s = time.monotonic() + 20
        while True:
            answer = requests.get(f"{sink}/deliveries", params={"alert": "HighLatency"}, timeout=5).json()
            found = {(d["channel"], d["receiver"], d["status"]) for d in answer}
            if wanted <= found:
                break
            assert time.monotonic() < end_s, found
            time.sleep(0.1)
