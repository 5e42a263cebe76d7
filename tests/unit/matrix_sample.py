"""The whole platform's network as a scenario would write it, with a few differences: to look at the matrix.

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
from sim.report.matrix import isolation_matrix
from sim.report.walls import ATTEMPT, DOCUMENTED, asked, summary
from sim.runtime.fake.images import fake_images
from sim.topology.load import load_topology

SCENARIO = "isolation/network"
_WORDS = {True: "let in", False: "refused"}
_REACH = {True: "connected", False: "dropped"}


def network_observations(seed: int = 3, differences: int = 5, silences: int = 7) -> list[Observation]:
    """Every pod to every pod on every port that a policy or a pod speaks of, and one nobody speaks of."""
    rng = random.Random(seed)  # noqa: S311 - a sample, not a key
    topology = load_topology()
    plan = build_plan(topology, "development", fake_images(topology), "192.0.2.0/24")
    edges = [e for e in expected_table(cluster_of(plan)).edges if "/" in e.source and "/" in e.destination]
    tables: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    attempts: list[Observation] = []
    odd = rng.sample(range(len(edges)), differences + silences)
    for number, edge in enumerate(edges):
        what, allowed = f"{edge.asked.protocol} {edge.asked.port}", edge.decision.allowed
        tables[edge.source, edge.destination].append((what, "", _WORDS[allowed]))
        reach = _REACH[allowed if number not in odd[:differences] else not allowed]
        if number in odd[differences:]:
            reach = "prober failed"
        counted = {"packets": rng.randrange(1, 9), "rule": edge.decision.why}
        detail = {"action": what, "resource": "", "code": reach, **counted}
        outcome = Outcome.OK if reach == "connected" else Outcome.FAILED
        attempts.append(Observation(1.0, SCENARIO, edge.source, ATTEMPT, edge.destination, outcome, detail))
    codes = {"let_in": ["connected"], "refused": ["dropped"]}
    told = [
        Observation(0.0, SCENARIO, source, DOCUMENTED, target, Outcome.OK, {"table": table, **codes})
        for (source, target), table in tables.items()
    ]
    return [*told, *attempts]


def main(path: Path) -> None:
    css = (Path(__file__).parents[2] / "sim/report/templates/report.css").read_text(encoding="utf-8")
    questions = asked(network_observations())
    body = (
        f'<main class="wrap"><p>{summary(questions)}</p><div class="figure">{isolation_matrix(questions)}</div></main>'
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    path.write_text(f"<!doctype html><html lang=en>{head}<style>{css}</style><body>{body}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
