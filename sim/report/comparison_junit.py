"""A comparison for the machines that read test results: a case a figure, a regression a failure.

What the runs cannot tell is an error: a gate that waves it through would have looked at nothing.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from sim.comparison.model import Call, Comparison
from sim.report.comparison import Row, rows
from sim.report.printable import one_line, printable

_OUTCOMES = {Call.REGRESSION: "failure", Call.INCONCLUSIVE: "error"}


def render_comparison_junit(comparison: Comparison) -> str:
    """The whole document; the same comparison gives the same text."""
    found = rows(comparison)
    root = ET.Element("testsuites", {"name": "sim compare", **_totals(found)})
    for scenario in dict.fromkeys(row.scenario for row in found):
        members = tuple(row for row in found if row.scenario == scenario)
        suite = ET.SubElement(root, "testsuite", {"name": printable(scenario), **_totals(members)})
        for row in members:
            _case(suite, row)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, row: Row) -> None:
    case = ET.SubElement(
        suite, "testcase", {"classname": printable(row.scenario), "name": printable(row.metric), "time": "0"}
    )
    said = " ".join(f"{row.before} → {row.after}, {row.change or 'no ratio'} worse ({row.interval or 'none'})".split())
    if row.call in _OUTCOMES:
        outcome = ET.SubElement(case, _OUTCOMES[row.call], {"message": one_line(f"{row.call.value}: {row.why}")})
        outcome.text = printable(said)
    else:
        ET.SubElement(case, "system-out").text = printable(f"{row.call.value}: {row.why}. {said}")


def _totals(found: tuple[Row, ...]) -> dict[str, str]:
    outcomes = [_OUTCOMES.get(row.call, "") for row in found]
    return {
        "tests": str(len(found)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": "0",
        "time": "0",
    }
