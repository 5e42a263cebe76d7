"""What the gateway counts, beside what every process of the platform does."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from sim.services.chassis.metrics import Metrics
from sim.services.gateway.circuits import State

_BUCKETS_S: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNROUTED: Final = "none"
"""The ``service`` and ``route`` of a request that meant none: what clients make up must not become labels."""


class GatewayMetrics:
    """``status`` of the duration is the class (``2xx``); 499 is a client that left before it was answered."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        labels = ["service", "route", "method"]
        self.requests = Counter("gateway_http_requests", "Requests answered", [*labels, "status"], registry=registry)
        self.duration = Histogram(
            "gateway_http_request_duration_seconds",
            "From the request's head to its answer",
            [*labels, "status"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.in_flight = Gauge(
            "gateway_in_flight_requests", "Requests under way to a service", ["service"], registry=registry
        )
        self.rejections = Counter(
            "gateway_rejections", "Requests the gateway refused by itself", ["reason"], registry=registry
        )
        self.circuit = Gauge("gateway_circuit_state", "0 closed, 1 half-open, 2 open", ["service"], registry=registry)
        self.revoked = Gauge("gateway_revoked_tokens", "Revoked access tokens not yet expired", registry=registry)
        self.clients = Gauge("gateway_rate_limited_clients", "Clients whose rate is being watched", registry=registry)
        self._children: dict[tuple[str, str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, service: str, route: str, method: str, status: int, duration_s: float) -> None:
        key = (service, route, method, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self.requests.labels(service, route, method, str(status)),
                self.duration.labels(service, route, method, f"{status // 100}xx"),
            )
        counter, histogram = children
        counter.inc()
        histogram.observe(duration_s)

    def circuit_changed(self, service: str, state: State) -> None:
        self.circuit.labels(service).set(state.value)
