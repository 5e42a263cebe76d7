"""More pods of a Deployment on a real engine: they come, are let in, are measured, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sim.errors import Unreachable
from sim.runtime import labels
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached

STACK = "replicas-test"
APP = "redis"
_DEADLINE_S = 30.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A cache alone, up for this module, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        subprocess.run([sys.executable, "-m", "sim", "up", "--only", APP, "--stack", STACK], check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([sys.executable, "-m", "sim", "down", "--stack", STACK], check=True)


def _containers(stack: LiveStack) -> set[str]:
    found = stack.engine.client.api.containers(all=True, filters={"label": f"{labels.STACK}={STACK}"})
    return {name.lstrip("/") for c in found for name in c["Names"]}


def _until_ready(stack: LiveStack, pod: str) -> None:
    ends_s = time.monotonic() + _DEADLINE_S
    while not stack.control.ready(pod):
        assert time.monotonic() < ends_s, stack.logs(pod)
        time.sleep(0.1)


def test_pods_come_and_go(stack: LiveStack) -> None:
    """Three are reserved, two are made and answer; one goes, then whatever is left; the first stays as it was."""
    before = _containers(stack)
    names = stack.control.reserve(APP, 3)
    assert names == (APP, f"{APP}-1", f"{APP}-2")
    try:
        assert not stack.control.ready(names[1])
        for pod in names[1:]:
            stack.control.add(pod)
        for pod in names:
            _until_ready(stack, pod)
        first, again = (stack.control.usage(names[1]) for _ in range(2))
        assert 0 < first.cpu_s <= again.cpu_s
        assert first.memory_bytes > 0
        stack.control.remove(names[2])
        assert stack.control.state(names[2]).state == "missing"
        with pytest.raises(Unreachable):
            stack.control.usage(names[2])
    finally:
        stack.control.dismiss(APP)
    assert _containers(stack) == before
    assert stack.control.ready(APP)


def test_a_name_can_be_used_again(stack: LiveStack) -> None:
    """A replica that went may come back: another container, counted from nothing."""
    name = stack.control.reserve(APP, 2)[1]
    try:
        stack.control.add(name)
        _until_ready(stack, name)
        first = stack.control.state(name).pid
        stack.control.remove(name)
        stack.control.add(name)
        _until_ready(stack, name)
        assert stack.control.state(name).pid != first
        assert stack.control.usage(name).cpu_s > 0
    finally:
        stack.control.dismiss(APP)
