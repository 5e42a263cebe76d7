"""The metrics every server offers, as text, told from the state of the servers behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sim.plan.model import Plan
from sim.runtime.fake.processes import FakeProcesses


@dataclass(slots=True)
class FakeHost:
    """What the node exporter measures, and whose databases the MySQL exporter may log in to."""

    memory_bytes: int = 8 * 2**30
    cpus: int = 2
    withheld: set[str] = field(default_factory=set)

    def node_metrics(self) -> str:
        free_bytes = self.memory_bytes // 2
        lines = [
            f"node_memory_MemTotal_bytes {self.memory_bytes}",
            f"node_memory_MemAvailable_bytes {free_bytes}",
            *(f'node_cpu_seconds_total{{cpu="{cpu}",mode="idle"}} 100' for cpu in range(self.cpus)),
        ]
        return _without("\n".join(lines) + "\n", self.withheld)


def _without(text: str, names: set[str]) -> str:
    return "".join(line + "\n" for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] not in names)


class FakeExporterServer:
    """One text endpoint."""

    def __init__(self, name: str, processes: FakeProcesses, answer: Callable[[str, Mapping[str, str]], str]) -> None:
        self.name = name
        self._processes = processes
        self._answer = answer

    def metrics(self, path: str = "/metrics", parameters: Mapping[str, str] | None = None) -> str:
        self._processes.require(self.name)
        return self._answer(path, parameters or {})


def mysql_probe(plan: Plan, processes: FakeProcesses, login: Callable[[str], bool], target: str) -> str:
    """``/probe?target=HOST:PORT``: 1 when the exporter can log in to that server, as the real one says."""
    host = target.partition(":")[0]
    named = [s.name for s in plan.of_kind("mysql") if host in {s.name, *s.aliases, s.address}]
    up = bool(named) and processes.answers(named[0]) and login(named[0])
    return f"# TYPE mysql_up gauge\nmysql_up {int(up)}\n"
