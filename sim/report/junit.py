"""``junit.xml``, for the machines that read test results: a suite a group, a case a scenario.

FAIL is a failure, and skipped where it bears out what the document is known to contradict itself in; UNKNOWN is an
error where it counts, and skipped where only the images that ran stand in its way.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree as ET

from sim.judging import counts
from sim.record import Record, ScenarioResult
from sim.report.printable import one_line, printable
from sim.report.summary import by_group
from sim.verdict import Status


def render_junit(record: Record) -> str:
    """The whole document; the same record gives the same text."""
    root = ET.Element("testsuites", {"name": printable(record.platform) or "sim", **_totals(record, record.scenarios)})
    for group, results in by_group(record.scenarios).items():
        suite = ET.SubElement(
            root,
            "testsuite",
            {
                "name": printable(group),
                "timestamp": record.started_at.removesuffix("Z").split("+")[0],
                **_totals(record, results),
            },
        )
        _properties(
            suite,
            {
                "run": record.run_id,
                "environment": record.environment,
                "seed": str(record.seed),
                "runtime": record.runtime,
                "strict": str(record.strict).lower(),
                **{f"image.{row.component}": f"{row.used} ({row.fidelity})" for row in record.images},
            },
        )
        for result in results:
            _case(suite, record, result)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, record: Record, result: ScenarioResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": printable(result.group),
            "name": printable(result.name),
            "time": f"{result.ended_s - result.began_s:.3f}",
        },
    )
    _properties(
        case,
        {
            "claim": result.claim,
            "section": result.section,
            "verdict": result.verdict.value,
            "fidelity": result.fidelity.value,
            **({"stack": result.stack} if result.stack else {}),
            **{f"number.{name}": repr(number) for name, number in sorted(result.numbers.items())},
        },
    )
    if result.verdict is not Status.PASS:
        outcome = ET.SubElement(case, _outcome(record, result), {"message": one_line(result.reason)})
        outcome.text = printable("\n".join((result.claim, result.reason, *result.evidence)))
    elif result.evidence:
        ET.SubElement(case, "system-out").text = printable("\n".join((result.reason, *result.evidence)))


def _outcome(record: Record, result: ScenarioResult) -> str:
    if not counts(result, strict=record.strict):
        return "skipped"
    return "failure" if result.verdict is Status.FAIL else "error"


def _totals(record: Record, results: tuple[ScenarioResult, ...]) -> dict[str, str]:
    outcomes = [_outcome(record, r) for r in results if r.verdict is not Status.PASS]
    return {
        "tests": str(len(results)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": f"{sum(r.ended_s - r.began_s for r in results):.3f}",
    }


def _properties(parent: ET.Element, values: Mapping[str, str]) -> None:
    holder = ET.SubElement(parent, "properties")
    for name, value in values.items():
        ET.SubElement(holder, "property", {"name": printable(name), "value": printable(value)})
