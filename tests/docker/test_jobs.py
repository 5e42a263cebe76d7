"""Two real stacks at once under one command: both work, both are told, nothing of either is left, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from sim.history import read_history
from sim.runtime import labels
from sim.runtime.engine import connect

_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def engine() -> docker.DockerClient:
    return connect()


class Rig:
    """``sim run --jobs 2``, with a state folder of this test's own; what it says is kept in a file."""

    def __init__(self, folder: Path) -> None:
        self.reports = folder / "reports"
        self._said = folder / "said"
        self._state = folder / "state"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sim", "run", "--jobs", "2", "--seed", "7", "--report", str(self.reports)]
        environment = {**os.environ, "XDG_STATE_HOME": str(self._state), "NO_COLOR": "1"}
        with self._said.open("wb") as said:
            return subprocess.Popen([*command, *arguments], stdout=said, stderr=said, env=environment)

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def stacks(self) -> list[str]:
        return re.findall(r"stack \d of 2: (\S+)", self.said)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + _WITHIN_S
        while not condition():
            if time.monotonic() > deadline_s:
                pytest.fail(f"not within {_WITHIN_S:.0f} s: {what}\n{self.said}")
            time.sleep(0.1)

    def both_play(self) -> bool:
        return all(f"(stack {number})" in self.said for number in (1, 2))

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.reports / "latest" / "record.json").read_text())
        return found


def _left(engine: docker.DockerClient, stack: str) -> list[str]:
    """Whatever still carries the stack's label."""
    carries = {"label": f"{labels.STACK}={stack}"}
    api = engine.api
    found = [f"container {c['Names'][0]}" for c in api.containers(all=True, filters=carries)]
    found += [f"network {n['Name']}" for n in api.networks(filters=carries)]
    return found + [f"volume {v['Name']}" for v in api.volumes(filters=carries)["Volumes"] or ()]


@pytest.fixture
def rig(tmp_path: Path, engine: docker.DockerClient) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for stack in made.stacks:
        for container in engine.containers.list(all=True, filters={"label": f"{labels.STACK}={stack}"}):
            container.remove(force=True, v=True)
        for network in engine.networks.list(filters={"label": f"{labels.STACK}={stack}"}):
            network.remove()


def test_two_drills_at_once_in_one_record(rig: Rig, engine: docker.DockerClient) -> None:
    """Each on a broker of its own, neither disturbed by the other's fault; then both stacks are gone."""
    drills = ("failover/broker-follower", "failover/broker-unroutable")
    with rig.start(*drills) as process:
        assert process.wait(timeout=300) == 0, rig.said
    record = rig.record()
    assert {s["name"]: s["verdict"] for s in record["scenarios"]} == dict.fromkeys(drills, "PASS")
    assert sorted(s["stack"] for s in record["scenarios"]) == record["stacks"] == rig.stacks
    nodes = [(s["name"], s["stack"]) for s in record["servers"] if s["kind"] == "rabbitmq"]
    assert len(set(nodes)) == 2 * len({name for name, _ in nodes})
    began = {s["name"]: (s["began_s"], s["ended_s"]) for s in record["scenarios"]}
    assert max(begin for begin, _ in began.values()) < min(end for _, end in began.values()), "one after the other"
    assert [_left(engine, stack) for stack in rig.stacks] == [[], []]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_half_way_through_nothing_is_left(rig: Rig, engine: docker.DockerClient, number: signal.Signals) -> None:
    """Interrupted, it reports what was seen, unknown; killed outright, its lanes and their watchdogs clean up."""
    with rig.start("conformance/cache-*", "failover/cache-entries") as process:
        rig.until(rig.both_play, "scenarios on both stacks")
        process.send_signal(number)
        code = process.wait(timeout=_WITHIN_S)
    rig.until(lambda: not any(_left(engine, stack) for stack in rig.stacks), "both stacks gone")
    assert len(rig.stacks) == 2
    if number == signal.SIGINT:
        assert code == 130
        assert rig.record()["verdict"] == "UNKNOWN"
        assert list(read_history(rig.reports / "latest" / "history.jsonl"))
