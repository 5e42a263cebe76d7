"""Partition: who is cut off from whom, seen by counters, and no rule left."""

from __future__ import annotations

import pytest

from sim.faults.partition import Partition
from sim.faults.shapes import bridge, halves, isolated, majorities_ring
from sim.history import Outcome
from tests.unit.staging import phases, platform_stage

_NODES = tuple(f"rabbitmq-cluster-server-{n}" for n in range(3))
_OK = [("inject", Outcome.OK), ("heal", Outcome.OK)]


def test_both_sides_are_cut_off_and_nobody_else_is() -> None:
    """Between the sides nothing passes either way; within a side, and to others, all does; afterwards everywhere."""
    stage, platform = platform_stage()
    filters = platform.control.filters
    with Partition(_NODES[:1], _NODES[1:]).inject(stage) as effective:
        assert effective
        assert not filters.passes(_NODES[0], _NODES[1])
        assert not filters.passes(_NODES[2], _NODES[0])
        assert filters.connected(_NODES[1], _NODES[2])
        assert filters.connected(_NODES[0], "redis")
    assert filters.connected(_NODES[0], _NODES[1])
    assert phases(stage) == _OK
    assert not any(filters.tables.values())


def test_one_way_leaves_the_other_way_open() -> None:
    """What the first side sends vanishes; what it is sent arrives."""
    stage, platform = platform_stage()
    with Partition(_NODES[:1], _NODES[1:], one_way=True).inject(stage) as effective:
        assert effective
        assert not platform.control.filters.passes(_NODES[0], _NODES[1])
        assert platform.control.filters.passes(_NODES[1], _NODES[0])


def test_two_partitions_at_once_heal_apart() -> None:
    """Each has a table of its own: healing one leaves the other in force."""
    stage, platform = platform_stage()
    with Partition(_NODES[:1], _NODES[1:2]).inject(stage):
        with Partition(_NODES[1:2], _NODES[2:]).inject(stage):
            assert not platform.control.filters.connected(_NODES[1], _NODES[2])
        assert platform.control.filters.connected(_NODES[1], _NODES[2])
        assert not platform.control.filters.connected(_NODES[0], _NODES[1])


def test_it_is_healed_after_an_exception() -> None:
    """No rule outlives the block."""
    stage, platform = platform_stage()
    with pytest.raises(KeyboardInterrupt), Partition(_NODES[:1], _NODES[1:]).inject(stage):
        raise KeyboardInterrupt
    assert not any(platform.control.filters.tables.values())
    assert platform.control.pledges == []


def test_rules_that_stop_nothing_are_on_record_as_failed() -> None:
    """Counters that stay at zero show no partition."""
    stage, platform = platform_stage()
    platform.control.filters.deaf.update(_NODES)
    with Partition(_NODES[:1], _NODES[1:]).inject(stage) as effective:
        assert not effective
    assert phases(stage) == [("inject", Outcome.FAILED), ("heal", Outcome.OK)]


def test_its_undoing_is_on_record_while_it_is_in_force() -> None:
    """Somebody else could heal it: the record's remedies alone bring everything back."""
    stage, platform = platform_stage()
    with Partition(_NODES[:1], _NODES[1:]).inject(stage):
        for remedy in platform.control.pledges[0].remedies:
            remedy.apply(platform.control)
        assert platform.control.filters.connected(_NODES[0], _NODES[1])
    assert platform.control.pledges == []


def test_the_shapes_of_jepsens_partitions() -> None:
    """Halves split once; one is alone; in the ring all hear a majority and no two the same; a bridge hears all."""
    stage, _ = platform_stage()
    side, other = halves(_NODES, stage.rng)
    assert sorted((*side, *other)) == list(_NODES)
    assert {len(side), len(other)} == {1, 2}
    assert isolated(_NODES, _NODES[1]) == ((_NODES[1],), (_NODES[0], _NODES[2]))
    five = tuple("abcde")
    heard = {node: set(five) - set(deaf) for node, deaf in majorities_ring(five, stage.rng).items()}
    assert all(len(views) == 3 and node in views for node, views in heard.items())
    assert len({frozenset(views) for views in heard.values()}) == 5
    left, right = bridge(five, "c")
    assert (set(left), set(right)) == ({"a", "b"}, {"d", "e"})
