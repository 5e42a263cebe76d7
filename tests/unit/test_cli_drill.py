"""``sim drill``: what a watcher is told, what the runbook says, and how bad input ends."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sim.cli.drill_view import DrillState, LiveView, PlainView
from sim.history import Observation, Outcome
from sim.record import Record, ScenarioResult
from sim.report.runbook import as_html, as_markdown, runbook
from sim.verdict import Fidelity, Status
from tests.unit.drill_histories import HEALED_S, KILLED_S, LEADER, OTHER, failover, seen, topology
from tests.unit.report_sample import sample_record


def _told(observations: list[Observation]) -> list[str]:
    lines: list[str] = []
    view = PlainView(lines.append)
    for o in observations:
        view.see(o)
    view.close()
    return lines


def test_a_watcher_is_told_of_faults_leaders_and_service_lost_and_back() -> None:
    """Each once, at its time since the drill began."""
    history = sorted(
        [*failover(), seen(KILLED_S + 0.52, "leader", outcome=Outcome.UNSURE, message="asked")], key=lambda o: o.t_s
    )
    lines = _told(history)
    words = [line.split(" s  ", 1)[1] for line in lines]
    assert next(w for w in words if w.startswith("FAULT ON")).endswith("container exited")
    assert any(w.startswith("FAULT OFF") and f"after {HEALED_S - KILLED_S:.1f} s" in w for w in words)
    assert f"{OTHER} leads, {LEADER} led before" in words
    assert sum(w.startswith("NO SERVICE") for w in words) <= 1
    assert all(len(line) < 200 for line in lines)


def test_the_gap_grows_while_nothing_succeeds_and_closes_with_the_first_success() -> None:
    """Half a second without success under a fault is an outage; its length is told when it ends."""
    state = DrillState()
    state.see(seen(1.0, "publish", id="a"))
    state.see(seen(1.1, "fault", LEADER, name="kill -9", phase="inject", evidence="gone"))
    told = state.see(seen(3.0, "leader", outcome=Outcome.UNSURE))
    assert told == ["NO SERVICE for 2.00 s"]
    assert state.gap_s == 2.0
    assert state.see(seen(4.0, "publish", id="b")) == ["SERVICE BACK after 3.00 s"]
    assert state.longest_gap_s == 3.0


def test_a_fault_without_effect_or_healing_is_told_as_such() -> None:
    """Nobody watching takes it for a survived one."""
    state = DrillState()
    failed = Outcome.FAILED
    assert state.see(seen(1.0, "fault", "q", failed, name="pause", phase="inject", evidence="running"))[0].startswith(
        "NO EFFECT"
    )
    state.see(seen(2.0, "fault", "q", name="kill -9", phase="inject", evidence="exited"))
    assert state.see(seen(3.0, "fault", "q", failed, name="kill -9", phase="heal", evidence="exited"))[0].startswith(
        "NOT HEALED"
    )


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_screen_fits_whatever_width_there_is(columns: int) -> None:
    """No line is wider than the terminal, whatever names and evidence are like."""
    target = Console(file=io.StringIO(), width=columns, height=40, force_terminal=False)
    view = LiveView(target)
    for o in failover():
        view.state.see(o)
    view.state.see(seen(30.0, "fault", "x" * 300, name="kill -9", phase="inject", evidence="y" * 500))
    target.print(view)
    file = target.file
    assert isinstance(file, io.StringIO)
    assert max(map(len, file.getvalue().splitlines())) <= columns
    assert "longest" in file.getvalue() or columns == 40


def _record(*results: ScenarioResult) -> Record:
    return replace(sample_record(topology()), scenarios=results)


def _result() -> ScenarioResult:
    return ScenarioResult(
        name="failover/broker-leader",
        claim="A <claim>.",
        section="6",
        verdict=Status.PASS,
        fidelity=Fidelity.SAME_SOFTWARE,
        reason="kept",
        numbers={"lost": 0.0, "rto_ms": 480.0, "availability_percent": 91.0},
        evidence=("one", "two"),
        source="somewhere",
    )


def test_a_runbook_tells_what_happened_what_it_cost_how_it_healed_and_what_to_do() -> None:
    """From a record and a history alone, the same in Markdown and HTML, with nothing unescaped."""
    result = _result()
    sections = runbook(_record(result), result, failover(), topology())
    text = as_markdown("Runbook: x", sections)
    for words in (
        "kill -9 was put on",
        f"{OTHER} led in place of {LEADER}",
        "nothing was confirmed for",
        "RTO observed",
        "Confirmed and lost: 0.",
        "kubectl -n e-commerce-messaging get pods",
        "started again by its controller",
    ):
        assert words in text, words
    page = as_html("Runbook: x", sections)
    assert "A &lt;claim&gt;." in page
    assert "<claim>" not in page
    assert page.count("<h2>") == len(sections) == 6


def test_a_runbook_of_nothing_says_so() -> None:
    """An empty history makes a page, not a crash."""
    result = _result()
    text = as_markdown("x", runbook(_record(result), result, (), topology()))
    assert "Nothing was observed." in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("broker-leadr",), "broker-leader"),
        (("broker-*",), "drills"),
        (("broker-leader", "--on", "somewhere"), "--yes"),
        (("broker-leader", "--on", "somewhere", "--runtime", "fake"), "--runtime fake"),
    ],
)
def test_bad_input_ends_in_one_message(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Exit code 2, what is wrong and the next step, no traceback, and nothing broken."""
    done = subprocess.run(
        [sys.executable, "-m", "sim", "drill", *arguments, "--report", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert said in done.stderr
