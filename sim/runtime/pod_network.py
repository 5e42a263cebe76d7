"""Pods in an engine, policed and probed; see ``sim.probing.network.PodNetwork``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sim.errors import RigError
from sim.policy.counters import Counters
from sim.policy.nftables import Established
from sim.policy.objects import Cluster, Protocol
from sim.probing.model import NODE, Answer, Edge, Listener, Question, Reach
from sim.runtime.networks import PodNetworks
from sim.runtime.policing import Policing
from sim.runtime.prober import PROGRAM, Prober

_Raw = Sequence[tuple[str, float, str]]


class EnginePodNetwork:
    """``pods``: ``namespace/name`` → what ``networks`` calls it. The prober starts with the first question.

    ``changed``: other policies were put in force than were when it was made.
    """

    def __init__(self, networks: PodNetworks, policing: Policing, pods: Mapping[str, str]) -> None:
        self._networks, self._policing, self._pods = networks, policing, pods
        self._prober: Prober | None = None
        self.changed = False

    @property
    def cluster(self) -> Cluster:
        return self._policing.cluster

    def enforce(self, cluster: Cluster, established: Established = Established.SURVIVES) -> None:
        self.changed = True
        self._policing.enforce(cluster, established)

    def lift(self) -> None:
        self.changed = True
        self._policing.lift()

    def counters(self) -> Mapping[str, Counters]:
        return self._policing.counters()

    def probe(self, questions: Sequence[Question], timeout_s: float) -> tuple[Answer, ...]:
        edges = self._raw_edges(questions)
        return self._asked("probe", len(edges), edges=edges, timeout_s=timeout_s)

    @contextmanager
    def listening(self, listeners: Sequence[Listener]) -> Iterator[None]:
        places = [(listener.pod, listener.protocol.value, listener.port) for listener in listeners]
        errors = self._ready().ask("listen", at=places)["errors"]
        try:
            for listener, error in zip(listeners, errors, strict=True):
                if error:
                    raise RigError(
                        f"No listener in {listener.pod} on {listener.protocol} {listener.port}.", evidence=error
                    )
            yield
        finally:
            if self._prober is not None:
                self._prober.ask("listen", at=[])

    def resolve(self, pod: str, name: str, protocol: Protocol, timeout_s: float) -> Answer:
        return self._asked("resolve", 1, names=[(pod, name, protocol.value)], timeout_s=timeout_s)[0]

    def open_flow(self, edge: Edge, timeout_s: float) -> Answer:
        flow = (str(edge), edge.source, self._address(edge.target), edge.port)
        return self._asked("open", 1, flows=[flow], timeout_s=timeout_s)[0]

    def ask_flow(self, edge: Edge, timeout_s: float) -> Answer:
        return self._asked("ask", 1, flows=[str(edge)], timeout_s=timeout_s)[0]

    def first_packets(self, pod: str, questions: Sequence[Question], timeout_s: float) -> tuple[Answer, ...]:
        """By the same prober, in a container of its own whose network is the pod's alone."""
        edges = [(NODE, *edge[1:]) for edge in self._raw_edges(questions)]
        asked = {"op": "probe", "edges": edges, "timeout_s": timeout_s}
        code, output = self._networks.start_container(self._pods[pod], ("python3", *PROGRAM), json.dumps(asked))
        try:
            return _answers(json.loads(output)["answers"])
        except (ValueError, KeyError, TypeError):
            said = f"exit code {code}: {output[-200:]}"
            return (Answer(Reach.PROBER_FAILED, 0.0, said),) * len(questions)

    def close(self) -> None:
        if self._prober is not None:
            self._prober.close()
            self._prober = None

    def _ready(self) -> Prober:
        if self._prober is None:
            self._prober = self._networks.prober(self._pods)
        return self._prober

    def _asked(self, operation: str, count: int, **request: object) -> tuple[Answer, ...]:
        """A prober that dies meanwhile has answered: that it failed, for each question."""
        prober = self._ready()
        try:
            raw: _Raw = prober.ask(operation, **request)["answers"]
        except RigError as error:
            self.close()
            return (Answer(Reach.PROBER_FAILED, 0.0, str(error)),) * count
        return _answers(raw)

    def _raw_edges(self, questions: Sequence[Question]) -> list[tuple[str, str, str, int, str | None]]:
        return [
            (q.edge.source, self._address(q.edge.target), q.edge.protocol.value, q.edge.port, q.hello)
            for q in questions
        ]

    def _address(self, target: str) -> str:
        return self.cluster.pod(target).addresses[0] if "/" in target else target


def _answers(raw: _Raw) -> tuple[Answer, ...]:
    return tuple(Answer(Reach(reach), elapsed_ms, evidence) for reach, elapsed_ms, evidence in raw)
