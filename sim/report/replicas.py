"""An autoscaler at work: replicas wanted and replicas ready over time, and below them what it went by."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from sim.history import Observation, only
from sim.report.panel import Panel
from sim.report.summary import number_text
from sim.report.svg import drawing, line, path, text, ticks

SYNC = "sync"
"""One decision: ``{"at_s", "current", "desired", "phase", "percents", "pods": [{"ready", …}]}``."""

_WIDTH, _HEIGHT = 900.0, 344.0
_LEFT, _RIGHT = 56.0, 872.0
_REPLICAS = (40.0, 160.0)
_USE = (206.0, 292.0)
_CPU = "cpu"


def decisions(observations: Sequence[Observation]) -> tuple[Mapping[str, Any], ...]:
    """In the order they were taken."""
    return tuple(o.detail for o in only(observations, SYNC) if "desired" in o.detail and "pods" in o.detail)


def summary(syncs: Sequence[Mapping[str, Any]]) -> str:
    wanted = [int(s["desired"]) for s in syncs]
    span_s = float(syncs[-1]["at_s"]) - float(syncs[0]["at_s"])
    course = f"From {wanted[0]} replicas to {max(wanted)}, {wanted[-1]} at the end"
    return f"{course}; {number_text(round(span_s))} s in all."


def replicas(syncs: Sequence[Mapping[str, Any]]) -> Markup:
    began_s, ended_s = float(syncs[0]["at_s"]), float(syncs[-1]["at_s"])
    seconds = ticks(max(1.0, ended_s - began_s), 8)
    wanted = [int(s["desired"]) for s in syncs]
    ready = [sum(bool(pod["ready"]) for pod in s["pods"]) for s in syncs]
    use = [(s, float(s["percents"][_CPU])) for s in syncs if _CPU in s.get("percents", {})]
    step = -(-max(1, *wanted, *ready) // 3)
    fleet = Panel("replicas", *_REPLICAS, tuple(step * level for level in range(4)))
    burden = Panel.of("CPU, per cent of what the pods request", _USE, max((percent for _, percent in use), default=1.0))

    def x(sync: Mapping[str, Any]) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (float(sync["at_s"]) - began_s) / seconds[-1]

    parts = [*fleet.axes(_LEFT, _RIGHT), *burden.axes(_LEFT, _RIGHT)]
    for second in seconds:
        place = _LEFT + (_RIGHT - _LEFT) * second / seconds[-1]
        parts.append(text(place, _USE[1] + 18, number_text(second), "tick", "middle"))
    parts.append(text(_RIGHT, _USE[1] + 36, "seconds", "tick", "end"))
    for before, after in itertools.pairwise(syncs):
        if before["phase"] != after["phase"]:
            parts += [
                line(x(after), _REPLICAS[0] - 6, x(after), _USE[1], "leader-mark"),
                text(x(after) + 6, _REPLICAS[0] + 2, str(after["phase"]), "tick halo"),
            ]
    parts.append(path(_stairs([(x(s), fleet.y(n)) for s, n in zip(syncs, ready, strict=True)]), "curve sent"))
    parts.append(path(_stairs([(x(s), fleet.y(n)) for s, n in zip(syncs, wanted, strict=True)]), "curve due"))
    if use:
        parts.append(path("M" + "L".join(f"{x(s):.1f} {burden.y(p):.1f}" for s, p in use), "curve due"))
    return drawing(_WIDTH, _HEIGHT, f"Replicas over time. {summary(syncs)}", *parts)


def _stairs(points: Sequence[tuple[float, float]]) -> str:
    """A number holds until the next decision."""
    first_x, first_y = points[0]
    return f"M{first_x:.1f} {first_y:.1f}" + "".join(f"H{px:.1f}V{py:.1f}" for px, py in points[1:])
