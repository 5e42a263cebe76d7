"""YAML text as plain data that remembers where each value stood.

Read event by event, so that nesting, aliases and sheer size are bounded before anything is built: no recursion, no
expansion bomb. A plain subset: no tags, no merge keys; numbers are decimal; keys are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml import events

from sim.topology.problems import Mark, Path, Problem, shown

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

MAX_DEPTH = 32
MAX_VALUES = 20_000
_REASON_WIDTH = 160

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"yes", "on", "true"})
_FALSE = frozenset({"no", "off", "false"})
# libyaml where PyYAML was built with it: ten times faster, the same events.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_START = Mark(1, 1)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands, where its key stands, and how it is written."""

    value: Mark
    key: Mark
    written: str


@dataclass(slots=True)
class MarkedDocument:
    """``data`` is None when ``problems`` say why it could not be read, or for an empty document."""

    data: Plain = None
    start: Mark | None = None  # None for what ends the text without being a document
    spots: dict[Path, Spot] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def spot(self, path: Path) -> Spot:
        """The spot of ``path``, or of the nearest thing around it that the file does hold."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.spots:
                return self.spots[path[:length]]
        return Spot(_START, _START, "nothing")


class _UnreadableError(Exception):
    def __init__(self, mark: Mark, path: Path, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(mark, path, message)


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read yet."""

    container: list[Plain] | dict[str, Plain]
    path: Path
    key: str | None = None
    key_mark: Mark = _START


def read_marked(text: str) -> MarkedDocument:
    """The one document of ``text``. Never raises: whatever is wrong is in ``problems``."""
    documents = read_marked_documents(text)
    document = next(documents, MarkedDocument())
    second = next(documents, None)
    if second is not None:
        expected_one = "a second document starts here: expected one"
        document.problems += [Problem(second.start, (), expected_one)] if second.start else second.problems
    return document


