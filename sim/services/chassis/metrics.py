"""Prometheus metrics: the four golden signals and the state of what the service depends on. Few, small label sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """One registry a process, with what every service counts. The gateway adds its own to ``registry``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        ProcessCollector(registry=registry)
        self.requests = Counter("service_requests", "Requests answered", ["route", "status"], registry=registry)
        self.duration = Histogram(
            "service_request_duration_seconds",
            "From delivery to reply",
            ["route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.in_flight = Gauge("service_requests_in_flight", "Requests being worked on", registry=registry)
        self.expired = Counter(
            "service_requests_expired", "Requests past their deadline, acknowledged unread", registry=registry
        )
        self.events = Counter(
            "service_events", "Events by what became of them", ["event", "outcome"], registry=registry
        )
        self.outbox_depth = Gauge("service_outbox_depth", "Events committed and not yet published", registry=registry)
        self.published = Counter("service_events_published", "Events published and confirmed", registry=registry)
        self.connections = Gauge(
            "service_database_connections", "Connections of the pool", ["state"], registry=registry
        )
        self.dependency_up = Gauge(
            "service_dependency_up", "1 while a dependency answers", ["dependency"], registry=registry
        )
        self.measures = Gauge("service_measure", "What this service counts of its own", ["name"], registry=registry)
        self.started = Gauge(
            "service_start_time_seconds", "When this process began to serve, Unix time", registry=registry
        )
        self.started.set(time.time())

    def watch(self, gauge: Gauge, read: Callable[[], float], **labels: str) -> None:
        """Have ``read`` called when the metrics are read, instead of setting the gauge at each change."""
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    async def page(self) -> tuple[int, str, bytes]:
        """``/metrics``, for :func:`sim.services.chassis.http.pages`."""
        return 200, CONTENT_TYPE, generate_latest(self.registry)
