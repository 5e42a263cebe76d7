"""What a load came to, in eighty columns: rates, percentiles from when due, errors by reason, the generator's state."""

from __future__ import annotations

from collections.abc import Iterator

from sim.load.samples import Kind, LoadReport

_CPU_SHARE = 0.8
_UNSENT_SHARE = 0.001
_LATE_S = 0.1
_SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
_REASONS = 6
_NAME = 22


def saturated(report: LoadReport) -> str:
    """Why these numbers may be the generator's own; empty when it kept up."""
    if report.cpu_share > _CPU_SHARE:
        return f"it used {100 * report.cpu_share:.0f} % of a core"
    if report.unsent > _UNSENT_SHARE * report.due:
        return f"{report.unsent} of {report.due} requests were never sent"
    if report.late.quantile_s(0.99) > _LATE_S:
        return f"it sent up to {1000 * report.late.quantile_s(0.99):.0f} ms late (99th percentile)"
    return ""


def lines(url: str, seed: int, report: LoadReport) -> Iterator[str]:
    """For people."""
    good_per_s = sum(i.answered for i in report.intervals) / report.duration_s if report.duration_s else 0.0
    yield f"{url}  seed {seed}"
    yield (
        f"{report.due} requests due in {report.duration_s:.1f} s ({report.due / max(report.duration_s, 1e-9):.1f}/s), "
        f"{good_per_s:.1f}/s well answered"
    )
    if report.cut_short:
        yield "cut short: what follows is of the part that was played"
    yield ""
    yield "latency from when each was due"
    told = [f"p{100 * share:g} {_ms(report.latencies.quantile_s(share))}" for share in _SHARES]
    yield "  " + ("  ".join([*told, f"max {_ms(report.latencies.max_s)}"]) if report.good else "nothing well answered")
    yield ""
    yield f"{'request':<{_NAME}}{'service':<14}{'count':>7}{'errors':>8}{'p50':>9}{'p99':>10}"
    for kind in sorted(report.kinds, key=lambda k: -k.count):
        yield _row(kind)
    yield ""
    yield from _troubles(report)


def _row(kind: Kind) -> str:
    told = [_ms(kind.latencies.quantile_s(share)) if kind.latencies.count else "none" for share in (0.5, 0.99)]
    return (
        f"{kind.name[: _NAME - 1]:<{_NAME}}{(kind.service or 'object store')[:13]:<14}{kind.count:>7}{kind.errors:>8}"
        f"{told[0]:>9}{told[1]:>10}"
    )


def _troubles(report: LoadReport) -> Iterator[str]:
    errors = sorted(report.errors.items(), key=lambda entry: -entry[1])
    yield f"errors: {report.error_count} of {report.good + report.error_count}"
    for reason, count in errors[:_REASONS]:
        yield f"  {count:>6}  {reason}"[:80]
    if len(errors) > _REASONS:
        yield f"          and {len(errors) - _REASONS} more reasons"
    if report.abandoned:
        yield f"abandoned: {report.abandoned} (their shoppers had been turned away)"
    processes = "process" if report.workers == 1 else "processes"
    yield (
        f"generator: {report.workers} {processes}, {100 * report.cpu_share:.0f} % of a core at most, "
        f"{report.unsent} unsent, {report.in_flight_max} under way at most"
    )
    why = saturated(report)
    if why:
        yield "UNKNOWN: generator saturated, these numbers are its own:"
        yield f"  {why}; more workers, or a lower rate"


def document(url: str, seed: int, report: LoadReport) -> dict[str, object]:
    """For programs."""
    return {
        "url": url,
        "seed": seed,
        "rate_per_s": report.rate_per_s,
        "duration_s": round(report.duration_s, 3),
        "due": report.due,
        "good": report.good,
        "errors": dict(report.errors),
        "abandoned": report.abandoned,
        "unsent": report.unsent,
        "cut_short": report.cut_short,
        "latency_ms": {f"p{100 * s:g}": round(1000 * report.latencies.quantile_s(s), 3) for s in _SHARES}
        | {"max": round(1000 * report.latencies.max_s, 3)},
        "kinds": {
            kind.name: {
                "service": kind.service,
                "count": kind.count,
                "errors": kind.errors,
                "p50_ms": round(1000 * kind.latencies.quantile_s(0.5), 3),
                "p99_ms": round(1000 * kind.latencies.quantile_s(0.99), 3),
            }
            for kind in report.kinds
        },
        "generator": {
            "workers": report.workers,
            "cpu_share": round(report.cpu_share, 4),
            "late_p99_ms": round(1000 * report.late.quantile_s(0.99), 3),
            "saturated": saturated(report),
        },
        "hdr": report.latencies.encoded(),
    }


def _ms(seconds: float) -> str:
    value = 1000 * seconds
    return f"{value:.1f} ms" if value < 1000 else f"{value:.0f} ms"
