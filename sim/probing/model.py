"""One edge, one question, one answer. Denied is silence; a server that is down refuses; the two are never confused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sim.policy.objects import Protocol

NODE = "node"
"""A source that is no pod: the node, from which a kubelet probes and this rig's own clients come."""


NO_GREETING = "no greeting"
"""The evidence of a connection on which the server then said nothing."""

NO_REPLY = "the receiver has it; its reply did not come back"
"""The evidence of a datagram that arrived and whose reply did not."""


class Reach(StrEnum):
    """What a probe came to. DROPPED: nothing came back in time, nor, for UDP, arrived at the receiver."""

    CONNECTED = "connected"
    REFUSED = "refused"
    DROPPED = "dropped"
    NO_ROUTE = "no route"
    NAME_NOT_FOUND = "name not found"
    PROBER_FAILED = "prober failed"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """``source`` and ``target`` are pods as ``namespace/name``; a source may be NODE, a target any address."""

    source: str
    target: str
    protocol: Protocol
    port: int

    def __str__(self) -> str:
        return f"{self.source} → {self.target} {self.protocol} {self.port}"


@dataclass(frozen=True, slots=True)
class Question:
    """``hello`` None: to be connected is enough. Else it is said (empty: nothing) and the server's answer awaited."""

    edge: Edge
    hello: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """``evidence`` is what was heard: a greeting, the kernel's words, addresses."""

    reach: Reach
    elapsed_ms: float
    evidence: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """A socket of the rig's own in a pod: it answers, so that a port is known to be alive."""

    pod: str
    protocol: Protocol
    port: int
