"""Costs that are round, for forecasts that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

from sim.capacity.calibration import Calibration, Latency, Visit


def calibration(cpu_s: Mapping[str, float], *, think_s: float = 4.0, memory_bytes: int = 50 * 2**20) -> Calibration:
    """One kind of visit of four requests; a request takes 20 ms, and costs each deployment what is given."""
    return Calibration(
        measured_at="2026-11-03T09:00:00+00:00",
        host="2 cores",
        cores=2,
        environment="development",
        fidelity={"service": "stand-in", "mysql": "same-software"},
        rate_per_s=10.0,
        latency=Latency(0.02, 0.018, 0.04, 0.06),
        visits={"browse": Visit(1.0, 4, think_s, 100, cpu_s, sum(cpu_s.values()))},
        idle_cores={},
        memory_bytes=dict.fromkeys(cpu_s, memory_bytes),
    )
