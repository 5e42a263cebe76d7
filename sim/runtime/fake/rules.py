"""The alert rules of the modelled Prometheus that look at databases: pending, firing, over, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.runtime.fake.alerting import FakeAlertmanagerState, FakeOutbox
from sim.runtime.fake.processes import FakeProcesses
from sim.servers.protocol import Delivery

_WATCHES_DATABASES = "mysql_up"


class FakeRules:
    """Evaluated whenever somebody looks. ``deaf``: nothing that happens makes any of them fire."""

    def __init__(
        self,
        databases: tuple[str, ...],
        processes: FakeProcesses,
        alertmanagers: Mapping[str, FakeAlertmanagerState],
        outbox: FakeOutbox,
    ) -> None:
        self.deaf = False
        self._databases = databases
        self._processes = processes
        self._alertmanagers = alertmanagers
        self._outbox = outbox
        self._told: dict[str, str] = {}

    def state(self, name: str, rule: Mapping[str, Any]) -> str:
        if self.deaf or _WATCHES_DATABASES not in rule["expr"]:
            return str(rule["state"])
        now_s = self._processes.clock.now_s()
        away = [self._processes[d].down_since_s for d in self._databases if not self._processes.answers(d)]
        if not away:
            self._tell(name, rule, "resolved")
            return "inactive"
        if now_s - min(away) < rule["for_s"]:
            return "pending"
        self._tell(name, rule, "firing")
        return "firing"

    def _tell(self, name: str, rule: Mapping[str, Any], status: str) -> None:
        """Once for each change; what never fired is never resolved."""
        before = self._told.get(name, "resolved")
        if before == status or not self._alertmanagers:
            return
        self._told[name] = status
        state = next(iter(self._alertmanagers.values()))
        receiver = state.routes.get(rule["severity"], state.default_receiver)
        due_s = self._processes.clock.now_s() + state.group_wait_s
        with self._processes.lock:
            for channel in state.channels.get(receiver, ()):
                self._outbox.sent.append((due_s, Delivery(channel, receiver, name, status)))
