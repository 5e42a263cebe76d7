"""History: append-only, one JSON object a line, read back as it was written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import BadInput
from sim.history import History, Observation, Outcome, only, read_history

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_LINE = '{"t_s": 1.0, "scenario": "a/b", "actor": "rig", "op": "ping", "target": "x", "outcome": "OK", "detail": {}}'


def _observation(detail: dict[str, object], scenario: str = "a/b") -> Observation:
    return Observation(1.5, scenario, "rig", "ping", "auth-service-mysql", Outcome.OK, detail)


def _write(path: Path, *observations: Observation) -> None:
    history = History(path)
    for observation in observations:
        history.append(observation)
    history.close()


@settings(deadline=None)
@given(detail=st.dictionaries(st.text(), _JSON, max_size=4))
def test_what_is_written_is_read_back(detail: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any JSON detail survives the file: quotes, newlines, every float, any text."""
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    observation = _observation(detail)
    _write(path, observation)
    assert list(read_history(path)) == [observation]


def test_a_rig_killed_outright_has_lost_a_quarter_of_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the file holds while nobody closes it: a line after a pause at once, a busy time's lines by quarters."""
    path, now_s = tmp_path / "h.jsonl", [100.0]
    monkeypatch.setattr("sim.history.time.monotonic", lambda: now_s[0])
    history = History(path)
    held = []
    for at_s in (100.0, 100.1, 100.2, 100.26, 103.0):
        now_s[0] = at_s
        history.append(_observation({"at_s": at_s}))
        held.append([o.detail["at_s"] for o in read_history(path)])
    assert held == [[100.0], [100.0], [100.0], [100.0, 100.1, 100.2, 100.26], [100.0, 100.1, 100.2, 100.26, 103.0]]


def test_undecodable_bytes_of_a_log_are_kept(tmp_path: Path) -> None:
    """A lone surrogate, as Python decodes bytes that are no text, neither fails the write nor is lost."""
    observation = _observation({"log": "caf\udce9"})
    _write(tmp_path / "h.jsonl", observation)
    assert list(read_history(tmp_path / "h.jsonl")) == [observation]


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "null",
        '{"t_s": 1}',
        _LINE.replace('"OK"', '"MAYBE"'),
        _LINE.replace('"OK"', "[]"),
        _LINE.replace("1.0", '"soon"'),
        _LINE.replace("{}", "[]"),
        _LINE[:-9],
        "[" * 100_000,
        "",
    ],
)
def test_a_foreign_line_is_named(line: str, tmp_path: Path) -> None:
    """A line that is no observation is bad input, and the message gives file and line."""
    path = tmp_path / "h.jsonl"
    path.write_text(f"{_LINE}\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"h\.jsonl:2: not an observation"):
        list(read_history(path))


def test_scenarios_are_kept_apart_and_in_order() -> None:
    """A scenario sees its own observations only, in the order they were appended."""
    history = History()
    for number, scenario in enumerate(["a/1", "b/2", "a/1"]):
        history.append(_observation({"number": number}, scenario))
    assert [o.detail["number"] for o in history.of("a/1")] == [0, 2]
    assert history.of("c/3") == ()


def test_threads_do_not_tear_lines(tmp_path: Path) -> None:
    """Eight threads append at once and every line is whole."""
    history = History(tmp_path / "h.jsonl")
    message = "x" * 500

    def append() -> None:
        for _ in range(200):
            history.append(_observation({"message": message}))

    threads = [threading.Thread(target=append) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history.close()
    assert len(list(read_history(tmp_path / "h.jsonl"))) == 1600


def test_only_keeps_one_operation() -> None:
    """``only`` filters by operation and keeps the order."""
    first, other = _observation({}), Observation(2, "a/b", "rig", "pong", "x", Outcome.FAILED)
    assert only([first, other, first], "ping") == (first, first)
