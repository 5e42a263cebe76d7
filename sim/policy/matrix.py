"""The expected table as text of 80 columns: a matrix of marks, then, port by port, what is open only in part."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sim.policy.objects import Direction
from sim.policy.table import OUTSIDE, Edge, Table

_WIDTH = 80
_NAME_WIDTH = 34
_ALL, _SOME, _NONE, _ITSELF = "✓", "◐", "✗", "·"
_LEGEND = f"{_ALL} every port   {_SOME} some ports (below)   {_NONE} none   {_ITSELF} itself"
_Pairs = dict[tuple[str, str], list[Edge]]


def matrix_text(table: Table) -> str:
    """Rows are sources, columns destinations by number; both by namespace."""
    pairs: _Pairs = defaultdict(list)
    for edge in table.edges:
        pairs[edge.source, edge.destination].append(edge)
    places = [place for members in _by_namespace(table.places).values() for place in members]
    parts = [_summary(table), *_blocks(places, pairs), _LEGEND, *_partly(places, pairs), *_policies(table)]
    return "\n".join(line.rstrip() for part in parts for line in part.splitlines()) + "\n"


def wrapped(text: str) -> str:
    """``text`` as an entry of a list: indented, and its further lines a little more."""
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
    )


def _summary(table: Table) -> str:
    allowed = sum(edge.decision.allowed for edge in table.edges)
    cluster = table.cluster
    counts = [(len(cluster.pods), "pod"), (len(cluster.namespaces), "namespace"), (len(cluster.policies), "policy")]
    words = ", ".join(f"{number} {_plural(word, number)}" for number, word in counts)
    return f"{words}: {allowed} of {len(table.edges)} edges allowed\n\n"


def _plural(word: str, number: int) -> str:
    if number == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _blocks(places: Sequence[str], pairs: _Pairs) -> Iterator[str]:
    """As many columns beside each other as fit, then the next ones below."""
    width = len(str(len(places))) + 1  # of a number and the space before it
    per_block = (_WIDTH - _NAME_WIDTH - 1 - width) // width
    for start in range(0, len(places), per_block):
        columns = places[start : start + per_block]
        head = "".join(f"{start + number:>{width}}" for number in range(1, len(columns) + 1))
        lines = [f"{'from ↓  to →':<{width + 1 + _NAME_WIDTH}}{head}"]
        shown_namespace = ""
        for row, source in enumerate(places, 1):
            namespace, name = _split(source)
            if namespace != shown_namespace:
                lines.append(f" {namespace}")
                shown_namespace = namespace
            marks = "".join(f"{_mark(pairs.get((source, column))):>{width}}" for column in columns)
            lines.append(f"{row:>{width}} {_clipped(name):<{_NAME_WIDTH}}{marks}")
        yield "\n".join(lines) + "\n\n"


def _mark(edges: Iterable[Edge] | None) -> str:
    if edges is None:
        return _ITSELF
    verdicts = {edge.decision.allowed for edge in edges}
    return _SOME if len(verdicts) == 2 else _ALL if verdicts == {True} else _NONE


def _partly(places: Sequence[str], pairs: _Pairs) -> Iterator[str]:
    """Destination by destination: each set of open ports, and the sources that have it."""
    for number, destination in enumerate(places, 1):
        sources: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for source in places:
            edges = pairs.get((source, destination))
            if _mark(edges) == _SOME:
                ports = tuple(str(edge.asked) for edge in edges or () if edge.decision.allowed)
                sources[ports].append(source)
        if sources:
            yield f"\n{_SOME} to {number} {destination}"
        for ports, names in sources.items():
            yield wrapped(f"{', '.join(ports)} from {_listed(names)}")


def _policies(table: Table) -> Iterator[str]:
    """What each policy isolates: the answer to why a whole row or column is closed."""
    if table.cluster.policies:
        yield "\nPolicies"
    for policy in table.cluster.policies:
        pods = [pod.full_name for pod in table.cluster.pods if policy.selects(pod)]
        types = " and ".join(str(direction) for direction in Direction if direction in policy.policy_types)
        added = f" (added: {policy.added})" if policy.added else ""
        yield wrapped(f"{policy.full_name}{added} isolates {types} of {_listed(pods) or 'no pod here'}")


def _listed(places: Iterable[str]) -> str:
    """``shop/a, b; monitoring/c``: each namespace once."""
    groups = _by_namespace(places)
    return "; ".join(
        f"{namespace}/{', '.join(_split(place)[1] for place in members)}" if namespace else _split(members[0])[1]
        for namespace, members in groups.items()
    )


def _by_namespace(places: Iterable[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for place in places:
        groups[_split(place)[0]].append(place)
    return groups


def _split(place: str) -> tuple[str, str]:
    """Namespace and name; a namespace that is imagined may hold a slash itself."""
    if place == OUTSIDE:
        return "", f"outside ({OUTSIDE})"
    bracket = place.find("/[")
    at = bracket if bracket >= 0 else place.rfind("/")
    return place[:at], place[at + 1 :]


def _clipped(name: str) -> str:
    """A name's end tells it from its neighbours as often as its beginning."""
    half = (_NAME_WIDTH - 1) // 2
    return name if len(name) <= _NAME_WIDTH else f"{name[:half]}…{name[-half:]}"
