"""The object store under a mix of operations at a fixed rate, in the shape of warp's ``mixed``."""

from __future__ import annotations

import random
from functools import partial

from scenarios.throughput.direct import CONTROL_S, MEASURED_S, STALL_S, load_server, usual_segments
from sim.checks.direct_load import judge_object_store
from sim.errors import Refused
from sim.scenario import Scenario, Stage
from sim.servers.protocol import ObjectAnswer, ObjectStore

RATE_PER_S = 40.0
CONNECTIONS = 6
BODY_BYTES = 64 * 1024
SHARES = {"GET": 60, "PUT": 30, "DELETE": 10}
_POOL = 12


def rehearse(stage: Stage) -> None:
    store = stage.servers.object_store()
    bucket = stage.topology.object_store.buckets[0].name
    prefix = f"sim-load-{stage.rng.getrandbits(48):012x}"
    body = random.Random(stage.rng.getrandbits(32)).randbytes(BODY_BYTES)  # noqa: S311 - reproducible, not secret
    pools = [[f"{prefix}/{number}/{key:03d}" for key in range(_POOL)] for number in range(CONNECTIONS)]
    try:
        for pool in pools:
            for key in pool:
                _good("PUT", store.put(bucket, key, body))
        workers = [partial(_one, store, bucket, pool, body) for pool in pools]
        load_server(stage, store.name, workers, usual_segments(RATE_PER_S))
    finally:
        for pool in pools:
            for key in pool:
                store.delete(bucket, key, every_version=True)


def _one(store: ObjectStore, bucket: str, pool: list[str], body: bytes, number: int) -> str:
    """Each connection has objects of its own, so that none asks for what another has just deleted."""
    rng = random.Random(number)  # noqa: S311 - reproducible, not secret
    kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
    key = pool[rng.randrange(len(pool))]
    if kind == "DELETE":
        _good(kind, store.delete(bucket, key))
        _good("PUT", store.put(bucket, key, body))  # put back: what is asked for must be there
    elif kind == "PUT":
        _good(kind, store.put(bucket, key, body))
    else:
        answer = store.get(bucket, key)
        _good(kind, answer)
        if answer.body != body:
            raise Refused(f"GET gave back {len(answer.body)} other bytes.", "OTHER")
    return kind


def _good(kind: str, answer: ObjectAnswer) -> None:
    if not answer.accepted:
        raise Refused(f"{kind} was answered {answer.status} {answer.code}.", str(answer.status))


OBJECT_STORE = Scenario(
    name="throughput/object-store",
    claim="The object store carries a steady mix of reads, writes and deletions, 99 % within a second of when due.",
    section="7",
    needs=("object-store",),
    rehearse=rehearse,
    judge=judge_object_store,
    essential=False,
    source="minio/warp, mixed; document, section 9 (alert above 1 s)",
    parameters={
        "rate_per_s": RATE_PER_S,
        "connections": float(CONNECTIONS),
        "body_bytes": float(BODY_BYTES),
        "measured_s": MEASURED_S,
        "control_s": CONTROL_S,
        "stall_s": STALL_S,
    },
)
