"""Words to full-text conditions, and cursors that continue a sorted list where it ended. Pure."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from sim.services.contract.problem import Problem

_WORD = re.compile(r"[^\W_]+")
_SHORTEST_INDEXED: Final = 3
_MAX_WORDS: Final = 8
# InnoDB's own list (INFORMATION_SCHEMA.INNODB_FT_DEFAULT_STOPWORD): never indexed, so never to be asked for.
_STOPWORDS: Final = frozenset({
    "a", "about", "an", "are", "as", "at", "be", "by", "com", "de", "en", "for", "from", "how", "i", "in", "is",
    "it", "la", "of", "on", "or", "that", "the", "this", "to", "was", "what", "when", "where", "who", "will",
    "with", "und", "www",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """What is asked for: ``match`` in MySQL's boolean mode (empty: nothing), and the short words as LIKE patterns."""

    match: str
    likes: tuple[str, ...]


def words(text: str) -> Words | None:
    """Every word must occur, as a word's beginning. None when the text has no word at all: nothing matches it."""
    found = list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))[:_MAX_WORDS]
    if not found:
        return None
    telling = [word for word in found if word not in _STOPWORDS] or found
    long = [word for word in telling if len(word) >= _SHORTEST_INDEXED and word not in _STOPWORDS]
    # Words the index leaves out are looked for in the name.
    short = [word for word in telling if word not in long]
    return Words(" ".join(f"+{word}*" for word in long), tuple(f"%{word}%" for word in short))


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The last item seen: the order it was seen in, its value there, its key."""

    sort: str
    value: str | int
    key: str


def encode(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode(text: str, sort: str) -> Cursor:
    """Raises Problem 422 when it is none of ours or belongs to another order."""
    try:
        padded = text + "=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise Problem(422, "'after' is not a cursor of this list.") from None
    if cursor.sort != sort:
        raise Problem(422, f"'after' belongs to a list sorted by {cursor.sort!r:.20}, not {sort!r}.")
    return cursor


def moment(cursor: Cursor) -> None:
    """Raises Problem 422 unless the cursor's value is a time, as a list sorted by time makes them."""
    try:
        datetime.fromisoformat(str(cursor.value))
    except ValueError:
        raise Problem(422, "'after' is not a cursor of this list.") from None


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of a list: a column and its direction, ties by ``key`` ascending."""

    column: str
    descending: bool
    key: str
    numeric: bool = False

    @property
    def clause(self) -> str:
        return f"{self.column} {'DESC' if self.descending else 'ASC'}, {self.key} ASC"

    def beyond(self, cursor: Cursor) -> tuple[str, tuple[Any, ...]]:
        """The condition of everything after the cursor. Raises Problem 422 when its value is of another kind."""
        if isinstance(cursor.value, int) is not self.numeric or (
            self.numeric and not -(2**31) <= int(cursor.value) < 2**31
        ):
            raise Problem(422, "'after' is not a cursor of this list.")
        sign = "<" if self.descending else ">"
        return (
            f"({self.column} {sign} %s OR ({self.column} = %s AND {self.key} > %s))",
            (cursor.value, cursor.value, cursor.key),
        )
