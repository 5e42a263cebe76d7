"""The catalogue's cache: under no order of events does a copy outlive the commit that contradicts it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sim.services.chassis.service import CacheGone
from sim.services.products import freshness


@dataclass
class Memory:
    """Redis as far as the contract goes; ``pass_s`` lets keys expire."""

    now_s: float = 0.0
    gone: bool = False
    keys: dict[str, tuple[bytes, float]] = field(default_factory=dict)

    def get(self, key: str) -> bytes | None:
        if self.gone:
            raise CacheGone
        value, until_s = self.keys.get(key, (b"", -1.0))
        return value if until_s > self.now_s else None

    def set(self, key: str, value: bytes | str, expires_s: int) -> None:
        if self.gone:
            raise CacheGone
        self.keys[key] = (value.encode() if isinstance(value, str) else value, self.now_s + expires_s)

    def add(self, key: str, value: bytes | str, expires_s: int) -> bool:
        if self.get(key) is not None:
            return False
        self.set(key, value, expires_s)
        return True

    def delete(self, *keys: str) -> None:
        raise NotImplementedError("a change marks, it does not delete")

    def delete_matching(self, pattern: str) -> int:
        raise NotImplementedError(pattern)


@dataclass
class Shelf:
    """The database: what is committed, and how often it was read."""

    committed: bytes = b"old"
    reads: int = 0

    def load(self) -> bytes:
        self.reads += 1
        return self.committed


@pytest.fixture(params=["product", "listing"])
def view(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def look(view: str, cache: Memory, shelf: Shelf) -> bytes:
    if view == "product":
        return freshness.product(cache, "A-1", shelf.load)
    return freshness.listing(cache, b"everything", shelf.load)


def change(cache: Memory, shelf: Shelf, new: bytes = b"new") -> None:
    """As a handler does: the mark, then the commit."""
    freshness.outdate(cache, ("A-1",), lists=True)
    shelf.committed = new


def test_what_did_not_change_is_read_once(view: str) -> None:
    """The second look is answered by Redis."""
    cache, shelf = Memory(), Shelf()
    assert [look(view, cache, shelf) for _ in range(3)] == [b"old"] * 3
    assert shelf.reads == 1


def test_after_a_change_nobody_sees_what_was(view: str) -> None:
    """At once, while the mark stands, and when it has gone."""
    cache, shelf = Memory(), Shelf()
    look(view, cache, shelf)
    change(cache, shelf)
    for later_s in (0.0, 1.0, 9.0, 11.0, 12.0, 70.0):
        cache.now_s = later_s
        assert look(view, cache, shelf) == b"new"


def test_who_read_before_the_commit_cannot_leave_a_copy_behind_it(view: str) -> None:
    """The reader's database read is overtaken by mark and commit; its copy finds the mark, or a dead generation."""
    cache, shelf = Memory(), Shelf()

    def overtaken() -> bytes:
        seen = shelf.load()
        change(cache, shelf)
        return seen

    seen = (
        freshness.product(cache, "A-1", overtaken)
        if view == "product"
        else freshness.listing(cache, b"everything", overtaken)
    )
    assert seen == b"old"
    assert look(view, cache, shelf) == b"new"
    cache.now_s = 11.0
    assert look(view, cache, shelf) == b"new"


def test_between_mark_and_commit_nothing_is_kept(view: str) -> None:
    """A reader between the two sees what was, rightly, and leaves no copy of it."""
    cache, shelf = Memory(), Shelf()
    look(view, cache, shelf)
    freshness.outdate(cache, ("A-1",), lists=True)
    assert look(view, cache, shelf) == b"old"
    shelf.committed = b"new"
    assert look(view, cache, shelf) == b"new"


def test_a_change_that_lists_do_not_show_leaves_them_alone() -> None:
    """Three of ten sold: the product says seven, the list still says in stock, from its copy."""
    cache, shelf = Memory(), Shelf()
    look("listing", cache, shelf)
    freshness.outdate(cache, ("A-1",), lists=False)
    look("listing", cache, shelf)
    assert shelf.reads == 1


def test_without_redis_the_database_answers(view: str) -> None:
    """Every look is a read, and changing is not refused."""
    cache, shelf = Memory(gone=True), Shelf()
    assert look(view, cache, shelf) == b"old"
    change(cache, shelf)
    assert look(view, cache, shelf) == b"new"
    assert shelf.reads == 2


def test_a_copy_whose_change_could_not_be_announced_ends_by_itself(view: str) -> None:
    """Redis is away for the writer alone: the copy is stale, for a minute at most."""
    cache, shelf = Memory(), Shelf()
    look(view, cache, shelf)
    shelf.committed = b"new"
    cache.now_s = freshness.COPY_LIFE_S + 1
    assert look(view, cache, shelf) == b"new"


def test_another_question_is_another_copy() -> None:
    """Lists are told apart by all of their question."""
    cache, shelf = Memory(), Shelf()
    freshness.listing(cache, b"page 1", shelf.load)
    freshness.listing(cache, b"page 2", shelf.load)
    assert shelf.reads == 2
