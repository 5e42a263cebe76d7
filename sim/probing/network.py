"""A network of pods that can be policed and probed: the running stack's, or a small room's made for one purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol as TypingProtocol

from sim.policy.counters import Counters
from sim.policy.nftables import Established
from sim.policy.objects import Cluster, Protocol
from sim.probing.model import Answer, Edge, Listener, Question


class PodNetwork(TypingProtocol):
    """Every pod is called ``namespace/name``. RigError where the rig cannot act; a prober that died just answers so."""

    @property
    def cluster(self) -> Cluster:
        """The pods, with the labels and policies that were put in force last."""
        ...

    def enforce(self, cluster: Cluster, established: Established = Established.SURVIVES) -> None:
        """Put ``cluster``'s policies in force in every pod of the network."""
        ...

    def lift(self) -> None:
        """No policy in any pod."""
        ...

    def counters(self) -> Mapping[str, Counters]:
        """Pod → packets of each rule since it was set. A pod without a table is left out: nothing is enforced there."""
        ...

    def probe(self, questions: Sequence[Question], timeout_s: float) -> tuple[Answer, ...]:
        """All at once, answered in order. A datagram needs one of our listeners at its end to be known to arrive."""
        ...

    def listening(self, listeners: Sequence[Listener]) -> AbstractContextManager[None]:
        """Answer there, inside the block. Raises RigError for a port that is taken."""
        ...

    def resolve(self, pod: str, name: str, protocol: Protocol, timeout_s: float) -> Answer:
        """Look a full name up from inside ``pod``; its addresses are the evidence."""
        ...

    def open_flow(self, edge: Edge, timeout_s: float) -> Answer:
        """Connect to one of our listeners and stay connected."""
        ...

    def ask_flow(self, edge: Edge, timeout_s: float) -> Answer:
        """Whether that connection still carries bytes there and back; asked, it is not ended."""
        ...

    def first_packets(self, pod: str, questions: Sequence[Question], timeout_s: float) -> tuple[Answer, ...]:
        """Start a container in ``pod`` that begins with these questions, and wait for its end."""
        ...
