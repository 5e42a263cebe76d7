"""One slice through each promise, on real servers: isolation, failover and throughput, from command line to record."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from sim.runtime import labels
from sim.runtime.engine import connect

SLICES = ("isolation/databases", "failover/broker-leader", "throughput/broker")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of one run of the three, on a stack of its own."""
    folder = tmp_path_factory.mktemp("slices")
    environment = {"XDG_STATE_HOME": str(folder / "state"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(
        [sys.executable, "-m", "sim", "run", "--seed", "7", "--report", str(folder / "reports"), *SLICES],
        env=environment,
        check=True,
        timeout=420,
    )
    found: dict[str, Any] = json.loads((folder / "reports" / "latest" / "record.json").read_text())
    return found


@pytest.fixture
def numbers(record: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, float]:
    """The numbers of the scenario the test names."""
    found: dict[str, float] = next(s["numbers"] for s in record["scenarios"] if s["name"] == request.param)
    return found


def test_all_three_slices_hold_on_real_servers(record: dict[str, Any]) -> None:
    """Each is PASS, and none was proven on a stand-in."""
    assert {s["name"]: s["verdict"] for s in record["scenarios"]} == dict.fromkeys(SLICES, "PASS")
    assert {s["fidelity"] for s in record["scenarios"]} <= {"documented", "same-software"}


@pytest.mark.parametrize("numbers", ["failover/broker-leader"], indirect=True)
def test_the_drill_says_what_was_lost_and_how_long_it_took(numbers: dict[str, float]) -> None:
    """Nothing is lost from the quorum queue, all of the control is, and the recovery time is a number above zero."""
    assert numbers["lost"] == 0
    assert numbers["acknowledged"] > 0
    assert numbers["control_lost"] == numbers["control_acknowledged"] > 0
    assert numbers["rto_ms"] > 0


@pytest.mark.parametrize("numbers", ["throughput/broker"], indirect=True)
def test_the_load_is_judged_from_when_each_message_was_due(numbers: dict[str, float]) -> None:
    """The stalled control shows a latency as long as the stall, which a closed loop would have hidden."""
    assert numbers["samples"] >= 299
    assert numbers["control_max_ms"] >= 0.9 * numbers["control_stall_ms"]


def test_nothing_is_left_of_the_run(record: dict[str, Any]) -> None:
    """Neither container, network nor volume carries the run's stack."""
    client = connect()
    mark = {"label": f"{labels.STACK}={record['stack']}"}
    assert client.containers.list(all=True, filters=mark) == []
    assert client.networks.list(filters=mark) == []
    assert client.volumes.list(filters=mark) == []
