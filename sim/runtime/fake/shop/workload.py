"""What the shop's requests cost and how long they took, as its metrics pages and the kernel would tell."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.runtime.fake.processes import FakeProcesses

GATEWAY_CPU_S = 0.0042
HANDLER_CPU_S = 0.0005
"""Of one request: what the gateway and the service's handler use of a core."""


@dataclass(slots=True)
class Tally:
    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds


@dataclass(slots=True)
class Workload:
    """``slow_s`` is what a service's handlers take longer than they should, without using the CPU."""

    processes: FakeProcesses
    slow_s: dict[str, float] = field(default_factory=dict)
    handled: dict[str, Tally] = field(default_factory=dict)
    answered: dict[str, Tally] = field(default_factory=dict)

    def handling_s(self, service: str) -> float:
        return HANDLER_CPU_S + self.slow_s.get(service, 0.0)

    def work(self, gateway: str, service: str, pod: str, seconds: float) -> None:
        """One request answered by way of ``gateway`` after ``seconds``, handled by ``pod``."""
        self.processes[gateway].cpu_s += GATEWAY_CPU_S
        self.processes[pod].cpu_s += HANDLER_CPU_S
        self.handled.setdefault(pod, Tally()).add(self.handling_s(service))
        self.answered.setdefault(service, Tally()).add(seconds)

    def page(self, pod: str, *, gateway: bool) -> str:
        """The lines of a metrics page that tell of it."""
        if gateway:
            name = "gateway_http_request_duration_seconds"
            return "".join(_lines(name, f'service="{key}"', tally) for key, tally in sorted(self.answered.items()))
        return _lines("service_request_duration_seconds", 'route="any"', self.handled.get(pod, Tally()))


def _lines(name: str, labels: str, tally: Tally) -> str:
    return f"{name}_sum{{{labels}}} {tally.seconds}\n{name}_count{{{labels}}} {tally.count}\n"
