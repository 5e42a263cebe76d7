"""A known contradiction of the document, borne out: told everywhere, counted nowhere unless the run is strict."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from sim.judging import overall
from sim.record import Record
from sim.report.html import render_html
from sim.report.junit import render_junit
from sim.report.summary import count, sentence
from sim.report.terminal import print_record
from sim.verdict import Status
from tests.unit.report_sample import sample_record, sample_topology


def _record(*, strict: bool, alone: bool = False) -> Record:
    """One PASS, and a failure as contradiction C5 has it; ``alone`` without the PASS."""
    whole = sample_record(sample_topology())
    good = next(r for r in whole.scenarios if r.verdict is Status.PASS)
    known = replace(good, name="limits/mysql-stock", verdict=Status.FAIL, reason="killed", contradiction="C5")
    results = (known,) if alone else (good, known)
    return replace(whole, scenarios=results, strict=strict, verdict=overall(results, strict=strict))


@pytest.mark.parametrize(
    ("strict", "alone", "status", "failed"),
    [(False, False, Status.PASS, 0), (True, False, Status.FAIL, 1), (False, True, Status.UNKNOWN, 0)],
)
def test_it_counts_in_a_strict_run_alone(strict: bool, alone: bool, status: Status, failed: int) -> None:
    """With nothing else to show for it, a run without failures is still no pass."""
    record = _record(strict=strict, alone=alone)
    assert record.verdict is status
    assert (count(record).failed, count(record).known) == (failed, 1 - failed)
    assert "known to contradict itself" in sentence(record) or not alone
    assert ("limits/mysql-stock" in sentence(record)) is strict


@pytest.mark.parametrize("strict", [False, True])
def test_the_terminal_the_page_and_junit_tell_of_it(strict: bool) -> None:
    """FAIL is what it is called everywhere; apart from what failed, unless it counts."""
    record = _record(strict=strict)
    stream = io.StringIO()
    print_record(Console(file=stream, width=80), record)
    printed = stream.getvalue()
    assert ("≠ FAIL" in printed) == ("As the document's own contradictions have it" in printed) or strict
    assert "1 known contradiction" in printed or strict
    page = render_html(record, None, (), {}, {})
    assert ('id="known"' in page) is not strict
    assert page.count('id="limits-mysql-stock"') == 1
    case = ET.fromstring(render_junit(record)).find(".//testcase[@name='limits/mysql-stock']")  # noqa: S314 - our own
    assert case is not None
    assert (case.find("failure") is not None) is strict
    assert (case.find("skipped") is not None) is not strict
