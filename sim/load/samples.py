"""From single requests to what is kept of them: counts and histograms, by kind of request and by second. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim.histogram import Latencies
from sim.load.journeys import Ask

SILENT = 0
"""The status of a request that was never answered."""
ABANDONED = -1
"""Of one never sent because its shopper had been turned away before."""
INTERVAL_S = 1.0
_RATE_LIMITED = 429


class Sample(NamedTuple):
    """One request. Times are on the generator's monotonic clock; latency counts from ``due_s``.

    ``late_s`` is the generator's own part of it: how long the request could have been sent and was not.
    """

    ask: Ask
    due_s: float
    late_s: float
    done_s: float
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """All requests of one name. ``latencies`` are those of good answers."""

    name: str
    service: str
    count: int
    errors: int
    latencies: Latencies


@dataclass(frozen=True, slots=True)
class Interval:
    """What was due in one second, ``at_s`` after its segment began; ``answered`` were well answered within it."""

    at_s: float
    due: int
    errors: int
    answered: int
    latencies: Latencies


@dataclass(frozen=True, slots=True)
class LoadReport:
    """One segment as it was driven.

    ``due`` requests were planned, ``unsent`` of them never left the generator, ``abandoned`` were those of shoppers who
    had been turned away; ``errors`` counts by reason. ``latencies`` are the gateway's good answers, from when each was
    due; ``late`` what of it was the generator's own. ``cpu_share`` is that of the busiest of
    ``workers``: 1.0 is a core.
    """

    name: str
    rate_per_s: float
    duration_s: float
    began_s: float
    due: int
    unsent: int
    abandoned: int
    errors: Mapping[str, int]
    cpu_share: float
    in_flight_max: int
    workers: int
    cut_short: bool
    latencies: Latencies
    late: Latencies
    kinds: tuple[Kind, ...] = ()
    intervals: tuple[Interval, ...] = ()

    @property
    def good(self) -> int:
        return self.latencies.count

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())


@dataclass(slots=True)
class _Heap:
    count: int = 0
    errors: int = 0
    answered: int = 0
    latencies: Latencies = field(default_factory=Latencies)


def told(samples: Sequence[Sample], begins_s: float, duration_s: float) -> dict[str, Any]:
    """The samples of one segment as plain values. Uploads to the object store count as a kind, not as the gateway's."""
    whole, late = Latencies(), Latencies()
    kinds: dict[str, _Heap] = {}
    seconds: dict[int, _Heap] = {}
    services: dict[str, str] = {}
    errors: Counter[str] = Counter()
    abandoned = 0
    for sample in samples:
        ask = sample.ask
        if sample.status == ABANDONED:
            abandoned += 1
            continue
        good, latency_s = sample.status in ask.good, sample.done_s - sample.due_s
        late.add(sample.late_s)
        services[ask.name] = ask.service
        heaps = [kinds.setdefault(ask.name, _Heap())]
        if not ask.uploads:
            heaps.append(seconds.setdefault(int((sample.due_s - begins_s) / INTERVAL_S), _Heap()))
        for heap in heaps:
            heap.count += 1
            heap.errors += not good
            if good:
                heap.latencies.add(latency_s)
        if good and not ask.uploads:
            whole.add(latency_s)
            seconds.setdefault(int((sample.done_s - begins_s) / INTERVAL_S), _Heap()).answered += 1
        if not good:
            errors[_reason(sample)] += 1
    return {
        "abandoned": abandoned,
        "errors": dict(errors),
        "latencies": whole.encoded(),
        "late": late.encoded(),
        "kinds": [
            [name, services[name], heap.count, heap.errors, heap.latencies.encoded()] for name, heap in kinds.items()
        ],
        "intervals": [
            [second * INTERVAL_S, heap.count, heap.errors, heap.answered, heap.latencies.encoded()]
            for second, heap in sorted(seconds.items())
            if second * INTERVAL_S < duration_s
        ],
    }


def _reason(sample: Sample) -> str:
    if sample.status == SILENT:
        return f"{sample.ask.name}: {sample.reason or 'no answer'}"
    if sample.status == _RATE_LIMITED:
        return f"{sample.ask.name}: refused by the rate limit (429)"
    return f"{sample.ask.name}: {sample.status}"


def reported(parts: Sequence[Mapping[str, Any]], began_s: float) -> LoadReport:
    """One report of all workers' parts. Raises ValueError or KeyError for a part that is none."""
    first = parts[0]
    kinds: dict[tuple[str, str], _Heap] = {}
    seconds: dict[float, _Heap] = {}
    errors: Counter[str] = Counter()
    whole, late = Latencies(), Latencies()
    for part in parts:
        whole.merge(Latencies.decoded(part["latencies"]))
        late.merge(Latencies.decoded(part["late"]))
        errors.update(part["errors"])
        for name, service, count, bad, encoded in part["kinds"]:
            _pour(kinds.setdefault((name, service), _Heap()), count, bad, encoded)
        for at_s, count, bad, answered, encoded in part["intervals"]:
            heap = seconds.setdefault(float(at_s), _Heap())
            heap.answered += answered
            _pour(heap, count, bad, encoded)
    return LoadReport(
        name=str(first["name"]),
        rate_per_s=sum(float(part["rate_per_s"]) for part in parts),
        duration_s=max(float(part["duration_s"]) for part in parts),
        began_s=began_s,
        due=sum(int(part["due"]) for part in parts),
        unsent=sum(int(part["unsent"]) for part in parts),
        abandoned=sum(int(part["abandoned"]) for part in parts),
        errors=dict(errors),
        cpu_share=max(float(part["cpu_share"]) for part in parts),
        in_flight_max=sum(int(part["in_flight_max"]) for part in parts),
        workers=len(parts),
        cut_short=any(part["cut_short"] for part in parts),
        latencies=whole,
        late=late,
        kinds=tuple(Kind(*key, heap.count, heap.errors, heap.latencies) for key, heap in kinds.items()),
        intervals=tuple(
            Interval(at_s, heap.count, heap.errors, heap.answered, heap.latencies)
            for at_s, heap in sorted(seconds.items())
        ),
    )


def _pour(heap: _Heap, count: int, errors: int, encoded: str) -> None:
    heap.count += count
    heap.errors += errors
    heap.latencies.merge(Latencies.decoded(encoded))
