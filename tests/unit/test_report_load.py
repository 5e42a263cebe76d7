"""The pictures of a load, and its latencies in HdrHistogram's own files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sim.histogram import Latencies
from sim.report.charts import charts
from sim.report.histograms import histogram_files, write_histograms
from sim.report.load_charts import Promise
from tests.unit.load_histories import gateway_run, segment, stall, step


def _climb() -> list:  # type: ignore[type-arg]
    return [
        *segment("step-10", rate_per_s=10, seconds=8),
        *step("step-10"),
        *segment("step-40", began_s=10, rate_per_s=40, seconds=8, errors=1),
        *step("step-40", cores={"api-gateway": 0.6}),
        *segment("step-80", began_s=20, rate_per_s=80, seconds=8, slow=100),
        *step("step-80", cores={"api-gateway": 0.95}, limits={"products-service": (0.1, 0.6)}),
    ]


def test_a_steady_load_is_drawn_over_time_and_by_percentile() -> None:
    """With the fault of the control as a band, errors on top, and the promise as a line where it is in sight."""
    drawn = {chart.title: chart for chart in charts(gateway_run(errors=3, slow=20))}
    assert list(drawn) == ["Load over time", "Latency by percentile"]
    over_time = str(drawn["Load over time"].picture)
    for class_ in ("op ok", "op failed", "fault-band", "curve due", "curve median", "curve sent", "bound"):
        assert f'class="{class_}"' in over_time, class_
    assert "measured" in over_time
    assert "3 errors" in drawn["Load over time"].caption
    assert "answered" in drawn["Latency by percentile"].caption


def test_a_climb_is_drawn_with_its_knee_and_its_components() -> None:
    """The knee stands at the last rate that kept the promise; who works hardest is on top, who is held back marked."""
    drawn = {chart.title: chart for chart in charts(_climb(), Promise(1.0, 0.01))}
    assert drawn["Load step by step"].caption == "Kept up to 40 requests a second, broken at 80."
    steps = str(drawn["Load step by step"].picture)
    assert "knee 40/s" in steps
    assert steps.count('class="dot broken"') == 2
    cores = drawn["CPU by component and step"]
    assert "api-gateway (0.95 cores)" in cores.caption
    assert "products-service" in cores.caption
    assert "heat held" in str(cores.picture)
    assert re.findall(r">(\d+)/s<", str(cores.picture)) == ["10", "40", "80"]


def test_without_a_load_or_with_nothing_answered_nothing_breaks() -> None:
    """No charts of nothing; a load without a single good answer is drawn without latencies."""
    assert charts([]) == ()
    assert charts(stall()) == ()
    nothing = {"hdr": Latencies().encoded()}
    of_op = {"interval": {"answered": 0, "errors": 40}, "segment": {"errors": {"site: 503": 120}}}
    silent = [replace(o, detail={**o.detail, **nothing, **of_op[o.op]}) for o in segment("measured", seconds=3)]
    assert [chart.title for chart in charts(silent)] == ["Load over time"]


def test_latencies_are_kept_in_the_tools_own_files(tmp_path: Path) -> None:
    """A log with a tag for each segment, and each segment's percentiles; what is no histogram is left out."""
    seen = gateway_run()
    spoiled = [replace(o, detail={**o.detail, "hdr": "nonsense"}) if o.op == "segment" else o for o in seen]
    assert [name for name in histogram_files(spoiled) if name.endswith(".hgrm")] == []
    write_histograms(tmp_path, seen)
    written = sorted(path.name for path in (tmp_path / "latency").iterdir())
    assert written == [
        "throughput-gateway.control.hgrm",
        "throughput-gateway.hlog",
        "throughput-gateway.measured.hgrm",
        "throughput-gateway.warm-up.hgrm",
    ]
    log = (tmp_path / "latency" / "throughput-gateway.hlog").read_text().splitlines()
    assert log[0] == "#[Histogram log format version 1.3]"
    tags = {line.partition(",")[0] for line in log[2:]}
    assert tags == {"Tag=warm-up", "Tag=measured", "Tag=control"}
    assert Latencies.decoded(log[2].rpartition(",")[2]).count == 40


def test_no_name_leads_out_of_the_folder() -> None:
    """Whatever a segment is called."""
    names = histogram_files(segment("../../etc/passwd", seconds=2))
    assert all(name.startswith("latency/") and ".." not in name.replace("..-", "") for name in names)
    assert all(name.count("/") == 1 for name in names)


@pytest.mark.parametrize("seconds", [1, 2])
def test_a_load_of_a_moment_is_drawn(seconds: int) -> None:
    """Axes need no length."""
    assert charts(segment("measured", seconds=seconds, rate_per_s=30))
