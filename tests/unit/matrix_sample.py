"""The whole platform's network as its scenario writes it, with a few differences: to look at the matrix.

``python tests/unit/matrix_sample.py FILE`` writes a page that holds nothing else.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from pathlib import Path

from sim.history import Observation, Outcome
from sim.plan.cluster import cluster_of
from sim.plan.pods import build_plan
from sim.policy.table import expected_table
from sim.policy.verdict import Decision
from sim.report.matrix import isolation_matrix
from sim.report.walls import COUNTERS, EDGES, asked, summary
from sim.runtime.fake.images import fake_images
from sim.topology.load import load_topology

SCENARIO = "isolation/edges"
_REACH = {True: "connected", False: "dropped"}


def network_observations(seed: int = 3, differences: int = 5, silences: int = 7) -> list[Observation]:
    """Every pod to every pod on every port that a policy or a pod speaks of, and one nobody speaks of."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a key
    topology = load_topology()
    plan = build_plan(topology, "development", fake_images(topology), "192.0.2.0/24")
    edges = [e for e in expected_table(cluster_of(plan)).edges if "/" in e.source and "/" in e.destination]
    found: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    rules: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    counters: dict[str, dict[str, int]] = defaultdict(dict)
    odd = rng.sample(range(len(edges)), differences + silences)
    for number, edge in enumerate(edges):
        place, pair = f"{edge.asked.protocol} {edge.asked.port}", (edge.source, edge.destination)
        reach = _REACH[edge.decision.allowed if number not in odd[:differences] else not edge.decision.allowed]
        found[pair]["prober failed" if number in odd[differences:] else reach].append(place)
        rules[pair][_rule(edge.decision)].append(place)
        for pod, ruling in zip(pair, (edge.decision.egress, edge.decision.ingress), strict=True):
            counters[pod][str(ruling.rule)] = counters[pod].get(str(ruling.rule), 0) + 1
    told = [
        Observation(1.0, SCENARIO, source, EDGES, target, Outcome.OK, {"found": seen, "rules": rules[source, target]})
        for (source, target), seen in found.items()
    ]
    return [
        *told,
        *(Observation(2.0, SCENARIO, "rig", COUNTERS, pod, Outcome.OK, {"packets": n}) for pod, n in counters.items()),
    ]


def _rule(decision: Decision) -> str:
    if not decision.allowed:
        return f"denied: {'; '.join(decision.denied)}"
    return f"allowed: {decision.egress.rule or 'every way out'}; {decision.ingress.rule or 'every way in'}"


def main(path: Path) -> None:
    css = (Path(__file__).parents[2] / "sim/report/templates/report.css").read_text(encoding="utf-8")
    questions = asked(network_observations())
    figure = f'<div class="figure">{isolation_matrix(questions)}</div>'
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    body = f'<main class="wrap"><p>{summary(questions)}</p>{figure}</main>'
    path.write_text(f"<!doctype html><html lang=en>{head}<style>{css}</style><body>{body}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
