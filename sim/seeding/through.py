"""Filling a shop through a gateway's client, real or modelled, as many clients: none asks more often than it may."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import requests

from sim.clock import Clock
from sim.seeding.client import Answer, Shopkeeper
from sim.servers.http_protocol import HttpGateway


class Through(Shopkeeper):
    """Silence is answered as a passing trouble (503), which a shopkeeper waits for."""

    def __init__(self, gateway: HttpGateway, clock: Clock, rng: random.Random, token: str = "") -> None:
        super().__init__(gateway.name, requests.Session(), clock, token)
        self._gateway = gateway
        self._rng = rng

    def as_bearer(self, token: str) -> Through:
        return Through(self._gateway, self._clock, self._rng, token)

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
    ) -> tuple[Answer, float]:
        # Of the range for benchmarks (RFC 2544): nobody's.
        address = f"198.18.{self._rng.randrange(256)}.{self._rng.randrange(1, 255)}"
        reply = self._gateway.request(
            method,
            f"{path}?{urlencode(query)}" if query else path,
            json=body,
            token=self._token,
            headers={"X-Forwarded-For": address, **headers},
        )
        return Answer(reply.status or requests.codes.service_unavailable, reply.document()), 0.0
