"""The isolation matrix: who reaches what, documented and observed, as a table that scrolls, prints and can be tabbed.

A cell is a pair; its mark tells the worst of all that was asked between the two, by shape as well as by colour. What
was asked, answered and counted is on the cell when it is pointed at or focused. Pairs that are closed as documented are
no tab stops: there are a thousand of them, and each row's heading says how many. No script: the page forbids it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sim.report.svg import element
from sim.report.walls import DIFFERENCES, Asked, State, summary, worst

_MOST_DIFFERENCES = 100
_MANY_TARGETS = 16
_LABEL = 40
_MARKS = {State.REFUSED: "·", State.OPEN: "●", State.UNTOLD: "?", State.SHUT: "!", State.BREACH: "✗"}
_CLASSES = {
    State.REFUSED: "closed",
    State.OPEN: "open",
    State.UNTOLD: "untold",
    State.SHUT: "shut",
    State.BREACH: "breach",
}
_PARTLY, _PARTLY_CLASS = "◐", "open partly"
_LEGEND = (
    ("open", "●", "let in, as documented"),
    (_PARTLY_CLASS, _PARTLY, "some of it let in, as documented"),
    ("closed", "·", "refused, as documented"),
    ("breach", "✗", "let in, documented refused"),
    ("shut", "!", "refused, documented let in"),
    ("untold", "?", "no answer that tells"),
)

_Pairs = Mapping[tuple[str, str], Sequence[Asked]]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Names in order with the group of each, and what all end in."""

    title: str
    names: tuple[str, ...]
    groups: Mapping[str, str]
    suffix: str

    def label(self, name: str) -> str:
        """What is left once the group and the shared ending were said elsewhere."""
        short = name.removesuffix(self.suffix)
        group = self.groups[name]
        return short.removeprefix(f"{group}/") if group else short

    @property
    def only_group(self) -> str:
        """The group of all of them, empty when there are several."""
        found = set(self.groups.values())
        return found.pop() if len(found) == 1 else ""

    def runs(self) -> list[tuple[str, int]]:
        """Neighbours of one group, with how many they are."""
        found: list[tuple[str, int]] = []
        for name in self.names:
            group = self.groups[name]
            if found and found[-1][0] == group:
                found[-1] = (group, found[-1][1] + 1)
            else:
                found.append((group, 1))
        return found


def isolation_matrix(questions: Sequence[Asked]) -> Markup:
    """The differences in words, the table, and what its marks mean."""
    pairs: dict[tuple[str, str], list[Asked]] = defaultdict(list)
    for question in questions:
        pairs[question.source, question.target].append(question)
    sources = _axis("from", [(q.source, _namespace(q.source)) for q in questions])
    targets = _axis("to", [(q.target, q.group or _namespace(q.target)) for q in questions])
    turned = len(targets.names) > max(_MANY_TARGETS, 2 * len(sources.names))
    rows, columns = (targets, sources) if turned else (sources, targets)
    cells = {(target, source) if turned else (source, target): asked for (source, target), asked in pairs.items()}
    table = element(
        "table", _head(rows, columns), *_body(rows, columns, cells), class_="walls", aria_label=summary(questions)
    )
    scroll = element(
        "div", table, class_="walls-scroll", tabindex="0", role="group", aria_label="the matrix, scrollable"
    )
    return Markup("").join((_differences(questions), scroll, _legend(questions)))


def common_suffix(names: Sequence[str]) -> str:
    """What all names end in, from a hyphen on: it is said once instead of in every heading."""
    if len(names) < 2:
        return ""
    parts = [name.split("-") for name in names]
    shared = 0
    while all(len(p) > shared + 1 and p[-shared - 1] == parts[0][-shared - 1] for p in parts):
        shared += 1
    return "-" + "-".join(parts[0][-shared:]) if shared else ""


def _label(name: str) -> str:
    """A name's end tells it from its neighbours as often as its beginning."""
    half = _LABEL // 2
    return name if len(name) <= _LABEL else f"{name[:half]}…{name[-half:]}"


def _axis(title: str, members: Iterable[tuple[str, str]]) -> _Axis:
    groups = dict(members)
    order = list(dict.fromkeys(groups.values()))
    names = tuple(sorted(groups, key=lambda name: order.index(groups[name])))
    return _Axis(title, names, groups, common_suffix(names))


def _namespace(name: str) -> str:
    """Of a pod's full name; a path or a plain name has none."""
    namespace, slash, rest = name.partition("/")
    return namespace if slash and namespace and rest and "/" not in rest and " " not in name else ""


