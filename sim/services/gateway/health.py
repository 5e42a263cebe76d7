"""Whether the gateway lives, and whether it can serve: it can while the broker takes its messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sim.services.chassis.caller import Caller
from sim.services.chassis.link import Link
from sim.services.gateway.answers import NO_STORE, Answer, json_answer
from sim.services.gateway.broadcasts import Broadcasts
from sim.services.gateway.forwarding import Forwarder
from sim.services.gateway.revocations import Revocations


@dataclass(slots=True)
class Health:
    """``draining`` is set once the process was asked to end: no more requests should be sent to it."""

    service: str
    pod: str
    link: Link
    caller: Caller
    forwarder: Forwarder
    broadcasts: Broadcasts
    revocations: Revocations
    draining: bool = False

    @property
    def is_ready(self) -> bool:
        return self.caller.is_ready and not self.draining

    def live(self) -> Answer:
        """200 while the event loop turns."""
        return json_answer(200, {"service": self.service, "pod": self.pod, "status": "alive"}, [NO_STORE])

    def ready(self) -> Answer:
        """Like a service's, with what only a gateway knows: its circuits, and whom it would not let in."""
        broker = {
            "state": self.link.state,
            "required": True,
            "since": datetime.fromtimestamp(self.link.since_s, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "reason": self.link.reason,
        }
        destinations = self.forwarder.destinations.values()
        document = {
            "service": self.service,
            "pod": self.pod,
            "status": "draining" if self.draining else "ready" if self.is_ready else "not ready",
            "waiting_for": {} if self.caller.is_ready else {"broker": self.link.reason},
            "dependencies": {"broker": broker},
            "circuits": {d.key: d.circuit.state.name.lower().replace("_", "-") for d in destinations},
            "in_flight": {d.key: d.in_flight for d in destinations if d.in_flight},
            "revocations": {"known": len(self.revocations), "listed": self.broadcasts.listed},
        }
        return json_answer(200 if self.is_ready else 503, document, [NO_STORE])