def read_marked_documents(
    text: str, *, max_values: int = MAX_VALUES, max_depth: int = MAX_DEPTH
) -> Iterator[MarkedDocument]:
    """Each document of ``text``, within its bounds. What cannot be read ends the text; never raises."""
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        before = text[: unprintable.start()]
        mark = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        yield MarkedDocument(problems=[Problem(mark, (), _control_character(unprintable))])
        return
    reader = _Reader(max_depth)
    try:
        for event in _expanded(yaml.parse(text, Loader=_LOADER), max_values):
            if isinstance(event, events.DocumentStartEvent):
                reader = _Reader(max_depth, _mark(event))
            elif isinstance(event, events.DocumentEndEvent):
                yield reader.document
                reader = _Reader(max_depth)
            else:
                reader.take(event)
    except _UnreadableError as error:
        problem = error.problem
    except yaml.MarkedYAMLError as error:
        problem = _syntax_problem(error, text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets a few of Python's own errors through, for example for an escape beyond Unicode.
        problem = Problem(_START, (), f"not valid YAML: {shown(str(error), quoted=False, width=_REASON_WIDTH)}")
    else:
        return
    reader.document.problems.append(problem)
    yield reader.document


def _expanded(parsed: Iterator[events.Event], max_values: int) -> Iterator[events.Event]:
    """The events with each alias replaced by what its anchor holds, until a document's budget of values is spent."""
    recorded: dict[str, list[events.Event]] = {}
    recording: list[tuple[str, int]] = []  # anchors still open, with the depth they opened at
    sources: list[Iterator[events.Event]] = [parsed]
    depth = count = 0
    while sources:
        event = next(sources[-1], None)
        if event is None:
            sources.pop()
            continue
        live = len(sources) == 1
        if isinstance(event, events.DocumentStartEvent):
            recorded.clear()  # an anchor is its own document's
            count = 0
        if isinstance(event, events.NodeEvent):
            count += 1
            if count > max_values:
                message = f"more than {max_values} values once aliases are expanded: expected a file written out"
                raise _UnreadableError(_mark(event), (), message)
        if live:
            depth += _depth_change(event)
            _record(event, depth, recorded, recording)
        if isinstance(event, events.AliasEvent):
            if event.anchor not in recorded:
                raise _UnreadableError(_mark(event), (), f"alias *{event.anchor} has no anchor before it")
            if event.anchor in (name for name, _ in recording):
                raise _UnreadableError(_mark(event), (), f"alias *{event.anchor} is inside its own anchor")
            sources.append(iter(recorded[event.anchor]))
            continue
        yield event


def _record(
    event: events.Event, depth: int, recorded: dict[str, list[events.Event]], recording: list[tuple[str, int]]
) -> None:
    for name, _ in recording:
        recorded[name].append(event)
    while recording and isinstance(event, events.CollectionEndEvent) and depth == recording[-1][1]:
        recording.pop()
    if isinstance(event, events.NodeEvent) and not isinstance(event, events.AliasEvent) and event.anchor:
        recorded[event.anchor] = [event]
        if isinstance(event, events.CollectionStartEvent):
            recording.append((event.anchor, depth - 1))


def _depth_change(event: events.Event) -> int:
    return isinstance(event, events.CollectionStartEvent) - isinstance(event, events.CollectionEndEvent)


class _Reader:
    """Builds one document from events."""

    def __init__(self, max_depth: int, start: Mark | None = None) -> None:
        self._max_depth = max_depth
        self.document = MarkedDocument(start=start)
        self._open: list[_Open] = []

    def take(self, event: events.Event) -> None:
        match event:
            case events.ScalarEvent():
                self._scalar(event)
            case events.CollectionStartEvent():
                self._start(event)
            case events.CollectionEndEvent():
                self._open.pop()
            case _:
                pass

    def _scalar(self, event: events.ScalarEvent) -> None:
        self._refuse_tag(event)
        parent = self._open[-1] if self._open else None
        unprintable = _UNPRINTABLE.search(event.value)  # an escape can spell what the text itself may not hold
        if unprintable:
            raise _UnreadableError(_mark(event), (), _control_character(unprintable))
        if parent is not None and isinstance(parent.container, dict) and parent.key is None:
            self._key(event, parent)
            return
        value = _plain(event.value) if event.implicit[0] else event.value
        written = "nothing" if value is None else shown(event.value, quoted=isinstance(value, str))
        if isinstance(value, bool) and event.value.lower() not in {"true", "false"}:
            written += f", which YAML reads as {str(value).lower()}"
        self._put(value, event, written)

    def _key(self, event: events.ScalarEvent, parent: _Open) -> None:
        mark, path = _mark(event), (*parent.path, event.value)
        if event.value == "<<" and event.implicit[0]:
            raise _UnreadableError(mark, parent.path, "merge key '<<': write the keys out")
        if path in self.document.spots:
            first = self.document.spots[path].key
            message = f"duplicate key: already given at line {first.line}, column {first.column}"
            self.document.problems.append(Problem(mark, path, message))
        parent.key, parent.key_mark = event.value, mark

    def _start(self, event: events.CollectionStartEvent) -> None:
        self._refuse_tag(event)
        parent = self._open[-1] if self._open else None
        if parent is not None and isinstance(parent.container, dict) and parent.key is None:
            raise _UnreadableError(_mark(event), parent.path, "a list or mapping as a key: expected text")
        if len(self._open) >= self._max_depth:
            raise _UnreadableError(_mark(event), (), f"nested more than {self._max_depth} levels deep")
        mapping = isinstance(event, events.MappingStartEvent)
        container: list[Plain] | dict[str, Plain] = {} if mapping else []
        path = self._put(container, event, "a mapping" if mapping else "a list")
        self._open.append(_Open(container, path))

    def _put(self, value: Plain, event: events.Event, written: str) -> Path:
        mark = _mark(event)
        if not self._open:
            self.document.data = value
            self.document.spots[()] = Spot(mark, mark, written)
            return ()
        parent = self._open[-1]
        if isinstance(parent.container, dict):
            key = parent.key or ""
            path, key_mark = (*parent.path, key), parent.key_mark
            parent.container[key], parent.key = value, None
        else:
            path, key_mark = (*parent.path, len(parent.container)), mark
            parent.container.append(value)
        self.document.spots[path] = Spot(mark, key_mark, written)
        return path

    def _refuse_tag(self, event: events.ScalarEvent | events.CollectionStartEvent) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            path = self._open[-1].path if self._open else ()
            raise _UnreadableError(_mark(event), path, f"tag {shown(tag)}: expected a value without one")


def _plain(written: str) -> Plain:
    if written in _NULLS:
        return None
    lowered = written.lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    if _INTEGER.fullmatch(written):
        return int(written)
    return float(written) if _DECIMAL.fullmatch(written) else written


def _control_character(found: re.Match[str]) -> str:
    return f"control character U+{ord(found.group()):04X}: expected printable text"


def _mark(event: events.Event) -> Mark:
    place = event.start_mark
    return Mark(place.line + 1, place.column + 1) if place is not None else _START


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    place = error.problem_mark or error.context_mark
    mark = Mark(place.line + 1, place.column + 1) if place else _START
    lines = text.splitlines()
    line = lines[mark.line - 1] if mark.line <= len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return Problem(Mark(mark.line, indent.index("\t") + 1), (), "a tab indents this line: expected spaces")
    reason = ", ".join(part for part in (error.problem, error.context) if part)
    return Problem(mark, (), f"not valid YAML: {shown(reason, quoted=False, width=_REASON_WIDTH)}")