def _head(rows: _Axis, columns: _Axis) -> Markup:
    corner = f"{rows.title} ↓ {columns.title} →"
    if columns.suffix:
        corner += f" <name>{columns.suffix}"
    if columns.only_group:
        corner += f" on {columns.only_group}"
    grouped = any(columns.groups.values()) and not columns.only_group
    names = [
        element("th", element("span", _label(columns.label(name))), scope="col", title=name) for name in columns.names
    ]
    head = [element("tr", element("th", corner, scope="col", class_="corner"), *names)]
    if grouped:
        spans = [
            element("th", group, colspan=count, scope="colgroup", class_="group", title=group)
            for group, count in columns.runs()
        ]
        head.insert(0, element("tr", element("td", "", class_="corner"), *spans))
    return element("thead", *head)


def _body(rows: _Axis, columns: _Axis, cells: _Pairs) -> list[Markup]:
    """One section of the table for each group of rows."""
    bodies: list[Markup] = []
    begin = 0
    for group, count in rows.runs():
        lines = [_row(name, rows, columns, cells) for name in rows.names[begin : begin + count]]
        if group:
            wide = element("th", group, colspan=len(columns.names) + 1, scope="rowgroup", class_="group")
            lines.insert(0, element("tr", wide))
        bodies.append(element("tbody", *lines))
        begin += count
    return bodies


def _row(name: str, rows: _Axis, columns: _Axis, cells: _Pairs) -> Markup:
    mine = [q for column in columns.names for q in cells.get((name, column), ())]
    heading = element("button", _label(rows.label(name)), type="button", aria_label=f"{name}: {summary(mine)}")
    tip = _tip(name, _counted(mine))
    return element(
        "tr",
        element("th", heading, tip, scope="row", title=name),
        *(_cell(name, column, cells.get((name, column), ())) for column in columns.names),
    )


def _cell(row: str, column: str, asked: Sequence[Asked]) -> Markup:
    if not asked:
        return element("td", "", class_="unasked")
    states = {question.state for question in asked}
    state = worst(states)
    partly = states == {State.OPEN, State.REFUSED}
    mark, class_ = (_PARTLY, _PARTLY_CLASS) if partly else (_MARKS[state], _CLASSES[state])
    tip = _tip(f"{asked[0].source} → {asked[0].target}", _answers(asked))
    if state is State.REFUSED:
        return element("td", element("span", mark), tip, class_=class_)
    said = f"{row}, {column}: {state}"
    return element("td", element("button", mark, type="button", aria_label=said), tip, class_=class_)


def _tip(title: str, lines: Iterable[str]) -> Markup:
    """Shown while its cell is pointed at or focused."""
    return element(
        "span", element("b", title), *(element("span", line) for line in lines), class_="tip", role="tooltip"
    )


def _answers(asked: Sequence[Asked]) -> list[str]:
    """What was asked, those with the same answer together, the worst first."""
    together: dict[tuple[State, str, str], list[str]] = defaultdict(list)
    for question in asked:
        together[question.state, question.answer, question.note].append(question.asked)
    order = sorted(together, key=lambda key: list(State).index(key[0]), reverse=True)
    return [f"{', '.join(together[key])}: {key[1]}{f'; {key[2]}' if key[2] else ''}" for key in order]


def _counted(asked: Sequence[Asked]) -> list[str]:
    counts: dict[State, int] = defaultdict(int)
    for question in asked:
        counts[question.state] += 1
    return [f"{counts[state]} {state}" for state in reversed(State) if counts[state]]


def _differences(questions: Sequence[Asked]) -> Markup:
    """Before anything else, in words: whoever cannot see the table misses nothing that matters."""
    differing = sorted((q for q in questions if q.state in DIFFERENCES), key=lambda q: q.state is State.SHUT)
    if not differing:
        return Markup("")
    lines = [_difference(question) for question in differing[:_MOST_DIFFERENCES]]
    if len(differing) > _MOST_DIFFERENCES:
        lines.append(element("li", f"{len(differing) - _MOST_DIFFERENCES} more in the table", class_="quiet"))
    return element("ul", *lines, class_="differences", aria_label="differences from the document")


def _difference(question: Asked) -> Markup:
    mark = element("span", _MARKS[question.state], class_=f"mark {_CLASSES[question.state]}", aria_hidden="true")
    note = element("span", question.note, class_="under") if question.note else Markup("")
    return element("li", mark, element("span", str(question), note))


def _legend(questions: Sequence[Asked]) -> Markup:
    states = {_CLASSES[question.state] for question in questions}
    if {"open", "closed"} <= states:
        states.add(_PARTLY_CLASS)
    shown = [
        element("li", element("span", mark, class_=f"mark {class_}", aria_hidden="true"), f" {words}")
        for class_, mark, words in _LEGEND
        if class_ in states
    ]
    return element("ul", *shown, class_="walls-legend")
