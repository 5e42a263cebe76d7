"""A container's counters from control groups of both versions, as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.runtime.cgroups import read_usage
from sim.scenario import Usage

_ID = "ab" * 32


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_version_1_is_read_from_its_three_hierarchies(tmp_path: Path) -> None:
    """Nanoseconds of CPU, periods with and without work withheld, bytes."""
    _write(
        tmp_path,
        {
            f"cpuacct/docker/{_ID}/cpuacct.usage": "2500000000\n",
            f"cpu/docker/{_ID}/cpu.stat": "nr_periods 40\nnr_throttled 7\nthrottled_time 123456\n",
            f"memory/docker/{_ID}/memory.usage_in_bytes": "1048576\n",
        },
    )
    assert read_usage(_ID, tmp_path) == Usage(7, 1048576, 40, 2.5)


@pytest.mark.parametrize("place", [f"docker/{_ID}", f"system.slice/docker-{_ID}.scope"])
def test_version_2_is_read_from_its_one_group(tmp_path: Path, place: str) -> None:
    """Microseconds there; with cgroupfs and with systemd alike."""
    _write(
        tmp_path,
        {
            f"{place}/cpu.stat": "usage_usec 2500000\nuser_usec 1\nnr_periods 40\nnr_throttled 7\n",
            f"{place}/memory.current": "1048576\n",
        },
    )
    assert read_usage(_ID, tmp_path) == Usage(7, 1048576, 40, 2.5)


def test_what_is_not_there_or_makes_no_sense_is_nothing(tmp_path: Path) -> None:
    """Then the engine is asked."""
    assert read_usage(_ID, tmp_path) is None
    _write(tmp_path, {f"docker/{_ID}/cpu.stat": "usage_usec many\n", f"docker/{_ID}/memory.current": "1\n"})
    assert read_usage(_ID, tmp_path) is None
