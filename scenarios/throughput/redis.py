"""Redis at a fixed rate, one command a round trip and many, apart: what is fast in a pipeline need not be without."""

from __future__ import annotations

from functools import partial

from scenarios.throughput.direct import CONTROL_S, MEASURED_S, STALL_S, WARM_UP_S, Kept, load_server
from sim.checks.direct_load import PIPELINED, judge_redis
from sim.checks.load_history import CONTROL, MEASURED, WARM_UP
from sim.load.open_loop import Segment
from sim.scenario import Scenario, Stage
from sim.servers.protocol import CacheServer, CacheSession

RATE_PER_S = 100.0
PIPELINE = 16
CONNECTIONS = 4


def rehearse(stage: Stage) -> None:
    cache = stage.servers.cache()
    prefix = f"sim-load:{stage.rng.getrandbits(48):012x}"
    kept = [Kept(cache.session) for _ in range(CONNECTIONS)]
    try:
        single = [partial(_one, connection, f"{prefix}:{n}", 1) for n, connection in enumerate(kept)]
        many = [partial(_one, connection, f"{prefix}:{n}", PIPELINE) for n, connection in enumerate(kept)]
        load_server(
            stage,
            cache.name,
            single,
            (Segment(WARM_UP, RATE_PER_S, WARM_UP_S), Segment(MEASURED, RATE_PER_S, MEASURED_S)),
        )
        load_server(
            stage,
            cache.name,
            many,
            (Segment(PIPELINED, RATE_PER_S, MEASURED_S), Segment(CONTROL, RATE_PER_S, CONTROL_S)),
        )
    finally:
        for connection in kept:
            connection.close()
        _clear(cache, prefix)


def _one(connection: Kept[CacheSession], prefix: str, commands: int, number: int) -> str:
    values = {f"{prefix}:{key}": f"{number}.{key}" for key in range(commands)}
    connection.use(lambda session: session.pipeline(values))
    return f"pipeline of {commands}"


def _clear(cache: CacheServer, prefix: str) -> None:
    cache.delete(*(f"{prefix}:{n}:{key}" for n in range(CONNECTIONS) for key in range(PIPELINE)))


REDIS = Scenario(
    name="throughput/redis",
    claim="The cache carries a steady rate of round trips, of one command or many, 99 % within a second of when due.",
    section="8",
    needs=("redis",),
    rehearse=rehearse,
    judge=judge_redis,
    essential=False,
    source="redis-benchmark -P; document, section 9 (alert above 1 s)",
    parameters={
        "rate_per_s": RATE_PER_S,
        "pipeline": float(PIPELINE),
        "connections": float(CONNECTIONS),
        "measured_s": MEASURED_S,
        "control_s": CONTROL_S,
        "stall_s": STALL_S,
    },
)
