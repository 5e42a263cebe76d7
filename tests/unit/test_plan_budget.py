"""The budget: what a plan takes, whether a host can give it, and the table that says so."""

from __future__ import annotations

from dataclasses import replace

from sim.plan.budget import budget, does_not_fit, expected_memory_bytes
from sim.plan.model import Limits
from tests.unit.plan_sample import plan, server

_MIB = 2**20


def test_memory_counts_what_is_seen_not_what_is_requested() -> None:
    """A request is a scheduler's promise: 16 MiB of Redis are budgeted whatever was asked for."""
    promised = server("r", requests=Limits(memory_bytes=999 * _MIB))
    assert expected_memory_bytes(promised) == 16 * _MIB


def test_no_server_takes_more_than_its_limit() -> None:
    """The kernel sees to that."""
    assert expected_memory_bytes(server("r", limits=Limits(memory_bytes=5 * _MIB))) == 5 * _MIB


def test_rows_add_up_to_the_whole() -> None:
    """Every server is counted once, under its kind."""
    whole = plan()
    found = budget(whole, 64 * 2**30, 2)
    assert sum(row.count for row in found.rows) == len(whole.servers)
    assert found.memory_bytes == sum(expected_memory_bytes(s) for s in whole.servers)
    assert {row.kind for row in found.rows} == {s.kind for s in whole.servers}


def test_the_whole_platform_is_budgeted_below_six_gibibytes() -> None:
    """What all documented servers may take together on one machine."""
    assert budget(plan(), 0, 2).memory_bytes < 6 * 2**30


def test_it_fits_exactly_at_the_edge_and_not_a_byte_below() -> None:
    """The reserve stays free for the engine and the rig."""
    one = replace(plan(), servers=(server("r"),))
    edge_bytes = (16 + 512) * _MIB
    assert budget(one, edge_bytes, 2).fits
    assert not budget(one, edge_bytes - 1, 2).fits


def test_what_does_not_fit_is_told_in_numbers() -> None:
    """How much is needed, how much there is, and the difference; the table names every kind."""
    found = budget(replace(plan(), servers=(server("r"),)), 100 * _MIB, 2)
    assert does_not_fit(found) == (
        "The stack needs about 16 MiB and 512Mi must stay free, but this host can give 100 MiB: 428 MiB short."
    )
    assert [line.split()[0] for line in found.table().splitlines()] == ["servers", "redis", "together", "this"]


def test_several_stacks_take_as_much_each_and_one_reserve() -> None:
    """Two that fit one after the other may not fit together."""
    one = replace(plan(), servers=(server("r"),))
    edge_bytes = (2 * 16 + 512) * _MIB
    assert budget(one, edge_bytes, 2, stacks=2).fits
    short = budget(one, edge_bytes - _MIB, 2, stacks=2)
    assert not short.fits
    assert [row.count for row in short.rows] == [2]
    assert does_not_fit(short).startswith("2 stacks need about 32 MiB")
