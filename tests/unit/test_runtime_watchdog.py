"""The watchdog as a process of its own: silent while it waits, gone when released, unmoved by signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sim
from sim.runtime.watchdog import watched

_NO_ENGINE = "unix:///nowhere/docker.sock"


@contextmanager
def _watchdog(state_home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that could sweep nothing if it tried: no engine listens where it is told to look."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sim.runtime.watchdog", "x"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "DOCKER_HOST": _NO_ENGINE, "XDG_STATE_HOME": str(state_home)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_released_it_ends_at_once(tmp_path: Path) -> None:
    """Exit 0 without having asked for an engine: there is none here, and asking again would take two minutes."""
    with _watchdog(tmp_path) as process:
        _, errors = process.communicate(b"release\n", timeout=10)
        assert (process.returncode, errors) == (0, b"")


def test_not_released_it_does_not_end_at_once(tmp_path: Path) -> None:
    """The rig died: it tries to sweep, and goes on trying while no engine answers."""
    with _watchdog(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=2)


def test_it_waits_through_the_signals_that_end_a_rig(tmp_path: Path) -> None:
    """Ctrl-C, a terminal that closes, a polite kill: meant for the rig, not for who cleans up after it."""
    with _watchdog(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.write(b"alive\n")
        process.stdin.flush()
        _until_ignoring(process.pid)
        for meant_for_others in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(meant_for_others)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.communicate(b"release\n", timeout=10)
        assert process.returncode == 0


def _until_ignoring(pid: int) -> None:
    """The kernel tells which signals a process ignores."""
    mask = 1 << (signal.SIGHUP - 1)
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        ignored = next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1]
        if int(ignored, 16) & mask:
            return


def test_the_leash_releases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leaving the block after a release leaves no process behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", _NO_ENGINE)
    before = _children()
    with watched("x") as leash:
        (child,) = _children() - before
        leash.release()
    assert child not in _children()


def _children() -> set[str]:
    """Only running ones: whoever has ended and was not waited for yet is gone for our purpose."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {pid for pid in found if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"}


_CHECKOUT_RIG = """
import os, pathlib, time
from sim.runtime import watchdog

def state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

with watchdog.watched("x") as leash:
    pid, = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    mask = 0
    while state(pid) != "Z" and not mask & 1:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        mask = int(status.partition("SigIgn:")[2].split()[0], 16)
    print(state(pid) != "Z", flush=True)
    leash.release()
"""


def test_it_runs_from_a_checkout_that_is_not_installed(tmp_path: Path) -> None:
    """A rig found by its working directory alone has a watchdog all the same, though that works elsewhere."""
    python = Path(sys.executable).resolve()
    if subprocess.run([python, "-c", "import sim"], cwd="/", capture_output=True, check=False).returncode == 0:
        pytest.skip("this interpreter has sim installed")
    (tmp_path / "sim").symlink_to(Path(sim.__file__).parent)
    done = subprocess.run(
        [python, "-c", _CHECKOUT_RIG], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", ""), "alive on its pipe, not dead of a missing module"


def test_waiting_costs_little_memory(tmp_path: Path) -> None:
    """No driver is loaded before there is something to do."""
    with _watchdog(tmp_path) as process:
        _until_ignoring(process.pid)
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "pydantic" not in maps
        assert "cryptography" not in maps
