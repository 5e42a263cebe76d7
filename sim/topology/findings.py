"""A disagreement between parts of a topology, by path; where that stands in a file is the reader's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.topology.problems import Path, shown, spell_path, suggest


@dataclass(frozen=True, slots=True)
class Finding:
    """``at_key`` when the name of the entry is at fault rather than its value."""

    path: Path
    message: str
    at_key: bool = False


def unknown(path: Path, noun: str, name: str, known: Iterable[str]) -> Finding:
    """A name that points at nothing."""
    return Finding(path, f"expected the name of a {noun}, found {shown(name)}{suggest(name, known)}")


def duplicates(noun: str, claims: Iterable[tuple[str | int, Path]]) -> Iterator[Finding]:
    """One finding for each claim on a value that an earlier path already has."""
    first: dict[str | int, Path] = {}
    for value, path in claims:
        if value in first:
            found = shown(str(value), quoted=isinstance(value, str))
            yield Finding(path, f"{noun} {found} is already taken by {spell_path(first[value])}")
        first.setdefault(value, path)
