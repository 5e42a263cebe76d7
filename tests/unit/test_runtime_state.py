"""What the rig remembers between commands: private, whole or absent, and owned by one process at a time."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sim.errors import BadInput, RigError
from sim.runtime import state
from sim.runtime.state import Span, StackState
from tests.unit.plan_sample import plan

_HOLD = """
import sys
from sim.runtime import state
with state.ownership(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


_PLAN = plan(only=("redis",))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "sim" / "stacks"


def _memory(name: str = "t1") -> StackState:
    return StackState(
        id=name,
        created_at="2026-11-23T09:15:02+00:00",
        kept=False,
        ready=False,
        configuration="c0ffee",
        topology="schema: 1\n",
        plan=_PLAN,
        secrets={"REDIS_PASSWORD": "0123456789abcdef"},
        spans=(Span("redis", 0.1, 0.2, 0.3),),
    )


def _holder(stack_id: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, stack_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_what_is_saved_is_loaded_equal() -> None:
    """Plan, secrets and spans, through JSON."""
    state.save(_memory())
    assert state.load("t1") == _memory()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_can_read_it(home: Path, umask: int) -> None:
    """0700 and 0600 whatever the umask: credentials are in there."""
    before = os.umask(umask)
    try:
        state.save(_memory())
        state.mark("t1", kept=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / "t1").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "t1" / "stack.json").stat().st_mode) == 0o600


def test_a_reader_never_sees_half_a_file(home: Path) -> None:
    """Saving replaces the file whole, however often it is read meanwhile."""
    state.save(_memory())
    stop = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                json.loads((home / "t1" / "stack.json").read_text())
            except ValueError as error:
                wrong.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        state.save(replace(_memory(), configuration="x" * (number % 7)))
    stop.set()
    reader.join()
    assert wrong == []
    assert [p.name for p in (home / "t1").iterdir()] == ["stack.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"id": "t1"}', b"[]"])
def test_a_corrupted_file_is_told_with_a_way_out(home: Path, content: bytes) -> None:
    """A disk that was full, a hand that edited: one message, and the command that clears it."""
    (home / "t1").mkdir(parents=True)
    (home / "t1" / "stack.json").write_bytes(content)
    with pytest.raises(RigError, match="memory of stack t1") as caught:
        state.load("t1")
    assert "sim sweep --all" in caught.value.next_step


def test_an_unknown_stack_is_bad_input() -> None:
    """Nothing of that name was ever up here."""
    with pytest.raises(BadInput, match="'nope'"):
        state.load("nope")


def test_stacks_are_remembered_oldest_first(home: Path) -> None:
    """By the time of their folder; a folder without a memory is no stack, yet is not forgotten."""
    for name, time_s in (("old", 100), ("new", 300), ("middle", 200)):
        state.save(_memory(name))
        os.utime(home / name, (time_s, time_s))
    (home / "died-early").mkdir()
    assert state.remembered() == ("old", "middle", "new")
    assert state.folders() == ("died-early", "middle", "new", "old")


def test_a_machine_without_stacks_remembers_none() -> None:
    """Not even a folder is needed to say so."""
    assert (state.remembered(), state.folders()) == ((), ())


def test_a_stack_that_vanishes_while_one_looks_is_no_error() -> None:
    """Two commands at once: what the other removes is simply not there."""
    for number in range(40):
        state.save(_memory(f"s{number}"))

    def forget_all() -> None:
        for number in range(40):
            state.forget(f"s{number}")

    remover = threading.Thread(target=forget_all)
    remover.start()
    while remover.is_alive():
        state.remembered()
    assert state.remembered() == ()


def test_keeping_changes_nothing_else() -> None:
    """The choice to leave a stack up is one field."""
    state.save(_memory())
    state.mark("t1", kept=True)
    assert state.load("t1") == replace(_memory(), kept=True)


def test_a_relative_state_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the specification says: the watchdog, which works elsewhere, would look in another place."""
    monkeypatch.setenv("XDG_STATE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state.state_root() == tmp_path / ".local" / "state" / "sim" / "stacks"


def test_a_second_process_is_kept_out() -> None:
    """One owner a stack; the message says that it is in use."""
    holder = _holder("t1")
    try:
        assert state.owner_alive("t1")
        with pytest.raises(RigError, match="in use by another sim process"), state.ownership("t1"):
            pytest.fail("two owners")
    finally:
        holder.communicate()
    assert not state.owner_alive("t1")


def test_ownership_of_one_stack_leaves_others_free() -> None:
    """Two stacks at once do not disturb each other."""
    holder = _holder("t1")
    try:
        assert not state.owner_alive("t2")
        with state.ownership("t2"):
            assert state.owner_alive("t2")
    finally:
        holder.communicate()


def test_an_owner_killed_outright_owns_no_more() -> None:
    """The kernel lets go of the lock, whatever else was left behind."""
    holder = _holder("t1")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.communicate()
    assert not state.owner_alive("t1")
    with state.ownership("t1"):
        assert state.owner_alive("t1")


def test_looking_for_an_owner_does_not_make_one() -> None:
    """A sweep that looks at every stack must not turn away the process that is about to own one."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            state.owner_alive("t1")

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(100):
            with state.ownership("t1"):
                pass
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    assert not state.owner_alive("t1")


def test_a_lock_on_a_forgotten_folder_owns_nothing(home: Path) -> None:
    """A stack removed under its lock may be raised anew at once: by whoever locks the new folder."""
    with state.ownership("t1"):
        state.forget("t1")
        with state.ownership("t1"):
            assert (home / "t1" / "lock").exists()
            assert state.owner_alive("t1")


def test_the_folder_of_another_user_counts_as_owned(tmp_path: Path) -> None:
    """What may not be looked into may not be swept either."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "t1").mkdir(parents=True)
    assert not state.owner_alive("t1", elsewhere)
    (elsewhere / "t1" / "lock").mkdir()  # cannot be opened, by root neither
    assert state.owner_alive("t1", elsewhere)


def test_forgetting_is_whole_and_can_be_done_twice(home: Path) -> None:
    """No credential is left in any file."""
    state.save(_memory())
    state.forget("t1")
    state.forget("t1")
    assert not (home / "t1").exists()
