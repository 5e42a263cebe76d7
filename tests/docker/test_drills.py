"""Drills on a real broker cluster, from the command line to the runbook, and with the metadata store of tomorrow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.runtime import pledges
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached

STACK = "drills-test"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The three nodes, up for this module, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        command = [sys.executable, "-m", "sim", "up", "--only", "rabbitmq-cluster", "--stack", STACK]
        subprocess.run(command, check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([sys.executable, "-m", "sim", "down", "--stack", STACK], check=True)


def drilled(name: str, reports: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """``sim drill NAME`` on the stack: how it ended, and its record."""
    command = [sys.executable, "-m", "sim", "drill", name, "--on", STACK, "--yes", "--seed", "1"]
    done = subprocess.run(
        [*command, "--report", str(reports)], check=False, capture_output=True, text=True, timeout=200
    )
    found: dict[str, Any] = json.loads((reports / "latest" / "record.json").read_text())
    return done, found["scenarios"][0]


def test_every_queue_of_the_definitions_has_a_replica_on_every_node(stack: LiveStack) -> None:
    """The first node imported them while it was alone; once the cluster is complete no node is irreplaceable."""
    broker = stack.servers.broker()
    assert not any(broker.quorum_critical(node) for node in broker.nodes)
    assert broker.grow_quorum_queues() == ()


def test_a_drill_on_a_stack_that_is_not_there_breaks_nothing(stack: LiveStack, tmp_path: Path) -> None:
    """Exit code 2, the name that was asked for and one that is there; no run, no traceback."""
    command = [sys.executable, "-m", "sim", "drill", "broker-leader", "--on", "somewhere", "--yes"]
    done = subprocess.run([*command, "--report", str(tmp_path)], check=False, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "somewhere" in done.stderr
    assert STACK in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert pledges.pledged(stack.id) == ()


def test_a_drill_is_told_line_by_line_and_leaves_a_runbook(stack: LiveStack, tmp_path: Path) -> None:
    """The fault on and off, the verdict, a page for whoever is on call; nothing stays in force."""
    done, result = drilled("broker-minority-publisher", tmp_path)
    assert (done.returncode, result["verdict"]) == (0, "PASS"), (done.stderr, result["evidence"])
    assert "FAULT ON " in done.stderr
    assert "FAULT OFF" in done.stderr
    assert "leads" in done.stderr
    assert result["numbers"]["lost"] == 0
    assert result["numbers"]["felt_by_publisher"] > 0
    page = (tmp_path / "latest" / "runbook.md").read_text()
    assert "## What to do in production" in page
    assert "partition was put on" in page
    assert (tmp_path / "latest" / "runbook.html").exists()
    assert pledges.pledged(stack.id) == ()
    for node in stack.servers.broker().nodes:
        assert "sim_fault" not in stack.engine.in_network(node, ("nft", "list", "ruleset"))[1]


def test_with_khepri_a_minority_declares_nothing(stack: LiveStack, tmp_path: Path) -> None:
    """The claim about RabbitMQ 4.3, shown on a cluster that was moved to that metadata store by its feature flag."""
    node = stack.servers.broker().nodes[0]
    code, said = stack.engine.execute(node, ("rabbitmqctl", "enable_feature_flag", "--experimental", "khepri_db"))
    if code != 0:
        code, said = stack.engine.execute(node, ("rabbitmqctl", "enable_feature_flag", "khepri_db"))
    assert code == 0, said
    done, result = drilled("broker-minority-declare", tmp_path)
    assert (done.returncode, result["verdict"]) == (0, "PASS"), (done.stderr, result["reason"], result["evidence"])
