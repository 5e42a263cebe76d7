"""Ten thousand messages nobody should ever send, straight onto the services' queues.

Nearly all of them are to become dead letters. A few are requests of the contract, however odd, and somebody waits for
their answers: those are counted in a queue of this scenario's own. And who finds another service's event in its queue
passes over it, as it does with every broadcast.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scenarios.marks import PROBE_HEADER
from scenarios.platform.selling import until
from scenarios.platform.shoppers import enrol
from sim.checks.flood import (
    AFTER,
    ANSWERED,
    BEFORE,
    DEAD,
    DRAINED,
    FLOOD,
    PASSED_OVER,
    POD,
    REPLIES,
    WELL,
    judge_flood,
)
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Scenario, Stage
from sim.services.contract.events import EVENT_BY_NAME, EVENTS
from sim.services.contract.message import DEADLINE, IDENTITY, METHOD, PATH, QUERY, REQUEST
from sim.services.contract.queues import QueueSpec, dead_letter_queue, requests_queue, service_queues

_MESSAGES = 10_000
_PUBLISHERS = 16
_DRAINED_S = 180.0
_ANSWERED_S = 60.0
_COUNTED_EVERY_S = 2.0
"""Longer than anybody works on one of these."""
_WELL_S = 60.0
_DEPTH = 20_000
_HUGE = 60_000


@dataclass(frozen=True, slots=True)
class _Message:
    """``is_request``: of the contract's form, so that its reader owes an answer."""

    body: bytes
    headers: Mapping[str, Any]
    properties: Mapping[str, str]
    is_request: bool = False


def _malice(rng: random.Random, reply_to: str) -> Iterator[_Message]:
    """Without end: each kind in turn, drawn anew."""
    names = [event.name for event in EVENTS]
    while True:
        number = f"{rng.getrandbits(96):024x}"
        asked = {"type": REQUEST, "message_id": number, "reply_to": reply_to}
        good = {METHOD: "GET", PATH: "/ping"}
        yield _Message(rng.randbytes(rng.randrange(400)), {}, {})
        yield _Message(b"", {}, {"type": REQUEST})
        yield _Message(b"{}", {METHOD: rng.getrandbits(30), PATH: ["/", {"a": True}], QUERY: None}, asked)
        yield _Message(b"{}", {METHOD: "GET", PATH: "/" + "x" * _HUGE}, asked)
        yield _Message(b"[" * _DEPTH, {METHOD: "POST", PATH: ""}, asked, is_request=True)
        yield _Message(b'{"a":' * _DEPTH, good, {**asked, "message_id": "sim-replayed"}, is_request=True)
        yield _Message(rng.randbytes(64), {**good, IDENTITY: rng.randbytes(20).hex()}, asked)
        yield _Message(b"{}", {**good, DEADLINE: "tomorrow"}, asked)
        yield _Message(b"null", {**good, "traceparent": "00-" + "z" * 500}, {**asked, "message_id": "é" * 80})
        yield _Message(rng.randbytes(100), {}, {"type": rng.choice(names), "message_id": number, "app_id": "nobody"})
        yield _Message(b'{"order_id": 7, "lines": {}}', {}, {"type": rng.choice(names), "message_id": number})
        yield _Message(json.dumps({"x": "y" * _HUGE}).encode(), {}, {"type": "no.such.event", "message_id": number})


def _fate(queue: QueueSpec, message: _Message) -> str:
    """What the contract makes of such a message in such a queue."""
    if queue.name == requests_queue(queue.owner):
        return ANSWERED if message.is_request else DEAD
    event = EVENT_BY_NAME.get(message.properties.get("type", ""))
    return PASSED_OVER if event is not None and event.name not in _heard(queue) else DEAD


def _heard(queue: QueueSpec) -> frozenset[str]:
    key = queue.owner.removesuffix("-service")
    return frozenset(event.name for event in EVENTS if key in event.subscribers)


def _answers(mark: str) -> str:
    """The queue in which whoever owes an answer puts it."""
    return f"sim.answers-{mark}"


def _rehearse(stage: Stage, messages: int) -> None:
    pods = [server.name for server in (*stage.plan.of_kind("gateway"), *stage.plan.of_kind("service"))]
    deployments = {key: service.name for key, service in stage.topology.services.items()}
    queues = service_queues(deployments)
    mark = f"{stage.rng.getrandbits(48):012x}"
    shopper = enrol(stage)
    answers = _answers(mark)
    stage.servers.broker().declare_queue(answers)
    try:
        _see_pods(stage, pods, BEFORE)
        _pour(stage, queues, messages, mark)
        _see_drained(stage, [queue.name for queue in queues])
        _see_answers(stage, answers)
    finally:
        stage.servers.broker().delete_queue(answers)
    dead = sum(
        stage.servers.broker().take_marked(dead_letter_queue(d), PROBE_HEADER, mark) for d in deployments.values()
    )
    stage.record(DRAINED, "dead letters", Outcome.OK, messages=0, dead=dead)
    for path in ("/api/auth/me", "/api/products?limit=1", "/api/baskets/current", "/api/orders?limit=1"):
        answered = until(stage, lambda path=path: shopper.ask("GET", path).accepted, _WELL_S, poll_s=0.25)  # type: ignore[misc]
        stage.record(WELL, path, Outcome.OK if answered else Outcome.FAILED, actor="customer")
    _see_pods(stage, pods, AFTER)


def _pour(stage: Stage, queues: Sequence[QueueSpec], messages: int, mark: str) -> None:
    """All of it, by several publishers at once."""
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


def _flood(stage: Stage, queues: Sequence[QueueSpec], count: int, seed: int, mark: str) -> None:
    rng = random.Random(seed)  # noqa: S311 - reproducible, not secret
    publisher = stage.servers.broker().publisher(seed)
    malice = _malice(rng, _answers(mark))
    outcomes = dict.fromkeys(Outcome, 0)
    fates = dict.fromkeys((DEAD, ANSWERED, PASSED_OVER), 0)
    try:
        for _ in range(count):
            message, queue = next(malice), rng.choice(queues)
            sent = publisher.publish(
                "",
                queue.name,
                message.body,
                headers={**message.headers, PROBE_HEADER: mark},
                properties=message.properties,
                timeout_s=10.0,
            )
            outcomes[sent.outcome] += 1
            # Whatever the broker surely has is owed its fate; what it may have is not.
            fates[_fate(queue, message)] += sent.outcome is Outcome.OK
    finally:
        publisher.close()
        counts = {outcome.value.lower(): number for outcome, number in outcomes.items()}
        stage.record(FLOOD, "queues", Outcome.OK, actor="publisher", **counts, **fates)


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


def _see_answers(stage: Stage, answers: str) -> None:
    """As many as there are once no more come."""
    seen = [-1, -2]

    def complete() -> bool:
        found = stage.servers.broker().queue(answers)
        seen[:] = [int(found["messages"]) if found else -1, seen[0]]
        return seen[0] == seen[1]

    try:
        until(stage, complete, _ANSWERED_S, poll_s=_COUNTED_EVERY_S)
    except SimError as error:
        stage.record(REPLIES, answers, Outcome.UNSURE, message=str(error))
    else:
        stage.record(REPLIES, answers, Outcome.OK, replies=seen[0])


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
        all_services=True,
        rehearse=lambda stage: _rehearse(stage, messages),
        judge=judge_flood(messages),
        essential=False,
        parameters={"messages": float(messages)},
    )
