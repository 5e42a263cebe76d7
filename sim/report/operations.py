"""Operations over time: how many a second came to what and how slow the slowest was, faults as bands, RTO drawn.

Read from observations of the operations in :data:`SERIES`, whose ``t_s`` is when the outcome was known; ``fault`` with
``detail`` ``{"name", "phase"}`` (``inject`` or ``heal``); and ``leader`` with ``{"leader"}`` and, if known, ``term``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from sim.history import Observation, Outcome
from sim.report import slowness
from sim.report.summary import number_text
from sim.report.svg import box, clipped, drawing, line, round_step, text, ticks

PUBLISH = "publish"
FAULT = "fault"
LEADER = "leader"
SERIES: Mapping[str, str] = {
    PUBLISH: "Messages",
    "write": "Writes",
    "row": "Rows",
    "entry": "Cache entries",
    "object": "Objects",
    "checkout": "Checkouts",
    "call": "Questions to the services",
}
"""Operation → what a reader calls it."""

_WIDTH = 900.0
_LEFT, _RIGHT, _BOTTOM = 56.0, 884.0, 250.0
_TOP, _TOP_UNDER_MARKS = 30.0, 74.0
_HEIGHT = 288.0
_LEADER_ROWS = (30.0, 44.0)
_SILENCE_ROW = 60.0
_SAID = 170.0
"""How wide the words about a silence are."""
_MOST_BARS = 110
_NAME_WIDTH = 120.0
_MOST_NAMED = 4
"""Faults, or leaders, that can be named in the picture; beyond that they are numbered and named below it."""
_AT_ONCE_S = 1.0
_Scale = Callable[[float], float]
_STACK = (Outcome.OK, Outcome.UNSURE, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Band:
    """A fault from its injection to its healing."""

    name: str
    from_s: float
    to_s: float
    healed: bool
    target: str = ""


@dataclass(frozen=True, slots=True)
class Operations:
    """What one scenario's history holds of operations, faults and leaders, in seconds since its first."""

    origin_s: float
    end_s: float
    done: tuple[tuple[float, Outcome], ...]
    bands: tuple[Band, ...]
    leaders: tuple[tuple[float, str], ...]
    latencies: tuple[tuple[float, float], ...] = ()

    @property
    def counts(self) -> Counter[Outcome]:
        return Counter(outcome for _, outcome in self.done)

    @property
    def restarts(self) -> tuple[float, ...]:
        """When the healing of each fault began: a server started, a rule taken away."""
        return tuple(band.to_s for band in self.bands if band.healed)

    @property
    def longest_silence(self) -> tuple[float, float] | None:
        """Between two confirms, the later after the first fault; None without a fault or with fewer than two."""
        if not self.bands:
            return None
        first_fault_s = min(band.from_s for band in self.bands)
        confirmed = sorted(t_s for t_s, outcome in self.done if outcome is Outcome.OK)
        gaps = [(a, b) for a, b in pairwise(confirmed) if b > first_fault_s]
        return max(gaps, key=lambda gap: gap[1] - gap[0], default=None)


def operations(observations: Sequence[Observation], op: str = PUBLISH) -> Operations | None:
    """None when there was no such operation."""
    tried = [o for o in observations if o.op == op]
    done = [(o.t_s, o.outcome) for o in tried]
    if not done:
        return None
    marks = [o for o in observations if o.op in {FAULT, LEADER}]
    times_s = [t_s for t_s, _ in done] + [o.t_s for o in marks]
    origin_s, end_s = min(times_s), max(times_s)
    leaders: list[tuple[float, str]] = []
    for o in marks:
        leader = str(o.detail.get("leader", ""))
        if o.op != LEADER or not leader:
            continue
        term = f" (term {o.detail['term']})" if o.detail.get("term") else ""
        if not leaders or leaders[-1][1].partition(" ")[0] != leader:
            leaders.append((o.t_s - origin_s, leader + term))
        elif term:
            leaders[-1] = (leaders[-1][0], leader + term)
    return Operations(
        origin_s,
        end_s - origin_s,
        tuple((t_s - origin_s, outcome) for t_s, outcome in done),
        bands([o for o in marks if o.op == FAULT], end_s, origin_s),
        tuple(leaders),
        tuple(
            (o.t_s - origin_s, float(o.detail["latency_s"]))
            for o in tried
            if isinstance(o.detail.get("latency_s"), int | float)
        ),
    )


