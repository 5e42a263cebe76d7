"""Whatever is fed to the reader, it answers with a topology or with one plain refusal."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sim.errors import BadInput
from sim.topology import marked_yaml
from sim.topology.load import load_topology, parse_topology, topology_text
from sim.topology.model import Topology
from sim.topology.problems import Mark
from sim.topology.quantities import (
    format_cpu,
    format_duration,
    format_memory,
    parse_cpu_cores,
    parse_duration_s,
    parse_memory_bytes,
)

_PACKAGED = topology_text()
_LINES = _PACKAGED.splitlines(keepends=True)
_FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_YAML_ALPHABET = st.text(alphabet="ab:-[]{}&*!|>?#,'\"%@`\\ \t\n\r0123.~<=\u2028\ufeff", max_size=60)


def _answers(text: str) -> None:
    try:
        assert isinstance(parse_topology(text, "fuzz.yaml"), Topology)
    except BadInput as refusal:
        assert refusal.what.encode().startswith(b"fuzz.yaml:")  # noqa: PT017 - either answer is right; only a third is wrong


@_FUZZ
@given(st.text() | _YAML_ALPHABET)
@example("\ufeff")
@example("\ud800")
@example('a: "\\uD800"')
@example("a: !<tag:yaml.org,2002:int> 1")
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but BadInput, with libyaml."""
    _answers(text)


@_FUZZ
@given(_YAML_ALPHABET)
@example('"\\UFFFFFFFF"')
@example('a: "\\uD800"')
def test_any_text_is_read_or_refused_without_libyaml(text: str) -> None:
    """The same with PyYAML's own parser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marked_yaml, "_LOADER", yaml.SafeLoader)
        _answers(text)


@_FUZZ
@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """No sequence of bytes raises anything but BadInput."""
    file = tmp_path / "fuzz.yaml"
    file.write_bytes(content)
    with pytest.raises(BadInput):
        load_topology(file)


@_FUZZ
@given(
    line=st.integers(0, len(_LINES) - 1),
    replacement=_YAML_ALPHABET | st.sampled_from(["", "  x: 1\n", "  replicas: yes\n", "\n\n", "    database: auth\n"]),
)
def test_a_damaged_packaged_file_is_read_or_refused(line: int, replacement: str) -> None:
    """One line replaced by rubbish: still a topology, or a refusal that points into the file."""
    _answers("".join([*_LINES[:line], replacement, *_LINES[line + 1 :]]))


@_FUZZ
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=20))
def test_any_value_in_the_place_of_another_is_read_or_refused(value: object) -> None:
    """A value of any shape where services are expected, as YAML writes it."""
    flow = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
    _answers(_PACKAGED.replace("services:\n", f"services: {flow}\nwas:\n", 1))


@given(st.integers(1, 2**40))
def test_memory_survives_being_written_and_read(size_bytes: int) -> None:
    """Formatting is exact."""
    assert parse_memory_bytes(format_memory(size_bytes)) == size_bytes


@given(st.integers(1, 4_000_000))
def test_cpu_survives_being_written_and_read(millis: int) -> None:
    """A millicore is the finest unit."""
    assert parse_cpu_cores(format_cpu(millis / 1000)) == pytest.approx(millis / 1000)


@given(st.integers(1, 10**9))
def test_a_duration_survives_being_written_and_read(millis: int) -> None:
    """A millisecond is the finest unit."""
    assert parse_duration_s(format_duration(millis / 1000)) == pytest.approx(millis / 1000)


def test_marks_count_from_one() -> None:
    """Editors do."""
    assert marked_yaml.read_marked("a: 1").spots[("a",)].key == Mark(1, 1)
