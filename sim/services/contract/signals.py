"""The four golden signals under the names that dashboards and alerts ask for, on every ``/metrics`` page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TRAFFIC: Final = "traffic"
LATENCY: Final = "latency"
SATURATION: Final = "saturation"
ERRORS_LABEL: Final = "status"
"""The label of the traffic by which errors are told apart."""

SERVICE_SIGNALS: Final[Mapping[str, str]] = {
    TRAFFIC: "service_requests_total",
    LATENCY: "service_request_duration_seconds_count",
    SATURATION: "service_requests_in_flight",
}
GATEWAY_SIGNALS: Final[Mapping[str, str]] = {
    TRAFFIC: "gateway_http_requests_total",
    LATENCY: "gateway_http_request_duration_seconds_count",
    SATURATION: "gateway_in_flight_requests",
}