def summary(seen: Operations) -> str:
    counts = seen.counts
    ok, unsure, failed = (number_text(counts[outcome]) for outcome in _STACK)
    said = f"{ok} confirmed, {unsure} unsure, {failed} failed"
    said += f" in {number_text(round(seen.end_s, 2))} s"
    silence = seen.longest_silence
    said = f"{said}; longest silence {silence[1] - silence[0]:.2f} s" if silence else said
    if len(seen.bands) > _MOST_NAMED:
        named = (
            f"{number} {band.name} of {clipped(band.target, 40)} at {band.from_s:.1f} s"
            for number, band in enumerate(seen.bands, 1)
        )
        said += f". Faults: {', '.join(named)}"
    return f"{said}."


def operations_timeline(seen: Operations) -> Markup:
    """Stacked bars a slice of time, confirmed at the bottom."""
    slices = _slices(seen)
    top = max(sum(stack.values()) / (to_s - from_s) for from_s, to_s, stack in slices)
    rates = ticks(top, 4)
    span_s = slices[-1][1]
    ceiling = _TOP_UNDER_MARKS if seen.bands or seen.leaders else _TOP

    def x(t_s: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * t_s / span_s

    def y(rate: float) -> float:
        return _BOTTOM - (_BOTTOM - ceiling) * rate / rates[-1]

    parts = [
        box(x(b.from_s), ceiling, max(x(b.to_s) - x(b.from_s), 2), _BOTTOM - ceiling, "fault-band") for b in seen.bands
    ]
    for rate in rates:
        parts += [
            line(_LEFT, y(rate), _RIGHT, y(rate), "grid"),
            text(_LEFT - 8, y(rate) + 4, number_text(rate), "tick", "end"),
        ]
    parts.append(text(_LEFT - 44, 14, "operations a second", "label quiet"))
    for from_s, to_s, stack in slices:
        parts += _bar(stack, (from_s, to_s), x, y)
    for at_s in ticks(span_s, 10):
        if at_s <= span_s:
            parts.append(text(x(at_s), _BOTTOM + 18, f"{at_s:g} s", "tick", "middle"))
    parts.append(line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis"))
    parts += _marks(seen, x)
    slowest = _slowest(seen, slices)
    if slowest:
        parts += slowness.strip(slowest, _LEFT, _RIGHT, x)
    height = slowness.HEIGHT if slowest else _HEIGHT
    return drawing(_WIDTH, height, f"Operations over time: {summary(seen)}", *parts)


def _slowest(
    seen: Operations, slices: Sequence[tuple[float, float, dict[Outcome, int]]]
) -> list[tuple[float, float, float]]:
    width_s = slices[0][1] - slices[0][0] or 1.0
    worst: dict[int, float] = {}
    for t_s, latency_s in seen.latencies:
        index = min(int(t_s / width_s), len(slices) - 1)
        worst[index] = max(worst.get(index, 0.0), latency_s)
    return [(slices[i][0], slices[i][1], latency_s) for i, latency_s in sorted(worst.items())]


def _slices(seen: Operations) -> list[tuple[float, float, dict[Outcome, int]]]:
    """Equal slices of time; the last takes the remainder too, so that none is cut short and looks like a drop."""
    width_s = round_step(seen.end_s or 1.0, _MOST_BARS)
    count = max(1, int(seen.end_s / width_s + 1e-9))
    stacks = [dict.fromkeys(_STACK, 0) for _ in range(count)]
    for t_s, outcome in seen.done:
        stacks[min(int(t_s / width_s), count - 1)][outcome] += 1
    ends_s = [*(width_s * i for i in range(1, count)), max(seen.end_s, width_s * count)]
    return [(width_s * i, ends_s[i], stack) for i, stack in enumerate(stacks)]


def _bar(stack: dict[Outcome, int], span_s: tuple[float, float], x: _Scale, y: _Scale) -> list[Markup]:
    drawn, base = [], 0.0
    from_s, to_s = span_s
    for outcome in _STACK:
        if stack[outcome]:
            rate = stack[outcome] / (to_s - from_s)
            title = f"{from_s:g} to {to_s:g} s: {number_text(round(rate, 1))}/s {outcome.value}"
            width = max(x(to_s) - x(from_s) - 1, 0.8)
            height = y(base) - y(base + rate)
            drawn.append(box(x(from_s), y(base + rate), width, height, f"op {outcome.lower()}", title=title))
            base += rate
    return drawn


def _marks(seen: Operations, x: _Scale) -> list[Markup]:
    parts = []
    for row, (at_s, leader) in enumerate(seen.leaders):
        label_y = _LEADER_ROWS[row % 2]
        near_end = x(at_s) > _RIGHT - 170
        parts.append(line(x(at_s), label_y - 8, x(at_s), _BOTTOM, "leader-mark"))
        if len(seen.leaders) > _MOST_NAMED:
            continue
        parts.append(
            text(
                x(at_s) + (-5 if near_end else 5),
                label_y,
                f"leader {clipped(leader, 36)}",
                "tick strong",
                "end" if near_end else None,
            )
        )
    parts += [line(x(at_s), _BOTTOM, x(at_s), _BOTTOM + 7, "restart-mark") for at_s in seen.restarts]
    parts += _names(seen, x)
    if silence := seen.longest_silence:
        left, right, at = x(silence[0]), x(silence[1]), _SILENCE_ROW
        said = f"{silence[1] - silence[0]:.2f} s without a good answer"
        parts += [
            line(left, at, right, at, "silence"),
            line(left, at - 6, left, at + 6, "silence"),
            line(right, at - 6, right, at + 6, "silence"),
            _beside(left, right, at, said),
        ]
    return parts


def _beside(left: float, right: float, at: float, said: str) -> Markup:
    """After what it is about, else before it, else above its middle: never cut off."""
    if right <= _RIGHT - _SAID:
        return text(right + 8, at + 4, said, "tick strong")
    if left >= _LEFT + _SAID:
        return text(left - 8, at + 4, said, "tick strong", "end")
    return text(
        min(max((left + right) / 2, _LEFT + _SAID / 2), _RIGHT - _SAID / 2), at - 7, said, "tick strong halo", "middle"
    )


def _names(seen: Operations, x: _Scale) -> list[Markup]:
    """Beneath where each fault began; several of one name at nearly one time share it."""
    shared: list[tuple[Band, str, int]] = []
    for number, band in enumerate(seen.bands, 1):
        label = band.name if band.healed else f"{band.name} (never healed)"
        if len(seen.bands) > _MOST_NAMED:
            label = str(number)
        elif shared and shared[-1][1] == label and x(band.from_s) - x(shared[-1][0].from_s) < _NAME_WIDTH:
            shared[-1] = (shared[-1][0], label, shared[-1][2] + 1)
            continue
        shared.append((band, label, 1))
    parts = []
    for band, label, times in shared:
        near_end = x(band.from_s) > _RIGHT - 170
        said = f"{clipped(label, 34)} ×{times}" if times > 1 else clipped(label, 34)  # noqa: RUF001 - times
        parts.append(
            text(
                x(band.to_s) if near_end else x(band.from_s) + 4,
                _BOTTOM + 32,
                f"▲ {said}",
                "tick fault-name",
                "end" if near_end else None,
            )
        )
    return parts


def bands(faults: Sequence[Observation], end_s: float, origin_s: float = 0.0) -> tuple[Band, ...]:
    """Each fault in seconds since ``origin_s``; one that was never healed lasts to ``end_s``.

    What one fault did to many servers at once is one band.
    """
    begun: dict[tuple[str, str], float] = {}
    found = []
    for o in faults:
        name, phase = str(o.detail.get("name", "fault")), o.detail.get("phase")
        key = (name, o.target)
        if phase == "inject":
            begun.setdefault(key, o.t_s)
        elif phase == "heal" and key in begun:
            found.append(Band(name, begun.pop(key) - origin_s, o.t_s - origin_s, healed=True, target=o.target))
    found += [
        Band(name, at_s - origin_s, end_s - origin_s, healed=False, target=target)
        for (name, target), at_s in begun.items()
    ]
    return _at_once(sorted(found, key=lambda band: band.from_s))


def _at_once(found: Sequence[Band]) -> tuple[Band, ...]:
    """Faults of one name that begin within a second and overlap, such as a zone's, taken together."""
    together: list[list[Band]] = []
    for band in found:
        first = next(
            (
                group
                for group in together
                if group[0].name == band.name
                and group[0].target != band.target
                and band.from_s - group[0].from_s < _AT_ONCE_S
                and band.from_s < max(one.to_s for one in group)
            ),
            None,
        )
        if first is None:
            together.append([band])
        else:
            first.append(band)
    return tuple(
        group[0]
        if len(group) == 1
        else Band(
            group[0].name,
            group[0].from_s,
            max(band.to_s for band in group),
            healed=all(band.healed for band in group),
            target=f"{len(group)} servers",
        )
        for group in together
    )
