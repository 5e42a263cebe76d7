"""The gateway's own settings beside the chassis': where services are, whom to believe, how much to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from sim.services.catalogue import SERVICE_MODULES
from sim.services.chassis.settings import Reader, Settings, read_settings


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """``services`` maps keys to deployment names. ``rate_limit_per_s`` 0 is no limit."""

    chassis: Settings
    jwt_secret: str = field(repr=False)
    jwt_issuer: str
    jwt_audience: str
    services: Mapping[str, str]
    request_timeout_s: float
    max_in_flight: int
    max_body_bytes: int
    rate_limit_per_s: float
    rate_limit_burst: int
    trusted_proxies: tuple[str, ...]


def read_gateway_settings(environment: Mapping[str, str]) -> GatewaySettings:
    """Raises SettingsInvalid. TRUSTED_PROXIES may be empty: then nobody's X-Forwarded-For is believed."""
    chassis = read_settings(environment)
    reader = Reader(environment)
    settings = GatewaySettings(
        chassis=chassis,
        jwt_secret=reader.text("JWT_SECRET"),
        jwt_issuer=reader.text("JWT_ISSUER"),
        jwt_audience=reader.text("JWT_AUDIENCE"),
        services=reader.pairs("SERVICES"),
        request_timeout_s=reader.number("REQUEST_TIMEOUT_S", 0.05, 300),
        max_in_flight=reader.whole("MAX_IN_FLIGHT", 1, 100_000),
        max_body_bytes=reader.whole("MAX_BODY_BYTES", 1, 64 * 1024 * 1024),
        rate_limit_per_s=reader.number("RATE_LIMIT_PER_S", 0, 1_000_000),
        rate_limit_burst=reader.whole("RATE_LIMIT_BURST", 1, 1_000_000),
        trusted_proxies=_networks(reader, environment),
    )
    unknown = sorted(set(settings.services) - set(SERVICE_MODULES))
    if unknown:
        reader.mistake("SERVICES", f"no such service: {', '.join(unknown)}")
    reader.finish()
    return settings


def _networks(reader: Reader, environment: Mapping[str, str]) -> tuple[str, ...]:
    found = tuple(part.strip() for part in environment.get("TRUSTED_PROXIES", "").split(",") if part.strip())
    for network in found:
        try:
            ip_network(network, strict=False)
        except ValueError:
            reader.mistake("TRUSTED_PROXIES", "not a list of networks in CIDR notation")
    return found
