"""Asking a pod network about edges, and writing down what it answered: one observation a pair of pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.checks.edge_observations import COUNTERS, EDGES, SILENT, found_detail, outcome_of, rules_detail
from sim.checks.edges import expected_edges
from sim.history import Outcome
from sim.policy.verdict import Decision
from sim.probing.model import Answer, Edge, Question, Reach
from sim.probing.network import PodNetwork
from sim.scenario import Stage

# A packet may be lost on a busy machine: whoever should have been heard is asked once more, more patiently.
_MORE_PATIENT = 3.0
_UNHEARD = frozenset({Reach.DROPPED.value, SILENT})


def ask(network: PodNetwork, questions: Sequence[Question], timeout_s: float) -> dict[Edge, Answer]:
    """Every edge's answer; a second silence, where the policies in force let through, is no accident."""
    asked = {question.edge: question for question in questions}
    answers = dict(zip(asked, network.probe(list(asked.values()), timeout_s), strict=True))
    unheard = [edge for edge, answer in answers.items() if outcome_of(answer) in _UNHEARD]
    expected = expected_edges(network.cluster, unheard)
    silent = [edge for edge in unheard if expected[edge].allowed]
    if silent:
        again = network.probe([asked[edge] for edge in silent], timeout_s * _MORE_PATIENT)
        answers |= zip(silent, again, strict=True)
    return answers


def write(
    stage: Stage, answers: Mapping[Edge, Answer], decisions: Mapping[Edge, Decision] | None = None, **detail: Any
) -> None:
    """``decisions`` are written beside the outcomes for a report's sake: a judge computes them itself."""
    pairs: dict[tuple[str, str], dict[Edge, Answer]] = {}
    for edge, answer in answers.items():
        pairs.setdefault((edge.source, edge.target), {})[edge] = answer
    for (source, target), found in pairs.items():
        failed = any(answer.reach is Reach.PROBER_FAILED for answer in found.values())
        outcome = Outcome.UNSURE if failed else Outcome.OK
        ruled = rules_detail({edge: decisions[edge] for edge in found}) if decisions else {}
        stage.record(EDGES, target, outcome, actor=source, **detail, **found_detail(found), **ruled)


def write_counters(stage: Stage, network: PodNetwork) -> None:
    """How many packets each rule let pass and each pod dropped, since the rules were set."""
    for pod, counted in network.counters().items():
        packets = {str(ref): tally.packets for ref, tally in counted.allowed.items()}
        packets |= {direction.value: tally.packets for direction, tally in counted.dropped.items()}
        stage.record(COUNTERS, pod, Outcome.OK, packets=packets)
