"""Latencies kept beside the report in HdrHistogram's own files, for whatever tool reads those.

For each scenario with open-loop load: ``latency/<scenario>.hlog``, the log of its seconds (format 1.3, a tag for each
segment), and ``latency/<scenario>.<segment>.hgrm``, the percentiles of each segment in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from sim.histogram import Latencies
from sim.history import Observation
from sim.report.loads import INTERVAL, SEGMENT

FOLDER = "latency"
_HEADER = (
    "#[Histogram log format version 1.3]\n"
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"\n'
)
_SECOND_S = 1.0


def histogram_files(observations: Iterable[Observation]) -> dict[str, str]:
    """File name within the run's folder → its text. What is no histogram is left out."""
    files: dict[str, str] = {}
    logs: dict[str, list[str]] = {}
    for o in observations:
        if o.op not in {INTERVAL, SEGMENT} or "hdr" not in o.detail:
            continue
        try:
            latencies = Latencies.decoded(str(o.detail["hdr"]))
        except ValueError:
            continue
        scenario = _file_name(o.scenario)
        if o.op == INTERVAL:
            segment = _file_name(str(o.detail.get("segment", "")))
            began_s = max(0.0, o.t_s - _SECOND_S)
            logs.setdefault(scenario, []).append(
                f"Tag={segment},{began_s:.3f},{_SECOND_S:.3f},{1000 * latencies.max_s:.3f},{o.detail['hdr']}"
            )
        else:
            name = _file_name(str(o.detail.get("name", "")))
            files[f"{FOLDER}/{scenario}.{name}.hgrm"] = latencies.percentiles_text()
    for scenario, lines in logs.items():
        files[f"{FOLDER}/{scenario}.hlog"] = _HEADER + "\n".join(lines) + "\n"
    return files


def write_histograms(directory: Path, observations: Iterable[Observation]) -> None:
    """Raises OSError."""
    for name, text in histogram_files(observations).items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="ascii", newline="\n")


def _file_name(text: str) -> str:
    """No name can lead out of the folder."""
    return quote(text.replace("/", "-"), safe="")
