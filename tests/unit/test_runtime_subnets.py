"""A free /24 for the pods: what is taken, what the host routes, and what happens when none is left."""

from __future__ import annotations

import ipaddress
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sim.errors import RigError
from sim.runtime import subnets
from sim.runtime.subnets import RANGE, choose_subnet, engine_networks, free_subnets, host_routes

_RNG = random.Random(1)  # noqa: S311 - reproducible, not secret
_TABLE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
br-1\t0007D50A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t0100D50A\t00000000\t0001\t0\t0\t0\tFFFFFFFF\t0\t0\t0
"""


def _engine(*pools: str | None) -> Any:
    networks = [{"IPAM": {"Config": [{"Subnet": pool}] if pool is not None else None}} for pool in pools]
    return SimpleNamespace(api=SimpleNamespace(networks=lambda: networks))


def test_the_kernels_table_is_read(tmp_path: Path) -> None:
    """Hexadecimal in network order, one line a route; the default route claims nothing."""
    table = tmp_path / "route"
    table.write_text(_TABLE)
    assert [str(n) for n in host_routes(table)] == ["172.17.0.0/16", "10.213.7.0/24", "10.213.0.1/32"]


def test_a_machine_without_that_table_has_no_routes_to_avoid(tmp_path: Path) -> None:
    """Not every kernel has one."""
    assert host_routes(tmp_path / "missing") == ()


def test_the_engines_networks_are_read() -> None:
    """Those without a subnet of their own (host, none) and those of IPv6 take nothing of ours."""
    found = engine_networks(_engine("172.17.0.0/16", None, "fd00::/64", "10.213.4.0/22"))
    assert [str(n) for n in found] == ["172.17.0.0/16", "10.213.4.0/22"]


def test_whatever_overlaps_is_taken() -> None:
    """A /22 takes four of ours, a single address one."""
    free = {
        str(n) for n in free_subnets([ipaddress.IPv4Network("10.213.4.0/22"), ipaddress.IPv4Network("10.213.9.1/32")])
    }
    assert len(free) == 256 - 5
    assert not {"10.213.4.0/24", "10.213.7.0/24", "10.213.9.0/24"} & free


def test_the_only_free_one_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what the engine uses nor what the host routes."""
    taken = [str(n) for n in RANGE.subnets(new_prefix=24)]
    taken.remove("10.213.77.0/24")
    taken.remove("10.213.88.0/24")
    monkeypatch.setattr(subnets, "host_routes", lambda: (ipaddress.IPv4Network("10.213.88.0/25"),))
    assert choose_subnet(_engine(*taken), _RNG) == "10.213.77.0/24"


def test_none_free_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine full of networks is no traceback."""
    monkeypatch.setattr(subnets, "host_routes", lambda: ())
    with pytest.raises(RigError, match=r"10\.213\.0\.0/16") as caught:
        choose_subnet(_engine("10.0.0.0/8"), _RNG)
    assert "sim sweep" in caught.value.next_step
