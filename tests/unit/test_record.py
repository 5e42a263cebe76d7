"""``record.json``: the contract's names, the same bytes each time, and a clear word about what is no record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sim.errors import BadInput
from sim.images.model import ResolvedImage
from sim.record import ImageRow, Record, parse_record, read_record
from sim.verdict import Fidelity
from tests.unit.report_sample import sample_record, sample_topology


@pytest.fixture(scope="module")
def record() -> Record:
    return sample_record(sample_topology())


def test_a_record_reads_back_equal_and_writes_the_same_bytes(record: Record) -> None:
    """Written, read and written again, nothing changes."""
    text = record.to_json()
    again = parse_record(text, "record.json")
    assert again == record
    assert again.to_json() == text
    assert text.endswith("}\n")


def test_the_contract_names_are_there(record: Record) -> None:
    """Whoever reads schema 1 finds every field it promises, spelled as promised."""
    document = json.loads(record.to_json())
    assert document["schema"] == 1
    assert {"run_id", "started_at", "environment", "seed", "runtime", "host", "images", "scenarios", "verdict"} <= set(
        document
    )
    assert {"component", "documented", "used", "digest", "fidelity"} <= set(document["images"][0])
    assert {"name", "claim", "section", "verdict", "fidelity", "reason", "numbers"} <= set(document["scenarios"][0])
    assert document["verdict"] in {"PASS", "FAIL", "UNKNOWN"}
    assert {image["fidelity"] for image in document["images"]} <= {"documented", "same-software", "stand-in"}


def test_keys_are_sorted(record: Record) -> None:
    """The order of keys is the alphabet's, so that two records can be compared line by line."""
    document = json.loads(record.to_json())
    assert list(document) == sorted(document)
    assert list(document["scenarios"][0]) == sorted(document["scenarios"][0])


def test_fields_of_a_later_minor_version_are_read_past(record: Record) -> None:
    """Schema 1 may gain fields; this reader leaves them."""
    document = {**json.loads(record.to_json()), "added_later": {"x": 1}}
    assert parse_record(json.dumps(document), "r") == record


def _without(record: Record, key: str) -> str:
    document = json.loads(record.to_json())
    del document[key]
    return json.dumps(document)


def test_broken_records_are_bad_input(record: Record) -> None:
    """Each broken file is one BadInput that names the file and what is wrong in it."""
    document = json.loads(record.to_json())
    wrong_verdict = json.loads(record.to_json())
    wrong_verdict["scenarios"][2]["verdict"] = "MAYBE"
    cases = {
        "": "not a JSON document",
        "{": "not a JSON document",
        "[" * 100_000: "not a JSON document",
        "[]": "not a record",
        "{}": "not a record",
        record.to_json()[:500]: "not a JSON document",
        json.dumps({**document, "schema": 2}): "its schema is 2",
        json.dumps({**document, "schema": "one"}): "its schema is 'one'",
        json.dumps({**document, "schema": None}): "its schema is None",
        json.dumps({**document, "seed": "7"}): "seed: ",
        json.dumps({**document, "durations": {"up_s": float("nan")}}): "not a JSON number",
        json.dumps(wrong_verdict): r"scenarios\[2\]\.verdict: ",
        _without(record, "verdict"): "verdict: ",
        _without(record, "images"): "images: ",
    }
    for text, expected in cases.items():
        with pytest.raises(BadInput, match=rf"(?s)runs/7/record\.json.*{expected}"):
            parse_record(text, "runs/7/record.json")


def test_a_newer_schema_says_so() -> None:
    """A record from the future asks for the newer sim, not for another run."""
    with pytest.raises(BadInput) as caught:
        parse_record('{"schema": 9}', "r.json")
    assert "newer sim" in caught.value.next_step


def test_missing_unreadable_and_binary_files_are_bad_input(tmp_path: Path) -> None:
    """No file, a folder in its place, and bytes that are no text: each is said plainly."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00{}")
    for name, expected in (("none", "does not exist"), ("folder", "cannot be read"), ("binary", "not UTF-8")):
        with pytest.raises(BadInput, match=expected):
            read_record(tmp_path / name)


def test_an_image_row_gives_its_image_back() -> None:
    """A judge is shown offline exactly the image it was shown when the stack ran."""
    image = ResolvedImage(
        "mysql", "mysql:8.0", "sim/mysql", "sha256:1", "mysql", "9.7", Fidelity.SAME_SOFTWARE, "built"
    )
    assert ImageRow.of(image).resolved() == image


def test_numbers_that_are_not_finite_are_never_written(record: Record) -> None:
    """JSON has no NaN: such a record is refused when written, not when somebody reads it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        replace(record, durations={"up_s": float("nan")}).to_json()
