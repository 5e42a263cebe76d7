"""How many pods the documented autoscaler settles on under a steady load: its own algorithm, run until it rests."""

from __future__ import annotations

import functools
import math

from sim.autoscaling.controller import Controller
from sim.autoscaling.model import CPU, MEMORY, Pod, Spec, Target, Timing, Usage
from sim.capacity.stations import Deployment
from sim.topology.model import Autoscaler

_SYNCS = 80
_LONG_AGO_S = -3600.0


def spec_of(row: Autoscaler) -> Spec:
    """One row of the document's table (section 12); it gives no ``behavior``."""
    targets = (Target(CPU, row.cpu_percent), Target(MEMORY, row.memory_percent))
    return Spec(row.min_replicas, row.max_replicas, targets)


def settled_pods(deployment: Deployment, busy_cores: float, idle_cores: float, memory_bytes: int) -> int:
    """``busy_cores`` is what requests keep busy in all; ``idle_cores`` and ``memory_bytes`` are one pod's at rest."""
    if deployment.autoscaler is None or not math.isfinite(busy_cores):
        return deployment.most_pods
    return _settled(deployment, math.ceil(1000 * busy_cores), math.ceil(1000 * idle_cores), memory_bytes)


@functools.lru_cache(maxsize=65536)  # the same few loads are asked of a dozen like services
def _settled(deployment: Deployment, busy_milli: int, idle_milli: int, memory_bytes: int) -> int:
    assert deployment.autoscaler is not None  # noqa: S101 - asked only of those that have one
    controller = Controller(spec_of(deployment.autoscaler))
    timing = Timing()
    requests = {
        CPU: round(1000 * deployment.request_cores),
        MEMORY: 1000 * deployment.request_memory_bytes,
    }
    most_milli = math.floor(1000 * deployment.pod_cores) if math.isfinite(deployment.pod_cores) else busy_milli
    pods, before = deployment.pods, 0
    for sync in range(_SYNCS):
        if pods == before:
            break
        before = pods
        now_s = sync * timing.sync_s
        named = [Pod(f"pod-{i}", requests, started_s=_LONG_AGO_S, ready_changed_s=_LONG_AGO_S) for i in range(pods)]
        cpu = Usage(min(most_milli, busy_milli // pods + idle_milli), now_s)
        memory = Usage(1000 * memory_bytes, now_s)
        seen = {CPU: {p.name: cpu for p in named}, MEMORY: {p.name: memory for p in named}}
        pods = controller.sync(now_s, pods, named, seen).desired
    return pods
