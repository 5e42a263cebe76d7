"""What a broker's nodes make of each other's silence: taken for down after the net tick, reconciled when it ends."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.runtime.fake.processes import FakeProcesses

_DEFAULT_TICK_S = 60.0
_RECONCILED_AFTER_S = 3.0


@dataclass(slots=True)
class FakePartitions:
    """``seen`` is what each node reports. ``khepri``: metadata by Raft, which needs no reconciling (RabbitMQ 4.3)."""

    processes: FakeProcesses
    settings: Mapping[str, Mapping[str, Any]]
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    khepri: bool = False
    _silent_since_s: dict[tuple[str, str], float] = field(default_factory=dict)
    _down: set[tuple[str, str]] = field(default_factory=set)
    _heals_at_s: float | None = None

    def settle(self) -> None:
        """Bring what the nodes know to the present."""
        now_s = self.processes.clock.now_s()
        for pair in itertools.combinations(self.settings, 2):
            if not all(map(self.processes.answers, pair)):
                self._silent_since_s.pop(pair, None)
                self._down.discard(pair)
            elif not self.processes.filters.connected(*pair):
                tick_s = float(self.settings[pair[0]].get("net_ticktime", _DEFAULT_TICK_S))
                if now_s - self._silent_since_s.setdefault(pair, now_s) >= tick_s:
                    self._down.add(pair)
            else:
                self._silent_since_s.pop(pair, None)
                if pair in self._down:
                    self._down.discard(pair)
                    self._met_again(pair, now_s)
        if self._heals_at_s is not None and now_s >= self._heals_at_s:
            self.seen.clear()
            self._heals_at_s = None

    def _met_again(self, pair: tuple[str, str], now_s: float) -> None:
        if self.khepri:
            return
        for node, other in (pair, pair[::-1]):
            self.seen[node] = (*self.seen.get(node, ()), other)
        if self.settings[pair[0]].get("cluster_partition_handling") == "autoheal" and self._heals_at_s is None:
            self._heals_at_s = now_s + _RECONCILED_AFTER_S
            winner, loser = pair[::-1]
            self.processes[winner].log.append(f"Autoheal: I am the winner, waiting for ['rabbit@{loser}'] to stop")
            self.processes[loser].log.append(f"Autoheal: we were selected to restart; winner is 'rabbit@{winner}'")
