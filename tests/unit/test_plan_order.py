"""Start order: dependencies, cost, and what cannot be ordered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import BadInput
from sim.plan.order import start_order, with_dependencies
from tests.unit.plan_sample import server


def test_dependencies_come_first_however_cheap_they_are() -> None:
    """A dear server does not overtake what it must start after."""
    ordered = start_order([server("dear", "cheap", cost_s=9.0), server("cheap", cost_s=0.1)])
    assert [s.name for s in ordered] == ["cheap", "dear"]


def test_the_dearest_goes_first_among_those_free_to_go() -> None:
    """Slow starters get a head start; equals go by name, so that two plans of one document are the same."""
    ordered = start_order([server("b", cost_s=1.0), server("dear", cost_s=4.0), server("a", cost_s=1.0)])
    assert [s.name for s in ordered] == ["dear", "a", "b"]


def test_a_cycle_is_named() -> None:
    """Servers that wait for each other are the document's fault, and the message shows the way round."""
    with pytest.raises(BadInput, match=r"wait for each other: (a -> b -> a|b -> a -> b)"):
        start_order([server("a", "b"), server("b", "a"), server("c")])


def test_a_server_that_waits_for_itself_is_a_cycle() -> None:
    """The shortest cycle is one."""
    with pytest.raises(BadInput, match="wait for each other: a -> a"):
        start_order([server("a", "a")])


def test_an_unknown_dependency_is_named_with_who_needs_it() -> None:
    """A dependency outside the stack would be waited for until the deadline."""
    with pytest.raises(BadInput, match="orders must start after ghost"):
        start_order([server("orders", "ghost")])


def test_two_servers_of_one_name_are_refused() -> None:
    """One of them would silently not be started."""
    with pytest.raises(BadInput, match="two servers are called twin"):
        start_order([server("twin"), server("twin")])


def test_dependencies_are_followed_however_far() -> None:
    """What is wanted, what that needs, what that needs; nothing else."""
    after = {"a": ("b",), "b": ("c",), "c": (), "d": ("a",)}
    assert with_dependencies(["a"], after) == {"a", "b", "c"}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25), st.lists(st.floats(0, 9), min_size=10))
def test_any_acyclic_graph_is_ordered_whole(edges: list[tuple[int, int]], costs: list[float]) -> None:
    """Each server once, and each after all it waits for."""
    after = {n: tuple({f"s{low}" for low, high in edges if high == n and low < n}) for n in range(10)}
    ordered = [s.name for s in start_order([server(f"s{n}", *after[n], cost_s=costs[n]) for n in range(10)])]
    assert sorted(ordered) == sorted(f"s{n}" for n in range(10))
    assert all(ordered.index(needed) < ordered.index(f"s{n}") for n in range(10) for needed in after[n])
