"""A million observations before each judge of a ledger: CPU seconds and peak memory, from the file to the verdict."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measuring import Figure, keep
from tests.unit.long_histories import LONG

_MOST_S, _MOST_BYTES = 10.0, 2**30
_LINES = 1_000_000
_JUDGE = """
import json, resource, sys, time
from pathlib import Path
from scenarios import SCENARIOS
from sim.judging import judge_history
from sim.topology.load import load_topology
scenario, topology = SCENARIOS[sys.argv[1]], load_topology()
began_s = time.process_time()
(result,) = judge_history(Path(sys.argv[2]), (scenario,), topology, "development", {})
print(json.dumps({
    "cpu_s": time.process_time() - began_s,
    "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "observations": result.observations,
    "reason": result.reason,
}))
"""


def measure(rounds: int, reports: Path, lines: int = _LINES) -> None:
    """Each judge in a process of its own, ``rounds`` times on the same file."""
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, history in LONG.items():
            path = Path(folder) / "history.jsonl"
            with path.open("wb") as file:
                for observation in history(lines):
                    file.write(observation.line().replace(b'"drill"', f'"{name}"'.encode(), 1) + b"\n")
            found[name] = [_judge(name, path) for _ in range(rounds)]
    figures = [
        figure
        for name, runs in found.items()
        for figure in (
            Figure(f"{name}: CPU seconds for a million", "≤", _MOST_S, [run["cpu_s"] for run in runs]),
            Figure(f"{name}: GiB at its peak", "≤", _MOST_BYTES / 2**30, [run["bytes"] / 2**30 for run in runs]),
        )
    ]
    keep("Judging", figures, found, reports)


def _judge(name: str, path: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", _JUDGE, name, str(path)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
