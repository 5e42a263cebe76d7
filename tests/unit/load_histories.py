"""Histories of open-loop load as a check would read them, good until they are spoiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.checks.load_history import CONTROL, INTERVAL, KIND, MEASURED, SEGMENT, WARM_UP
from sim.histogram import Latencies, merged
from sim.history import Observation, Outcome

SCENARIO = "throughput/gateway"
GATEWAY = "api-gateway"


def observation(t_s: float, op: str, target: str = GATEWAY, **detail: Any) -> Observation:
    return Observation(t_s, SCENARIO, "locust", op, target, Outcome.OK, detail)


def segment(
    name: str,
    *,
    began_s: float = 0.0,
    rate_per_s: int = 40,
    seconds: int = 20,
    latency_s: float = 0.02,
    slow: int = 0,
    slow_s: float = 3.0,
    errors: int = 0,
    kinds: Mapping[str, tuple[str, float]] | None = None,
    **changed: Any,
) -> list[Observation]:
    """``slow`` of the requests took ``slow_s``; ``errors`` of them came to nothing, spread over the seconds.

    ``kinds``: name → (service, latency of its good answers). ``changed`` goes into the segment's detail as it is.
    """
    seen: list[Observation] = []
    parts: list[Latencies] = []
    for second in range(seconds):
        bad = errors // seconds + (second < errors % seconds)
        late = min(slow // seconds + (second < slow % seconds), rate_per_s - bad)
        parts.append(Latencies([slow_s] * late + [latency_s] * (rate_per_s - bad - late)))
        seen.append(
            observation(
                began_s + second + 1,
                INTERVAL,
                segment=name,
                at_s=float(second),
                due=rate_per_s,
                errors=bad,
                answered=rate_per_s - bad,
                hdr=parts[-1].encoded(),
            )
        )
    for kind, (service, taken_s) in (kinds or {}).items():
        hdr = Latencies([taken_s] * rate_per_s).encoded()
        seen.append(
            observation(
                began_s + seconds, KIND, kind, segment=name, service=service, count=rate_per_s, errors=0, hdr=hdr
            )
        )
    detail = {
        "name": name,
        "engine": "locust",
        "workers": 1,
        "rate_per_s": float(rate_per_s),
        "duration_s": float(seconds),
        "due": rate_per_s * seconds,
        "unsent": 0,
        "abandoned": 0,
        "errors": {"product: 503": errors} if errors else {},
        "cpu_share": 0.3,
        "late_p99_s": 0.002,
        "in_flight_max": 9,
        "cut_short": False,
        "hdr": merged(parts).encoded(),
    }
    seen.append(observation(began_s + seconds, SEGMENT, **(detail | changed)))
    return seen


def stall(stall_s: float = 1.0, at_s: float = 30.0, outcome: Outcome = Outcome.OK) -> list[Observation]:
    phases = (("inject", at_s, 0.1), ("heal", at_s + 0.1 + stall_s, 0.0))
    return [
        Observation(
            t_s,
            SCENARIO,
            "fault",
            "fault",
            GATEWAY,
            outcome,
            {"name": "pause", "phase": phase, "effect_after_s": after_s, "evidence": "container paused"},
        )
        for phase, t_s, after_s in phases
    ]


def gateway_run(**measured: Any) -> list[Observation]:
    """Warm-up, measured and control, as ``throughput/gateway`` writes them."""
    return [
        *segment(WARM_UP, seconds=3),
        *segment(MEASURED, began_s=3.0, **measured),
        *segment(CONTROL, began_s=30.0, seconds=4, slow=20, slow_s=1.05),
        *stall(),
    ]


def step(
    name: str,
    *,
    cores: Mapping[str, float] | None = None,
    limits: Mapping[str, tuple[float, float]] | None = None,
    handling: Mapping[str, tuple[float, float]] | None = None,
    under_way: Mapping[str, float] | None = None,
    depth: Mapping[str, int] | None = None,
    host: Mapping[str, float] | None = None,
    requests: int = 100,
) -> list[Observation]:
    """What a sampler writes of one step.

    ``cores`` by server, ``limits``: server → (limit, throttled share), ``handling``: service → (in its handlers, at the
    gateway) in ms, ``depth``: messages in a service's queue.
    """
    used = {"api-gateway": 0.2, "products-service": 0.1, "orders-service": 0.1, "auth-service": 0.1} | dict(cores or {})
    times = {"products-service": (4.0, 9.0), "orders-service": (6.0, 11.0), "auth-service": (5.0, 10.0)}
    seen = [
        observation(
            0.0,
            "cores",
            server,
            step=name,
            kind=_kind(server),
            app=server,
            cores=value,
            limit_cores=(limits or {}).get(server, (0.0, 0.0))[0],
            throttled_share=(limits or {}).get(server, (0.0, 0.0))[1],
            memory_share=0.4,
        )
        for server, value in used.items()
    ]
    for app, (handling_ms, gateway_ms) in (times | dict(handling or {})).items():
        seen.append(
            observation(
                0.0,
                "handling",
                app,
                step=name,
                service=app.removesuffix("-service"),
                pods=1,
                workers=8,
                requests=requests,
                handling_ms=handling_ms,
                gateway_ms=gateway_ms,
                under_way=(under_way or {}).get(app, 1.0),
                connections=1.0,
            )
        )
        seen.append(observation(0.0, "depth", app, step=name, app=app, messages=(depth or {}).get(app, 0)))
    machine = {"cpus": 2.0, "busy_share": 0.5, "disk_share": 0.01, "run_queue": 1.5} | dict(host or {})
    return [*seen, observation(0.0, "host", "host", step=name, **machine)]


def _kind(server: str) -> str:
    if server == "api-gateway":
        return "gateway"
    return "service" if server.endswith("-service") else "mysql" if server.endswith("mysql") else "rabbitmq"


def without(observations: Sequence[Observation], **wanted: Any) -> list[Observation]:
    """All but those whose operation, or named detail, is as given."""
    op = wanted.pop("op", None)
    return [
        o
        for o in observations
        if not ((op is None or o.op == op) and all(o.detail.get(name) == value for name, value in wanted.items()))
    ]
