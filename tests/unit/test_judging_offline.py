"""Judging again from files: the same verdicts byte for byte, no engine, a plain word about what is missing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sim.errors import BadInput
from sim.history import History, Observation, Outcome
from sim.images.model import ResolvedImage
from sim.judging import grouped, judge_history, judge_run, overall
from sim.record import HISTORY_FILE, RECORD_FILE, TOPOLOGY_FILE, ImageRow, Record
from sim.report.write import write_run
from sim.scenario import Evidence, Scenario
from sim.topology.load import load_topology, topology_text
from sim.verdict import Fidelity, Status, Verdict, failed, passed
from tests.unit.report_sample import SECRET, sample_record


def _count(evidence: Evidence) -> Verdict:
    latencies = [o.detail["latency_s"] for o in evidence.observations if o.op == "publish"]
    lines = [repr(o.detail.get("path")) for o in evidence.observations[:3]]
    return passed("all confirmed", *lines, numbers={"count": len(latencies), "mean_s": sum(latencies) / len(latencies)})


def _last_time(evidence: Evidence) -> Verdict:
    return failed(f"the last was at {evidence.observations[-1].t_s!r} in {evidence.topology.name}")


def _broken(evidence: Evidence) -> Verdict:
    return passed(evidence.observations[99].op)


def _scenario(name: str, judged: object, *, product_claim: bool = False) -> Scenario:
    return Scenario(name, f"claim of {name}", "6", ("rabbitmq",), lambda _: None, judged, product_claim=product_claim)  # type: ignore[arg-type]


SCENARIOS: Mapping[str, Scenario] = {
    s.name: s
    for s in (
        _scenario("throughput/broker", _count),
        _scenario("failover/clock", _last_time),
        _scenario("conformance/broken", _broken),
        _scenario("conformance/silent", _count),
        _scenario("conformance/product", _count, product_claim=True),
    )
}
IMAGES = {
    "rabbitmq": ResolvedImage("rabbitmq", "rabbitmq:3.12", "sim/r", "sha256:1", "other", "1", Fidelity.STAND_IN, "none")
}


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Record]:
    """A finished run, judged as a run judges itself, and written."""
    rng = random.Random(11)  # noqa: S311 - a sample, not a key
    history = History(tmp_path / HISTORY_FILE)
    for name in ("throughput/broker", "failover/clock", "conformance/broken", "conformance/product", "other/one"):
        for i in range(40):
            # A tuple and a time finer than a microsecond: a file has them otherwise than memory.
            detail = {"latency_s": rng.random() / 3, "path": ("a", i), "text": "é\u2028\udcff"}
            history.append(Observation(i / 7, name, "client", "publish", "rabbitmq-cluster", Outcome.OK, detail))
    history.close()
    topology = load_topology()
    (tmp_path / TOPOLOGY_FILE).write_text(topology_text(), encoding="utf-8")
    results = judge_history(tmp_path / HISTORY_FILE, tuple(SCENARIOS.values()), topology, "staging", IMAGES)
    record = replace(
        sample_record(topology),
        scenarios=results,
        images=tuple(ImageRow.of(image) for image in IMAGES.values()),
        verdict=overall(results, strict=False),
    )
    return tmp_path, write_run(tmp_path, record, (), {}, [SECRET], topology=topology)


def test_judging_again_gives_the_same_record_byte_for_byte(run: tuple[Path, Record]) -> None:
    """Verdicts, reasons, evidence and numbers come out of the files exactly as they went in."""
    directory, _ = run
    assert judge_run(directory, SCENARIOS).to_json() == (directory / RECORD_FILE).read_text(encoding="utf-8")


def test_each_law_holds_offline(run: tuple[Path, Record]) -> None:
    """PASS, FAIL, a broken judge, no evidence, a product on a stand-in: each from the files."""
    again = {r.name: r for r in judge_run(run[0], SCENARIOS).scenarios}
    assert again["failover/clock"].verdict is Status.FAIL
    assert again["throughput/broker"].verdict is Status.PASS
    assert again["conformance/broken"].reason.startswith("the rig's own judge failed")
    assert again["conformance/silent"].reason.startswith("no evidence")
    assert again["conformance/product"].beyond_fidelity


def test_a_tampered_history_changes_the_verdict(run: tuple[Path, Record]) -> None:
    """Verdicts are taken from the history, not copied from the record."""
    directory, _ = run
    path = directory / HISTORY_FILE
    kept = [line for line in path.read_text(encoding="utf-8").split("\n") if "throughput/broker" not in line]
    path.write_text("\n".join(kept), encoding="utf-8")
    again = {r.name: r.verdict for r in judge_run(directory, SCENARIOS).scenarios}
    assert again["throughput/broker"] is Status.UNKNOWN


def test_a_scenario_this_version_lacks_is_unknown(run: tuple[Path, Record]) -> None:
    """A verdict that nobody can take again is not repeated as if somebody had."""
    fewer = {name: s for name, s in SCENARIOS.items() if name != "failover/clock"}
    result = next(r for r in judge_run(run[0], fewer).scenarios if r.name == "failover/clock")
    assert result.verdict is Status.UNKNOWN
    assert "recorded: FAIL" in result.evidence[0]


def test_strict_counts_what_the_images_cannot_show(run: tuple[Path, Record]) -> None:
    """Strict or not can be chosen when judging again; by default as the run was."""
    only_product = {name: s for name, s in SCENARIOS.items() if name == "conformance/product"}
    assert judge_run(run[0], SCENARIOS).strict is False
    assert judge_run(run[0], SCENARIOS, strict=True).strict is True
    again = judge_run(run[0], only_product, strict=True)
    assert again.verdict is Status.UNKNOWN


@pytest.mark.parametrize("name", [RECORD_FILE, HISTORY_FILE, TOPOLOGY_FILE])
def test_a_missing_file_is_bad_input(run: tuple[Path, Record], name: str) -> None:
    """Each of the three files that judging needs is named when it is not there."""
    (run[0] / name).unlink()
    with pytest.raises(BadInput, match=name):
        judge_run(run[0], SCENARIOS)


@pytest.mark.parametrize("name", [RECORD_FILE, HISTORY_FILE, TOPOLOGY_FILE])
@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"][", b"\x00\x01\x02"])
def test_a_broken_file_is_bad_input(run: tuple[Path, Record], name: str, content: bytes) -> None:
    """Bytes, half a document, controls: one message that names the file, no traceback."""
    (run[0] / name).write_bytes(content)
    with pytest.raises(BadInput, match=name):
        judge_run(run[0], SCENARIOS)


def test_judging_loads_no_driver_and_no_engine() -> None:
    """Judging and reporting work where no engine, driver or load generator is even installed."""
    drivers = ("docker", "testcontainers", "pymysql", "pika", "redis", "minio", "locust", "requests")
    code = f"import sys, sim.judging, sim.report.write; print([m for m in {drivers!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def _long_history(path: Path, lines: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for i in range(lines):
            detail = {"latency_s": i % 7 / 1000, "intended_s": i / 500, "path": f"m-{i}"}
            observation = Observation(i / 500, "throughput/broker", "p", "publish", "q", Outcome.OK, detail)
            file.write(f"{observation.to_json()}\n")


def test_a_long_history_is_judged_in_time(tmp_path: Path) -> None:
    """A million observations in 10 s of CPU: 10 microseconds each, at the best of three tries on a busy machine."""
    lines = 40_000
    _long_history(tmp_path / HISTORY_FILE, lines)
    scenario, topology = SCENARIOS["throughput/broker"], load_topology()
    spent_s = []
    for _ in range(3):
        began_s = time.process_time()
        (result,) = judge_history(tmp_path / HISTORY_FILE, (scenario,), topology, "staging", IMAGES)
        spent_s.append(time.process_time() - began_s)
        assert result.observations == lines
    assert min(spent_s) <= 10e-6 * lines


def test_a_long_history_fits_in_memory(tmp_path: Path) -> None:
    """A million observations in 1 GiB: a kilobyte each, and none of scenarios that are not judged."""
    lines = 10_000
    _long_history(tmp_path / HISTORY_FILE, lines)
    tracemalloc.start()
    try:
        kept = grouped(tmp_path / HISTORY_FILE, ["throughput/broker"])
        held_bytes, _ = tracemalloc.get_traced_memory()
        assert len(kept["throughput/broker"]) == lines
        assert held_bytes <= 1024 * lines
        kept.clear()
        grouped(tmp_path / HISTORY_FILE, ["isolation/databases"])
        held_bytes, _ = tracemalloc.get_traced_memory()
        assert held_bytes <= 50 * lines
    finally:
        tracemalloc.stop()
