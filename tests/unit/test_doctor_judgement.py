"""The doctor's judgement of facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sim.runtime.diagnosis import Facts, Level, healthy, judge

GIB = 1 << 30
FIT = Facts(
    address="unix:///var/run/docker.sock",
    found_by="Docker's socket",
    product="Docker 24.0",
    api_version="1.43",
    cpus=4,
    memory_bytes=16 * GIB,
    available_memory_bytes=12 * GIB,
    disk_path="/var/lib/docker",
    disk_free_bytes=50 * GIB,
    free_subnets=200,
    subnet_range="10.213.0.0/16",
    storage_driver="overlay2",
    cgroup_version="2",
    local=True,
    netem=True,
    nftables=True,
)


def test_fit_machine_has_nothing_to_do() -> None:
    """All checks are ok, and none gives advice."""
    checks = judge(FIT)
    assert {check.level for check in checks} == {Level.OK}
    assert not any(check.advice for check in checks)
    assert healthy(checks)


@pytest.mark.parametrize(
    ("change", "name", "level"),
    [
        ({"api_version": "1.40"}, "API version", Level.PROBLEM),
        ({"api_version": "1.9"}, "API version", Level.PROBLEM),
        ({"local": False}, "place", Level.WARNING),
        ({"cpus": 1}, "CPUs", Level.WARNING),
        ({"available_memory_bytes": 4 * GIB}, "memory", Level.WARNING),
        ({"available_memory_bytes": GIB}, "memory", Level.PROBLEM),
        ({"disk_free_bytes": 6 * GIB}, "disk", Level.WARNING),
        ({"disk_free_bytes": GIB}, "disk", Level.PROBLEM),
        ({"disk_free_bytes": None}, "disk", Level.WARNING),
        ({"free_subnets": 2}, "address pools", Level.WARNING),
        ({"free_subnets": 0}, "address pools", Level.PROBLEM),
        ({"storage_driver": "vfs"}, "storage driver", Level.WARNING),
        ({"orphan_stacks": ("old",)}, "leftovers", Level.WARNING),
        ({"foreign_containers": 60, "available_memory_bytes": 4 * GIB}, "other containers", Level.WARNING),
        ({"nftables": False}, "nftables", Level.WARNING),
        ({"nftables": None}, "nftables", Level.WARNING),
    ],
)
def test_what_falls_short_is_named_with_what_to_do(change: dict[str, Any], name: str, level: Level) -> None:
    """One fact changed: its own check alone speaks up, at the right level, with advice."""
    checks = {check.name: check for check in judge(replace(FIT, **change))}
    assert checks[name].level is level
    assert checks[name].advice
    assert healthy(tuple(checks.values())) is (level is not Level.PROBLEM)


def test_many_foreign_containers_are_no_matter_while_memory_lasts() -> None:
    """Other people's containers are counted, not complained of."""
    checks = {check.name: check for check in judge(replace(FIT, foreign_containers=60))}
    assert checks["other containers"].level is Level.OK
    assert "60" in checks["other containers"].found
