"""The Locust process without a broker: it says what it could not do, and it never outlives who started it."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

from sim.clock import SystemClock
from sim.errors import RigError
from sim.load.engine import LoadOrder
from sim.load.locust_engine import LocustEngine
from sim.load.open_loop import Segment
from sim.servers.protocol import AmqpAddress


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _order() -> LoadOrder:
    rng = random.Random(1)  # noqa: S311 - repeatable, not secret
    return LoadOrder("q", 64, 2, (Segment("measured", 10.0, 1.0),), rng)


def test_a_broker_that_is_not_there_is_a_fault_of_the_rig_with_its_reason() -> None:
    """Nothing is measured and nothing blamed: the message names the node, and no password."""
    address = AmqpAddress("rabbitmq-0", "127.0.0.1", _closed_port(), "app", "/", "s3cret-word")
    with pytest.raises(RigError) as raised:
        LocustEngine((address,), SystemClock()).drive(_order(), lambda _: None)
    assert "rabbitmq-0" in str(raised.value)
    assert "s3cret-word" not in str(raised.value)


def test_an_address_never_shows_its_password() -> None:
    """Neither in a message nor in a log."""
    assert "s3cret-word" not in repr(AmqpAddress("n", "127.0.0.1", 1, "app", "/", "s3cret-word"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's parent-death signal is Linux's")
def test_a_child_dies_with_its_parent() -> None:
    """``kill -9`` of the parent takes the child with it."""
    grandchild = (
        "import sys, time\nfrom sim.load.dying import die_with_parent\n"
        "die_with_parent(int(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    )
    parent = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {grandchild!r}, str(os.getpid())], stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline_s = time.monotonic() + 5
        while _alive(pid) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert not _alive(pid)


def _alive(pid: int) -> bool:
    """A zombie nobody reaped is dead."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:  # noqa: PTH123 - a kernel file
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
