"""The locustfile under Locust's own program: its schedule, and its statistics, which are shown nowhere else."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

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


def test_the_web_uis_form_begins_with_what_suits_it() -> None:
    """A host, users enough for twice the usual rate, and the load's own fields: one click starts something sensible."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-f", str(_FILE), "--web-host", "127.0.0.1", "--web-port", str(port), "--loglevel", "ERROR"]
    with subprocess.Popen([sys.executable, "-m", "locust", *words], stdin=subprocess.DEVNULL) as program:
        try:
            page = _page(f"http://127.0.0.1:{port}/", program)
        finally:
            program.terminate()
    begins_with = json.loads(re.search(r"templateArgs = (\{.*\})", page)[1])  # type: ignore[index] # None fails here
    assert begins_with["host"] == "http://127.0.0.1:8100"
    assert begins_with["num_users"] == begins_with["spawn_rate"] == 40
    assert begins_with["extra_options"]["rate"]["default_value"] == 10


def _page(url: str, program: subprocess.Popen[bytes]) -> str:
    deadline_s = time.monotonic() + 60
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline_s and program.poll() is None:
            try:
                return session.get(url, timeout=20).text
            except requests.ConnectionError:
                time.sleep(0.1)
    raise AssertionError("Locust's page did not come up")


def test_what_waits_for_an_answer_of_its_own_is_not_lost_between_two_pieces_of_a_load_that_goes_on() -> None:
    """Its shopper's last request is still under way: it is sent after that, and no connection was lacking."""
    program = """
from collections import deque
from sim.load.journeys import JOURNEYS
from sim.load.people import People
from sim.load.shop_user import Crowd, Errand
crowd = Crowd(People.nobody(), {"browse": 1.0}, "0", 0)
crowd.users = 2
crowd.errands[1] = Errand({}, "198.18.0.1", JOURNEYS["browse"].asks, busy=True, early=deque([(0.0, 1)]))
print(crowd._settle(0.0, goes_on=True), len(crowd.errands[1].early), crowd._settle(0.0, goes_on=False))
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.split() == ["0", "1", "1"]
