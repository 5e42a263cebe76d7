"""Prometheus' text format, as far as numbers by name and label go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Sample(NamedTuple):
    name: str
    labels: Mapping[str, str]
    value: float


def samples(page: str) -> Iterator[Sample]:
    """Every sample of a page; a line that is none is left out."""
    for line in page.splitlines():
        match = _LINE.fullmatch(line) if line and line[0] != "#" else None
        if match is None:
            continue
        try:
            value = float(match[3])
        except ValueError:
            continue
        yield Sample(match[1], dict(_LABEL.findall(match[2] or "")), value)


def total(page: str, name: str, **labels: str) -> float:
    """The sum over all samples of a name with these labels, 0.0 of none."""
    return sum(s.value for s in samples(page) if s.name == name and labels.items() <= s.labels.items())
