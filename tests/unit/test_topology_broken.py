"""Every broken topology file is refused with one message that names place, path, expectation and what was found."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from sim.errors import EXIT_BAD_INPUT, BadInput
from sim.topology import marked_yaml
from sim.topology.load import load_topology, parse_topology, topology_text
from tests.unit.topology_broken_files import BYTES, EDITS, TEXTS, Broken

MARK = "«"
_JARGON = ("pydantic", "Traceback", "Input should", "type=", "ctx", "NoneType", "validation error", "YAMLError")


@pytest.fixture(params=["libyaml", "python"])
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML comes with and without libyaml; messages must not depend on it."""
    if request.param == "python":
        monkeypatch.setattr(marked_yaml, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")


def refusal(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        parse_topology(text, "broken.yaml")
    assert caught.value.exit_code == EXIT_BAD_INPUT
    return str(caught.value)


def break_packaged(case: Broken) -> tuple[str, int, int]:
    """(text, line, column) with the mark taken out."""
    packaged = topology_text()
    assert case.old in packaged, f"the packaged file no longer holds {case.old!r}"
    text = packaged.replace(case.old, case.new, 1)
    if case.at:
        text = text.replace(MARK, "")
        plain = case.at.replace(MARK, "")
        assert plain in text
        offset = text.index(plain) + case.at.index(MARK)
    else:
        offset = text.index(MARK)
        text = text.replace(MARK, "")
    line_start = text.rfind("\n", 0, offset) + 1
    return text, text.count("\n", 0, offset) + 1, offset - line_start + 1


@pytest.mark.parametrize("case", EDITS, ids=lambda case: case.name.replace(" ", "-"))
def test_an_edit_that_breaks_the_file_is_named_where_it_stands(case: Broken) -> None:
    """Line, column and path are those of the mistake, and the message says what was expected."""
    text, line, column = break_packaged(case)
    message = refusal(text)
    path = f"{case.path}: " if case.path else ""
    assert message.startswith(f"broken.yaml:{line}:{column}: {path}"), message
    first = message.splitlines()[0]
    for fragment in case.says:
        assert fragment in first
    assert not any(word in message for word in _JARGON), message


@pytest.mark.usefixtures("_either_parser")
@pytest.mark.parametrize(("text", "place", "says"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_a_text_that_is_no_topology_is_refused(text: str, place: str, says: str) -> None:
    """Whatever YAML makes of it, the message names the place and says what is wrong."""
    message = refusal(text)
    assert message.startswith(f"broken.yaml:{place}")
    assert says in message


@pytest.mark.usefixtures("_either_parser")
def test_a_file_nested_past_any_parser_s_bound_is_refused() -> None:
    """Whichever bound is met first, the parser's or ours, it is one message and no overflow."""
    message = refusal(f"name: {'[' * 100_000}\n")
    assert message.startswith("broken.yaml:1:")
    assert "32 levels" in message or "nesting" in message


@pytest.mark.parametrize(("content", "says"), [case[1:] for case in BYTES], ids=[case[0] for case in BYTES])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """Binary, wrongly encoded and oversized files never reach the parser."""
    file = tmp_path / "broken.yaml"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=says):
        load_topology(file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    """The message names the file and where to start from."""
    with pytest.raises(BadInput, match=r"absent\.yaml: no such file") as caught:
        load_topology(tmp_path / "absent.yaml")
    assert "ecommerce.yaml" in caught.value.next_step


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory is told apart from a file that cannot be read."""
    with pytest.raises(BadInput, match="is a directory"):
        load_topology(tmp_path)


def test_a_file_without_end_is_refused_at_once() -> None:
    """A device is read no further than the limit."""
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        load_topology(Path("/dev/zero"))


def test_a_path_no_file_system_takes_is_refused() -> None:
    """A zero byte in the name is an error of the input, not a crash."""
    with pytest.raises(BadInput, match="cannot be read"):
        load_topology(Path("a\0b"))


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    """Nine to the ninth values are never built."""
    bomb = next(text for name, text, _, _ in TEXTS if name == "a bomb of aliases")
    started_s = time.process_time()
    refusal(bomb)
    assert time.process_time() - started_s < 2


def test_a_few_aliases_are_read_as_what_they_stand_for() -> None:
    """Anchors are a convenience; only their abuse is refused."""
    text = topology_text().replace("limits: {memory: 512Mi, cpu: 200m}", "limits: &small {memory: 512Mi, cpu: 200m}", 1)
    text = text.replace("limits: {memory: 256Mi, cpu: 200m}", "limits: *small", 1)
    topology = parse_topology(text, "aliased.yaml")
    assert topology.cache.resources.limits == topology.object_store.resources.limits


def test_a_mistake_inside_an_alias_is_named_where_it_is_written() -> None:
    """The place is the anchor's, since that is what must be edited."""
    text = topology_text().replace("limits: {memory: 512Mi, cpu: 200m}", "limits: &small {memory: 512MB, cpu: 200m}", 1)
    message = refusal(text.replace("limits: {memory: 256Mi, cpu: 200m}", "limits: *small", 1))
    assert "512MB" in message.splitlines()[0]
    assert message.splitlines()[1].endswith("limits: &small {memory: 512MB, cpu: 200m}")


def test_the_whole_cycle_is_told() -> None:
    """Each service of the cycle is named in order, back to the first."""
    text = topology_text()
    for service, target in (("JWT", "orders"), ("order life", "baskets"), ("shopping", "auth")):
        text = text.replace(f"    job: {service}", f"    dependsOn: [{target}]\n    job: {service}", 1)
    assert "auth → orders → baskets → auth" in refusal(text)


def test_dependencies_without_a_cycle_are_accepted() -> None:
    """A diamond is no cycle."""
    text = topology_text()
    for service, targets in (("JWT", "orders, baskets"), ("order life", "products"), ("shopping", "products")):
        text = text.replace(f"    job: {service}", f"    dependsOn: [{targets}]\n    job: {service}", 1)
    assert parse_topology(text, "diamond.yaml").services["auth"].depends_on == ("orders", "baskets")


def test_several_problems_are_told_at_once() -> None:
    """The first in full with its line, up to ten more in a list, the rest counted."""
    message = refusal(topology_text().replace('section: "5"', "section: 5"))
    lines = message.splitlines()
    assert "section: 5" in lines[1]
    assert lines[2].strip().endswith("^")
    listed = [line for line in lines if line.startswith("  broken.yaml:")]
    assert len(listed) == 10
    total = topology_text().count('section: "5"')
    assert f"{total - 1} more problems:" in lines
    assert lines[-1] == f"  and {total - 11} not listed"


def test_an_excerpt_of_a_very_long_line_stays_short() -> None:
    """The caret still stands under the mistake."""
    text = topology_text().replace("name: ecommerce\n", f"name: {' ' * 5000}E-COMMERCE{' ' * 5000}\n", 1)
    _, excerpt, caret, *_ = refusal(text).splitlines()
    assert len(excerpt) < 130
    assert excerpt[caret.index("^") :].startswith("E-COMMERCE")
