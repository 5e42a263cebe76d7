"""``junit.xml``: valid for the machines that read it, whatever the evidence holds."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from sim.record import Record
from sim.report.junit import render_junit
from sim.verdict import Status
from tests.unit.report_sample import sample_record, sample_topology


@pytest.fixture(scope="module")
def record() -> Record:
    return sample_record(sample_topology())


def _parsed(record: Record) -> ET.Element:
    return ET.fromstring(render_junit(record))  # noqa: S314 - our own document


def test_a_suite_a_group_and_a_case_a_scenario(record: Record) -> None:
    """Groups in reading order, and every scenario once, under its own name."""
    root = _parsed(record)
    assert [s.get("name") for s in root] == ["conformance", "isolation", "failover", "throughput"]
    names = [case.get("name") for case in root.iter("testcase")]
    assert sorted(map(str, names)) == sorted(r.name for r in record.scenarios)


def test_each_verdict_has_its_element(record: Record) -> None:
    """FAIL is a failure; UNKNOWN that counts an error; what these images cannot show is skipped; PASS is bare."""
    cases = {case.get("name"): {child.tag for child in case} for case in _parsed(record).iter("testcase")}
    assert "failure" in cases["conformance/bucket-sav-private"]
    assert "error" in cases["conformance/mysqld-exporter"]
    assert "skipped" in cases["conformance/minio-console"]
    assert not cases["failover/broker-leader"] & {"failure", "error", "skipped"}


def test_strict_turns_skipped_into_error(record: Record) -> None:
    """Where it counts it is not skipped."""
    assert not list(_parsed(replace(record, strict=True)).iter("skipped"))


def test_counts_are_those_of_the_cases(record: Record) -> None:
    """tests, failures, errors and skipped agree with what is inside, in each suite and over all."""
    root = _parsed(record)
    for node in (root, *root):
        assert int(node.get("tests", "")) == len(list(node.iter("testcase")))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(node.get(attribute, "")) == len(list(node.iter(tag)))


def test_the_shape_is_the_one_readers_know(record: Record) -> None:
    """Only elements of the common schema, properties first, and the attributes every reader asks for."""
    root = _parsed(record)
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite"
        assert next(child.tag for child in suite) == "properties"
        assert {child.tag for child in suite} == {"properties", "testcase"}
        assert {"name", "tests", "failures", "errors", "time", "timestamp"} <= set(suite.keys())
        for case in suite.iter("testcase"):
            assert {"classname", "name", "time"} <= set(case.keys())
            assert float(case.get("time", "")) >= 0
            assert {c.tag for c in case} <= {"properties", "failure", "error", "skipped", "system-out"}


def test_seed_environment_and_fidelity_are_properties(record: Record) -> None:
    """A reader can tell what was run and how near it was to the document."""
    suite = _parsed(record)[0]
    properties = {p.get("name"): p.get("value") for p in suite.findall("properties/property")}
    assert properties["seed"] == "20261103"
    assert properties["environment"] == "staging"
    assert "stand-in" in str(properties["image.object-store"])
    case = next(c for c in suite.iter("testcase") if c.get("name") == "conformance/bucket-sav-private")
    assert {p.get("name"): p.get("value") for p in case.iter("property")}["fidelity"] == "stand-in"


def test_control_characters_and_markup_leave_it_valid(record: Record) -> None:
    """No byte a server may write breaks the document."""
    hostile = "".join(map(chr, range(160))) + "]]><x a='1'>&amp;\ud800\udfff\ufffe\uffff\U0001f600"
    results = tuple(
        replace(r, name=f"{r.name}{hostile}", claim=hostile, reason=hostile, evidence=(hostile,), verdict=verdict)
        for r, verdict in zip(record.scenarios, [*Status] * 9, strict=False)
    )
    root = _parsed(replace(record, scenarios=results, environment=hostile))
    assert len(list(root.iter("testcase"))) == len(results)
    assert "\U0001f600" in str(next(root.iter("failure")).text)
    render_junit(replace(record, scenarios=results)).encode("utf-8")


def test_an_empty_run_is_still_a_document(record: Record) -> None:
    """No scenario, no suite, no error."""
    assert len(_parsed(replace(record, scenarios=()))) == 0
