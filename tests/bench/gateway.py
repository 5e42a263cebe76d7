"""The gateway's throughput with the whole stack beside it, as a ratio to a bare Starlette over the same broker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import docker

from sim.runtime.stack import LiveStack, attached
from tests.bench.bare_amqp import Broker, echoing
from tests.bench.http_load import Target, http_rate
from tests.bench.measuring import STACK, Figure, keep, sim
from tests.bench.starlette_echo import starlette_gateway

_ECHO_PATH = "/api/payments/ping"
_UNDER_WAY = 32
_ROUND_S = 6.0
_WARM_UP_S = 2.0


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """One stack, ``rounds`` of both sides in turn."""
    sim("up", "--stack", STACK, "--limits", "none")
    try:
        found = _rounds(attached(client, STACK), rounds)
    finally:
        sim("down", "--stack", STACK)
    figures = (
        Figure("requests through the gateway ÷ bare Starlette", "≥", 0.6, [f["gateway"] / f["bare"] for f in found]),
        Figure("requests a second through the gateway", "≥", 0, [f["gateway"] for f in found]),
        Figure("requests a second through bare Starlette", "≥", 0, [f["bare"] for f in found]),
        Figure("answers that were not 200", "≤", 0, [f["refused"] for f in found]),
    )
    keep("Gateway", figures, {"rounds": found}, reports)


def _rounds(stack: LiveStack, rounds: int) -> Sequence[dict[str, float]]:
    node, gateway = stack.plan.of_kind("rabbitmq")[0], stack.plan.of_kind("gateway")[0]
    facts = node.facts
    secret = stack.secrets[facts["password_secret"]]
    broker = Broker(node.address, node.port("amqp").number, facts["vhost"], facts["user"], secret)
    ours = Target(gateway.address, gateway.port("http").number, _ECHO_PATH)
    results = []
    with echoing(broker), starlette_gateway(broker) as port:
        bare = Target("127.0.0.1", port, _ECHO_PATH)
        for target in (bare, ours):
            http_rate(target, _UNDER_WAY, _WARM_UP_S)
        for number in range(rounds):
            figures: dict[str, float] = {}
            for side in ("bare", "gateway") if number % 2 == 0 else ("gateway", "bare"):
                rate, refused = http_rate(bare if side == "bare" else ours, _UNDER_WAY, _ROUND_S)
                figures[side] = rate
                figures["refused"] = figures.get("refused", 0.0) + refused
            print({key: round(value, 1) for key, value in figures.items()}, flush=True)
            results.append(figures)
    return results
