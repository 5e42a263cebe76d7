"""The locustfile under Locust's own program: its schedule, and its statistics, which are shown nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import sim.load
from tests.unit.tiny_gateway import tiny_gateway

_FILE = Path(sim.load.__file__).with_name("locustfile.py")


def test_locusts_own_statistics_show_each_request_by_its_name() -> None:
    """Visits that only look, for the seconds that are left of five once the shop has been looked through."""
    with tiny_gateway() as tiny:
        words = ["-f", str(_FILE), "--headless", "--host", tiny.url, "--json", "--loglevel", "ERROR"]
        shape = ["-u", "10", "-r", "10", "-t", "5s", "--rate", "30", "--mix", "browse,search"]
        told = subprocess.run(
            [sys.executable, "-m", "locust", *words, *shape], capture_output=True, text=True, timeout=60, check=False
        )
    assert told.returncode == 0, told.stderr
    stats = {entry["name"]: entry for entry in json.loads(told.stdout)}
    assert "site" in stats or "search" in stats
    assert not any(entry["num_failures"] for entry in stats.values())
    shown = sum(entry["num_requests"] for entry in stats.values())
    assert 0 < shown <= len(tiny.seen)
