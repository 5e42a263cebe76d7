"""Alertmanager and the sink in memory: an alert takes its severity's route and arrives on that receiver's channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.plan.model import ServerSpec
from sim.runtime.fake.documents import read_yaml
from sim.runtime.fake.processes import FakeProcesses
from sim.servers.protocol import Delivery
from sim.topology.quantities import parse_duration_s

_CHANNELS = {"email_configs": "email", "slack_configs": "slack", "webhook_configs": "webhook"}


@dataclass(slots=True)
class FakeAlertmanagerState:
    """``routes`` severity → receiver, ``channels`` receiver → its channels; ``peers`` counts the server itself."""

    version: str
    retention_s: float
    group_wait_s: float
    routes: dict[str, str]
    channels: dict[str, tuple[str, ...]]
    default_receiver: str
    peers: tuple[str, ...]


@dataclass(slots=True)
class FakeOutbox:
    """Notifications under way to the sink: (due instant, delivery). Replicas gossip, so each goes out once."""

    sent: list[tuple[float, Delivery]] = field(default_factory=list)


def boot(spec: ServerSpec) -> FakeAlertmanagerState:
    """Read flags and ``alertmanager.yml`` as Alertmanager does."""
    text = next((f.content for f in spec.files if f.path.endswith("alertmanager.yml")), "{}")
    configuration: dict[str, Any] = read_yaml(text)
    root = configuration["route"]
    routes = {}
    for route in root.get("routes", ()):
        for matcher in route["matchers"]:
            if match := re.fullmatch(r'severity="(\w+)"', matcher):
                routes[match[1]] = route["receiver"]
    channels = {
        receiver["name"]: tuple(channel for key, channel in _CHANNELS.items() for _ in receiver.get(key, ()))
        for receiver in configuration["receivers"]
    }
    retention = next((a.partition("=")[2] for a in spec.command if a.startswith("--data.retention=")), "120h")
    peers = tuple(re.sub(r"[.:].*", "", a.partition("=")[2]) for a in spec.command if a.startswith("--cluster.peer="))
    return FakeAlertmanagerState(
        version=spec.image.version,
        retention_s=parse_duration_s(retention),
        group_wait_s=parse_duration_s(root.get("group_wait", "30s")),
        routes=routes,
        channels=channels,
        default_receiver=root["receiver"],
        peers=peers,
    )


class FakeAlertServer:
    """The client of one in-memory Alertmanager."""

    def __init__(
        self,
        spec: ServerSpec,
        state: FakeAlertmanagerState,
        processes: FakeProcesses,
        outbox: FakeOutbox,
    ) -> None:
        self.name = spec.name
        self._state = state
        self._processes = processes
        self._outbox = outbox

    def _reached(self) -> FakeAlertmanagerState:
        self._processes.require(self.name)
        return self._state

    def version(self) -> str:
        return self._reached().version

    def peers(self) -> int:
        return sum(peer == self.name or self._processes.answers(peer) for peer in self._reached().peers)

    def retention_s(self) -> float:
        return self._reached().retention_s

    def routes(self) -> Mapping[str, str]:
        return dict(self._reached().routes)

    def fire(self, name: str, severity: str, labels: Mapping[str, str]) -> None:
        self._notify(name, severity, labels, "firing")

    def resolve(self, name: str, severity: str, labels: Mapping[str, str]) -> None:
        self._notify(name, severity, labels, "resolved")

    def _notify(self, name: str, severity: str, labels: Mapping[str, str], status: str) -> None:
        state = self._reached()
        receiver = state.routes.get(labels.get("severity", severity), state.default_receiver)
        due_s = self._processes.clock.now_s() + state.group_wait_s
        with self._processes.lock:
            for channel in state.channels.get(receiver, ()):
                self._outbox.sent.append((due_s, Delivery(channel, receiver, name, status)))


class FakeAlertSink:
    """The receiver of every channel. What arrives while it is down waits, as senders try again."""

    def __init__(self, name: str, processes: FakeProcesses, outbox: FakeOutbox) -> None:
        self.name = name
        self._processes = processes
        self._outbox = outbox

    def deliveries(self, alert: str) -> tuple[Delivery, ...]:
        self._processes.require(self.name)
        now_s = self._processes.clock.now_s()
        with self._processes.lock:
            return tuple(d for due_s, d in self._outbox.sent if d.alert == alert and due_s <= now_s)
