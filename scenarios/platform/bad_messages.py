"""Ten thousand messages nobody should ever send, straight onto the services' queues."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scenarios.marks import PROBE_HEADER
from scenarios.platform.selling import until
from scenarios.platform.shoppers import enrol
from sim.checks.flood import AFTER, BEFORE, DRAINED, FLOOD, POD, WELL, judge_flood
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Scenario, Stage
from sim.services.contract.events import EVENTS
from sim.services.contract.message import DEADLINE, IDENTITY, METHOD, PATH, QUERY, REQUEST
from sim.services.contract.queues import dead_letter_queue, service_queues

_MESSAGES = 10_000
_PUBLISHERS = 16
_DRAINED_S = 180.0
_WELL_S = 60.0
_DEPTH = 20_000
_HUGE = 60_000
_NOBODY = "sim.nobody"


@dataclass(frozen=True, slots=True)
class _Message:
    body: bytes
    headers: Mapping[str, Any]
    properties: Mapping[str, str]


def _malice(rng: random.Random) -> Iterator[_Message]:
    """Without end: each kind in turn, drawn anew."""
    names = [event.name for event in EVENTS]
    while True:
        number = f"{rng.getrandbits(96):024x}"
        asked = {"type": REQUEST, "message_id": number, "reply_to": _NOBODY}
        good = {METHOD: "GET", PATH: "/ping"}
        yield _Message(rng.randbytes(rng.randrange(400)), {}, {})
        yield _Message(b"", {}, {"type": REQUEST})
        yield _Message(b"{}", {METHOD: rng.getrandbits(30), PATH: ["/", {"a": True}], QUERY: None}, asked)
        yield _Message(b"{}", {METHOD: "GET", PATH: "/" + "x" * _HUGE}, asked)
        yield _Message(b"[" * _DEPTH, {METHOD: "POST", PATH: ""}, asked)
        yield _Message(b'{"a":' * _DEPTH, good, {**asked, "message_id": "sim-replayed"})
        yield _Message(rng.randbytes(64), {**good, IDENTITY: rng.randbytes(20).hex()}, asked)
        yield _Message(b"{}", {**good, DEADLINE: "tomorrow"}, asked)
        yield _Message(b"null", {**good, "traceparent": "00-" + "z" * 500}, {**asked, "message_id": "é" * 80})
        yield _Message(rng.randbytes(100), {}, {"type": rng.choice(names), "message_id": number, "app_id": "nobody"})
        yield _Message(b'{"order_id": 7, "lines": {}}', {}, {"type": rng.choice(names), "message_id": number})
        yield _Message(json.dumps({"x": "y" * _HUGE}).encode(), {}, {"type": "no.such.event", "message_id": number})


def _rehearse(stage: Stage, messages: int) -> None:
    pods = [server.name for server in (*stage.plan.of_kind("gateway"), *stage.plan.of_kind("service"))]
    deployments = {key: service.name for key, service in stage.topology.services.items()}
    queues = [queue.name for queue in service_queues(deployments)]
    mark = f"{stage.rng.getrandbits(48):012x}"
    shopper = enrol(stage)
    _see_pods(stage, pods, BEFORE)
    shares = [messages // _PUBLISHERS] * _PUBLISHERS
    shares[0] += messages - sum(shares)
    seeds = [stage.rng.getrandbits(32) for _ in shares]
    threads = [
        threading.Thread(target=_flood, args=(stage, queues, share, seed, mark), daemon=True)
        for share, seed in zip(shares, seeds, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600.0)
    _see_drained(stage, queues)
    dead = sum(
        stage.servers.broker().take_marked(dead_letter_queue(d), PROBE_HEADER, mark) for d in deployments.values()
    )
    stage.record(DRAINED, "dead letters", Outcome.OK, messages=0, dead=dead)
    for path in ("/api/auth/me", "/api/products?limit=1", "/api/baskets/current", "/api/orders?limit=1"):
        answered = until(stage, lambda path=path: shopper.ask("GET", path).accepted, _WELL_S, poll_s=0.25)  # type: ignore[misc]
        stage.record(WELL, path, Outcome.OK if answered else Outcome.FAILED, actor="customer")
    _see_pods(stage, pods, AFTER)


def _flood(stage: Stage, queues: list[str], count: int, seed: int, mark: str) -> None:
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    publisher = stage.servers.broker().publisher(seed)
    malice = _malice(rng)
    fates = dict.fromkeys(Outcome, 0)
    try:
        for _ in range(count):
            message, queue = next(malice), rng.choice(queues)
            fate = publisher.publish(
                "",
                queue,
                message.body,
                headers={**message.headers, PROBE_HEADER: mark},
                properties=message.properties,
                timeout_s=10.0,
            )
            fates[fate.outcome] += 1
    finally:
        publisher.close()
        sent = {outcome.value.lower(): number for outcome, number in fates.items()}
        stage.record(FLOOD, "queues", Outcome.OK, actor="publisher", **sent)


def _see_drained(stage: Stage, queues: list[str]) -> None:
    """Every queue empty, as it says itself, or the deadline."""
    broker = stage.servers.broker()
    ends_s = stage.clock.now_s() + _DRAINED_S
    for name in queues:
        seen = {"messages": -1}

        def empty(name: str = name, seen: dict[str, int] = seen) -> bool:
            found = broker.queue(name)
            seen["messages"] = int(found["messages"]) if found else -1
            return seen["messages"] == 0

        try:
            until(stage, empty, max(0.0, ends_s - stage.clock.now_s()), poll_s=0.5)
        except SimError as error:
            stage.record(DRAINED, name, Outcome.UNSURE, message=str(error))
            continue
        stage.record(DRAINED, name, Outcome.OK, messages=seen["messages"])


def _see_pods(stage: Stage, pods: list[str], phase: str) -> None:
    for pod in pods:
        try:
            state = stage.control.state(pod)
        except SimError as error:
            stage.record(POD, pod, Outcome.UNSURE, phase=phase, message=str(error))
            continue
        stage.record(
            POD,
            pod,
            Outcome.OK,
            phase=phase,
            state=state.state,
            started_at=state.started_at,
            oom_killed=state.oom_killed,
        )


def bad_messages(messages: int = _MESSAGES) -> Scenario:
    return Scenario(
        name="platform/bad-messages",
        claim=f"{messages:,} malformed messages are answered or set aside, nobody is restarted, and the shop goes on.",
        section="6",
        needs=("gateway", "service", "rabbitmq"),
        rehearse=lambda stage: _rehearse(stage, messages),
        judge=judge_flood(messages),
        essential=False,
        parameters={"messages": float(messages)},
    )
