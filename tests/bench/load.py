"""The load generator against Locust's own bare rate, and its percentiles against other open-loop tools'."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim.clock import SystemClock
from sim.load.dying import take_precedence
from sim.load.open_loop import Segment
from sim.load.people import Goods, People
from sim.load.samples import LoadReport
from sim.load.shop_engine import Crowdedness, locust_shop
from tests.bench.fast_http import answering
from tests.bench.http_load import Target, http_latencies
from tests.bench.measuring import Figure, keep

_GENERATOR_CORE, _SERVER_CORE = 0, -1
_ROUND_S = 6.0
_USERS = 64
_CONNECTIONS = 256
_OVERLOAD = 1.3
_MORE_THAN_ANY_PER_S = 30_000.0
_HALF = 0.5
_PEOPLE = People(Goods(tuple(f"SKU-{n}" for n in range(50)), ("lamps", "chairs"), ("lamp", "oak")), ())
_LOOK = {"browse": 65.0, "search": 35.0}


@dataclass(frozen=True, slots=True)
class _Side:
    """Requests a second as fast as it goes, and CPU seconds for each."""

    rate_per_s: float
    cpu_s: float


def measure(rounds: int, reports: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    with _pinned(cores[_GENERATOR_CORE]):
        take_precedence()  # as our generator does, and so every side, which inherits it
        with answering(cores[_SERVER_CORE]) as port:
            rates = [_rates(f"http://127.0.0.1:{port}", first_ours=bool(n % 2)) for n in range(rounds)]
        half = _HALF * statistics.median(sides["ours"].rate_per_s for sides in rates)
        with answering(cores[_SERVER_CORE], delayed=True) as port:
            tails = [_tails(port, half) for _ in range(rounds)]
    figures = [
        Figure(
            "rate ÷ bare FastHttpUser, same core",
            "≥",
            0.9,
            [sides["ours"].rate_per_s / sides["bare"].rate_per_s for sides in rates],
        ),
        # A neighbour on the same core takes from rates; what a request costs it leaves alone.
        Figure(
            "requests for a CPU second ÷ bare FastHttpUser",
            "≥",
            0.9,
            [sides["bare"].cpu_s / sides["ours"].cpu_s for sides in rates],
        ),
        Figure("CPU a request, µs", "≤", 1000, [1e6 * sides["ours"].cpu_s for sides in rates]),
        Figure("requests a second, one core", "≥", 0, [sides["ours"].rate_per_s for sides in rates]),
    ]
    for tool in ("asyncio", "vegeta"):
        if all(tool in tail for tail in tails):
            apart = [100 * abs(tail["ours"] / tail[tool] - 1) for tail in tails]
            figures.append(Figure(f"p99 apart from {tool}'s at half load, %", "≤", 10, apart))
    raw = {
        "rates": [{name: asdict(side) for name, side in sides.items()} for sides in rates],
        "half_load_per_s": half,
        "p99_s": tails,
    }
    keep("Load", figures, raw, reports)


@contextmanager
def _pinned(core: int) -> Iterator[None]:
    """This process and those it starts on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _rates(url: str, *, first_ours: bool) -> Mapping[str, _Side]:
    found: dict[str, _Side] = {}
    for side in ("ours", "bare") if first_ours else ("bare", "ours"):
        found[side] = _bare(url) if side == "bare" else _ours(url, found.get("bare"))
    print({name: f"{side.rate_per_s:.0f}/s, {1e6 * side.cpu_s:.0f} µs" for name, side in found.items()}, flush=True)
    return found


def _bare(url: str) -> _Side:
    words = [sys.executable, "-m", "tests.bench.bare_locust", url, str(_USERS), str(_ROUND_S)]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    return _Side(float(told[0]), float(told[1]))


def _ours(url: str, bare: _Side | None) -> _Side:
    """Offered more than it can send: what it then has answered in the time is its rate."""
    report = _play(url, _OVERLOAD * bare.rate_per_s if bare else _MORE_THAN_ANY_PER_S, _USERS)
    answered = sum(interval.answered for interval in report.intervals)
    return _Side(answered / report.duration_s, report.cpu_share * report.duration_s / answered)


def _play(url: str, rate_per_s: float, users: int) -> LoadReport:
    crowd = Crowdedness(_LOOK, _PEOPLE, "1", rate_per_s, users=users)
    with locust_shop(url, crowd, SystemClock()) as shop:
        shop.play(Segment("warm-up", rate_per_s / 4, 1.0))
        return shop.play(Segment("measured", rate_per_s, _ROUND_S))


def _tails(port: int, rate_per_s: float) -> dict[str, float]:
    """99th percentiles in seconds at one rate, of one server, by each tool in turn."""
    url = f"http://127.0.0.1:{port}"
    found = {"ours": _play(url, rate_per_s, _CONNECTIONS).latencies.quantile_s(0.99)}
    samples = http_latencies(Target("127.0.0.1", port, "/api/products"), rate_per_s, _ROUND_S, _CONNECTIONS)
    found["asyncio"] = _p99(sorted(sample.latency_s for sample in samples))
    if shutil.which("vegeta"):
        found["vegeta"] = _vegeta(url, rate_per_s)
    print({name: f"{1000 * value:.1f} ms" for name, value in found.items()}, flush=True)
    return found


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]


def _vegeta(url: str, rate_per_s: float) -> float:
    """``vegeta attack``: open loop, with as many workers as it takes."""
    attack = subprocess.run(
        ["vegeta", "attack", f"-rate={round(rate_per_s)}", f"-duration={_ROUND_S:g}s", f"-workers={_CONNECTIONS}"],
        check=True,
        capture_output=True,
        input=f"GET {url}/api/products\n".encode(),
    )
    told = subprocess.run(["vegeta", "report", "-type=json"], check=True, capture_output=True, input=attack.stdout)
    report: dict[str, Any] = json.loads(told.stdout)
    return float(report["latencies"]["99th"]) / 1e9
