"""A value of a manifest together with where it stands, so that whatever is wrong with it can be said where it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from sim.topology.marked_yaml import MarkedDocument, Plain
from sim.topology.problems import Path, Problem, shown, suggest


@dataclass(frozen=True, slots=True)
class Field:
    """``data`` is None for what is not there and for null alike, as in the API. Refusals go to the document."""

    document: MarkedDocument
    path: Path
    data: Plain

    @property
    def given(self) -> bool:
        return self.data is not None

    @property
    def written(self) -> str:
        return self.document.spot(self.path).written if self.given else "nothing"

    def refuse(self, message: str, *, at_key: bool = False) -> None:
        spot = self.document.spot(self.path)
        self.document.problems.append(Problem(spot.key if at_key else spot.value, self.path, message))

    def child(self, key: str) -> Field:
        """The member ``key``, or nothing, also of what is no mapping: ``mapping`` says so where it matters."""
        data = self.data.get(key) if isinstance(self.data, dict) else None
        return Field(self.document, (*self.path, key), data)

    def mapping(self, known: Collection[str] | None = None) -> dict[str, Field]:
        """The members. Anything but a mapping is refused, and so is a key that is not ``known``."""
        if self.data is None:
            return {}
        if not isinstance(self.data, dict):
            self.refuse(f"expected a mapping, found {self.written}")
            return {}
        members = {key: self.child(key) for key in self.data}
        for key in members if known is not None else ():
            if key not in (known or ()):
                members[key].refuse(f"unknown field{suggest(key, known or ())}", at_key=True)
        return members

    def items(self) -> Iterator[Field]:
        """The entries of a list; none of null. Anything else is refused."""
        if self.data is None:
            return
        if not isinstance(self.data, list):
            self.refuse(f"expected a list, found {self.written}")
            return
        for index, data in enumerate(self.data):
            yield Field(self.document, (*self.path, index), data)

    def text(self, fault: Callable[[str], str | None] | None = None) -> str | None:
        """None, and a refusal, for anything but text in which ``fault`` finds none; None alone for nothing."""
        if self.data is None:
            return None
        if not isinstance(self.data, str):
            self.refuse(f"expected text, found {self.written}: put it in quotes")
            return None
        found = fault(self.data) if fault is not None else None
        if found is not None:
            self.refuse(f"{shown(self.data)}: {found}")
            return None
        return self.data

    def integer(self, fault: Callable[[int], str | None] | None = None) -> int | None:
        """As ``text``, for a whole number."""
        if self.data is None:
            return None
        if isinstance(self.data, bool) or not isinstance(self.data, int):
            self.refuse(f"expected a whole number, found {self.written}")
            return None
        found = fault(self.data) if fault is not None else None
        if found is not None:
            self.refuse(f"{self.data}: {found}")
            return None
        return self.data

    def choice(self, options: Collection[str]) -> str | None:
        """As ``text``, for one of ``options``."""
        value = self.text()
        if value is not None and value not in options:
            self.refuse(f"{shown(value)}: expected one of {', '.join(options)}")
            return None
        return value
