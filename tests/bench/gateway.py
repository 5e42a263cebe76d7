"""The gateway's throughput with the whole stack beside it, as a ratio to a bare Starlette over the same broker.

Both sides answer a GET of the same size by asking over the same cluster, and cost it the same: one transient message
through the direct exchange into a quorum queue of three replicas, which keeps it whatever its delivery mode says; a
delivery that is acknowledged by itself after the reply; the reply by direct reply-to; no publisher confirms. The echo's
queue is led where the service's is, the echo connects to the node that the service is connected to, and the bare
Starlette to the gateway's: no side has fewer hops between nodes. Neither waits for the disk more often than the other.

What the gateway's side does more is what is measured: routing, limits, circuit, deadline, trace, ids, metrics, log line
and headers in the gateway; reading, routing, access and metrics in the service; and both in pods behind their network
policies, while the bare side is two processes of the host on loopback.

On two cores everything shares them, the client and the broker too, so the ratio of CPU seconds a request stands beside
that of the rates: a neighbour takes from one side's rate, and nothing from what a request costs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker

from sim.runtime.stack import LiveStack, attached
from sim.servers.management import Management
from sim.servers.rabbitmq import server_name
from tests.bench.bare_amqp import Broker, declare_echo, echoing
from tests.bench.http_load import Target, http_rate
from tests.bench.measuring import STACK, Figure, keep, sim
from tests.bench.starlette_echo import starlette_gateway

_SERVICE = "payments-service"
_ECHO_PATH = "/api/payments/ping"
_UNDER_WAY = 32
_ROUND_S = 6.0
_WARM_UP_S = 2.0
_BARE, _OURS = "bare", "gateway"


@dataclass(frozen=True, slots=True)
class _Places:
    """Broker nodes: whom the gateway and the service are connected to, and who leads the service's queue."""

    gateway: str
    service: str
    leader: str


@dataclass(frozen=True, slots=True)
class _Side:
    """``cpu_s`` tells the CPU seconds so far of each of the side's own parts."""

    target: Target
    cpu_s: Callable[[], Mapping[str, float]]


def measure(client: docker.DockerClient, rounds: int, reports: Path) -> None:
    """One stack, ``rounds`` of both sides in turn."""
    try:
        sim("up", "--stack", STACK, "--limits", "none")
        found = _rounds(attached(client, STACK), rounds)
    finally:
        sim("down", "--stack", STACK)
    figures = (
        Figure("requests through the gateway ÷ bare Starlette", "≥", 0.6, [f[_OURS] / f[_BARE] for f in found]),
        Figure(
            "requests for a CPU second, gateway ÷ bare, broker and all",
            "≥",
            0.6,
            [sum(_costs(f, _BARE)) / sum(_costs(f, _OURS)) for f in found],
        ),
        Figure("requests a second through the gateway", "≥", 0, [f[_OURS] for f in found]),
        Figure("requests a second through bare Starlette", "≥", 0, [f[_BARE] for f in found]),
        *(
            Figure(f"CPU a request: {name}, µs", "≤", 2000, [1e6 * f[name] for f in found])
            for name in found[0]
            if ": " in name
        ),
        Figure("answers that were not 200", "≤", 0, [f["refused"] for f in found]),
    )
    keep("Gateway", figures, {"rounds": found}, reports)


def _costs(figures: Mapping[str, float], side: str) -> list[float]:
    return [value for name, value in figures.items() if name.startswith(f"{side}: ")]


def _rounds(stack: LiveStack, rounds: int) -> Sequence[dict[str, float]]:
    places, gateway = _places(stack), stack.plan.of_kind("gateway")[0]
    declare_echo(stack.servers.broker(), places.leader)
    results = []
    with echoing(_broker(stack, places.service)) as echo, starlette_gateway(_broker(stack, places.gateway)) as bare:
        port, starlette = bare
        sides = {
            _BARE: _Side(
                Target("127.0.0.1", port, _ECHO_PATH),
                lambda: {"starlette": _process_cpu_s(starlette), "echo": _process_cpu_s(echo), **_broker_cpu_s(stack)},
            ),
            _OURS: _Side(
                Target(gateway.address, gateway.port("http").number, _ECHO_PATH),
                lambda: {
                    "gateway": stack.control.usage(gateway.name).cpu_s,
                    "service": stack.control.usage(_SERVICE).cpu_s,
                    **_broker_cpu_s(stack),
                },
            ),
        }
        for side in sides.values():
            http_rate(side.target, _UNDER_WAY, _WARM_UP_S)
        for number in range(rounds):
            figures: dict[str, float] = {"refused": 0.0}
            for name in (_BARE, _OURS) if number % 2 == 0 else (_OURS, _BARE):
                _measured(name, sides[name], figures)
            print({key: round(value, 6 if ": " in key else 1) for key, value in figures.items()}, flush=True)
            results.append(figures)
    return results


def _measured(name: str, side: _Side, figures: dict[str, float]) -> None:
    before = side.cpu_s()
    rate, refused = http_rate(side.target, _UNDER_WAY, _ROUND_S)
    spent = {part: cpu_s - before[part] for part, cpu_s in side.cpu_s().items()}
    figures[name] = rate
    figures["refused"] += refused
    figures |= {f"{name}: {part}": cpu_s / (rate * _ROUND_S) for part, cpu_s in spent.items()}


def _places(stack: LiveStack) -> _Places:
    facts = stack.plan.of_kind("rabbitmq")[0].facts
    names = tuple(node.name for node in stack.plan.of_kind("rabbitmq"))
    administrator = facts["admin_user"], stack.secrets[facts["admin_password_secret"]]
    management = Management(names, lambda node: stack.control.endpoint(node, "management"), *administrator)
    connected = {
        str((connection.get("client_properties") or {}).get("connection_name", "")): server_name(connection["node"])
        for connection in management.ask_any("connections")
    }
    gateway, service = stack.plan.of_kind("gateway")[0].hostname, stack.plan.server(_SERVICE).hostname
    leader = server_name(management.ask_any("queues", facts["vhost"], _SERVICE)["leader"])
    return _Places(connected[gateway], connected[service], leader)


def _broker(stack: LiveStack, name: str) -> Broker:
    node = next(node for node in stack.plan.of_kind("rabbitmq") if node.name == name)
    facts = node.facts
    secret = stack.secrets[facts["password_secret"]]
    return Broker(node.address, node.port("amqp").number, facts["vhost"], facts["user"], secret)


def _broker_cpu_s(stack: LiveStack) -> dict[str, float]:
    nodes = stack.plan.of_kind("rabbitmq")
    return {"broker": sum(stack.control.usage(node.name).cpu_s for node in nodes)}


def _process_cpu_s(pid: int) -> float:
    """User and system time of one process (``/proc/<pid>/stat``, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
