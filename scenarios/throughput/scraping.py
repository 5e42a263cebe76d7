"""What Prometheus itself has scraped of a load: the gateway's counters by service, before it and after it."""

from __future__ import annotations

from collections.abc import Mapping

from sim.checks.saturation import SCRAPED
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Stage

_NAME = "gateway_http_request_duration_seconds"


def totals(stage: Stage) -> Mapping[str, tuple[float, float]]:
    """Service → (requests, seconds the gateway waited for it), as of the last scrape; empty when it does not say."""
    servers = stage.plan.of_kind("prometheus")
    if not servers:
        return {}
    client = stage.servers.prometheus(servers[0].name)
    try:
        counts, seconds = (_by_service(client.query(f"{_NAME}_{part}")) for part in ("count", "sum"))
    except SimError:
        return {}
    return {service: (counts[service], seconds.get(service, 0.0)) for service in counts}


def write(stage: Stage, before: Mapping[str, tuple[float, float]]) -> None:
    """What has come to ``before`` since."""
    name = next((server.name for server in stage.plan.of_kind("prometheus")), "")
    after = totals(stage)
    if not after:
        stage.record(SCRAPED, name, Outcome.UNSURE, message="Prometheus had nothing to tell")
    for service, (count, seconds) in sorted(after.items()):
        was_count, was_s = before.get(service, (0.0, 0.0))
        if count > was_count:
            stage.record(
                SCRAPED,
                service,
                Outcome.OK,
                source=name,
                requests=count - was_count,
                gateway_ms=round(1000 * (seconds - was_s) / (count - was_count), 3),
            )


def _by_service(vector: tuple[tuple[Mapping[str, str], float], ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for labels, value in vector:
        # Where a scrape's own label has the name, Prometheus moves the metric's aside.
        service = labels.get("exported_service", labels.get("service", ""))
        if service and service != "none":
            found[service] = found.get(service, 0.0) + value
    return found
