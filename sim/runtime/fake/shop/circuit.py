"""The gateway's circuits in memory: who waits in vain for a service that is silent, and who is told at once."""

from __future__ import annotations

from dataclasses import dataclass, field

_FAILURES, _OPEN_S = 5, 1.0


@dataclass(slots=True)
class Circuits:
    """``failures`` in a row and the instant of the last one, by service."""

    failures: dict[str, int] = field(default_factory=dict)
    failed_at_s: dict[str, float] = field(default_factory=dict)

    def is_open(self, service: str, now_s: float) -> bool:
        """Now and then one caller is let through, to see."""
        return self.failures.get(service, 0) >= _FAILURES and now_s - self.failed_at_s[service] <= _OPEN_S

    def failed(self, service: str, now_s: float) -> None:
        self.failures[service] = self.failures.get(service, 0) + 1
        self.failed_at_s[service] = now_s

    def succeeded(self, service: str) -> None:
        self.failures.pop(service, None)
