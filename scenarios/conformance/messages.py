"""Section 6: what the broker does with messages: routing, confirms, redelivery, expiry, dead letters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from scenarios.conformance.queues import (
    Binding,
    Letter,
    collect,
    probe_prefix,
    probe_queues,
    publishing,
    route,
    send,
)
from sim.checks.facts import Doubt, Fact, ask, equals, until
from sim.scenario import Evidence, Scenario, Stage

_SECTION = "6"
_BATCH = 20
_TTL_MS = 300
_EXPIRY_DEADLINE_S = 10.0
_ONLINE_DEADLINE_S = 10.0

# What each exchange type promises, as bindings and the letters that must, and must not, come through them.
_BINDINGS: Mapping[str, tuple[Binding, ...]] = {
    "direct": (Binding("created", "orders.created"), Binding("paid", "orders.paid")),
    "topic": (Binding("all", "#"), Binding("orders", "orders.*"), Binding("created", "*.created")),
    "fanout": (Binding("first"), Binding("second", "ignored"), Binding("third")),
    "headers": (
        Binding("all", arguments={"x-match": "all", "kind": "order", "region": "eu"}),
        Binding("any", arguments={"x-match": "any", "kind": "order", "region": "eu"}),
    ),
}
_LETTERS: Mapping[str, tuple[Letter, ...]] = {
    "direct": (
        Letter("exact", "orders.created", reaches=("created",)),
        Letter("other", "orders.paid", reaches=("paid",)),
        Letter("near", "orders.created.late"),
    ),
    "topic": (
        Letter("both", "orders.created", reaches=("all", "orders", "created")),
        Letter("domain", "orders.paid", reaches=("all", "orders")),
        Letter("too-long", "orders.paid.late", reaches=("all",)),
    ),
    "fanout": (Letter("broadcast", "whatever", reaches=("first", "second", "third")),),
    "headers": (
        Letter("both", headers={"kind": "order", "region": "eu"}, reaches=("all", "any")),
        Letter("half", headers={"kind": "order", "region": "us"}, reaches=("any",)),
        Letter("neither", headers={"kind": "basket"}),
    ),
}


def _scenario(name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[..., Any]) -> Scenario:
    return Scenario(f"conformance/broker-{name}", claim, _SECTION, ("rabbitmq",), rehearse, judge)


def _once(stage: Stage, op: str, question: Callable[[], Any]) -> None:
    ask(stage, op, stage.topology.broker.name, question)


def _on_cluster(value: Any) -> Callable[[Evidence], Mapping[str, Any]]:
    return lambda evidence: {evidence.topology.broker.name: value}


def _routing(kind: str, claim: str) -> Scenario:
    def rehearse(stage: Stage) -> None:
        cluster = stage.servers.broker()
        for exchange in stage.topology.broker.exchanges:
            if exchange.type == kind:
                question = functools.partial(route, stage, cluster, exchange.name, _BINDINGS[kind], _LETTERS[kind])
                ask(stage, "route", exchange.name, question)

    def promised(evidence: Evidence) -> Mapping[str, Any]:
        reached = {letter.label: sorted(letter.reaches) for letter in _LETTERS[kind]}
        return {exchange.name: reached for exchange in evidence.topology.broker.exchanges if exchange.type == kind}

    fact = Fact("route", _SECTION, promised, _route_problem, f"a {kind} exchange routes as its type promises")
    return _scenario(f"exchange-{kind}", claim, rehearse, fact)


def _route_problem(observed: Any, documented: Any) -> str:
    wrong = [
        equals(f"where {label!r} arrived")(sorted(observed.get(label, ())), queues)
        for label, queues in documented.items()
    ]
    return "; ".join(problem for problem in wrong if problem)


def _quorum_by_default(stage: Stage) -> None:
    cluster = stage.servers.broker()
    name = f"{probe_prefix(stage)}default"

    def declared() -> dict[str, Any]:
        with probe_queues(cluster, {name: None}):
            seen = until(
                stage, lambda: cluster.queue(name) or {}, lambda q: len(q.get("online", ())) == 3, _ONLINE_DEADLINE_S
            )
        return {
            "type": seen.get("type"),
            "members": len(seen.get("members", ())),
            "online": len(seen.get("online", ())),
        }

    _once(stage, "declare", declared)


def _quorum_problem(observed: Any, documented: Any) -> str:
    kind, members = documented
    problems = (
        equals("queue type")(observed["type"], kind),
        equals("replicas")(observed["members"], members),
        equals("replicas online")(observed["online"], members),
    )
    return "; ".join(problem for problem in problems if problem)


def _confirms(stage: Stage) -> None:
    cluster = stage.servers.broker()
    name = f"{probe_prefix(stage)}confirms"

    def published() -> dict[str, Any]:
        letters = [Letter(f"letter-{number}", name) for number in range(_BATCH)]
        with probe_queues(cluster, {name: None}):
            with publishing(stage, cluster) as publisher:
                confirmed = sum(send(publisher, "", letter) for letter in letters)
            kept = len(set(collect(stage, cluster, name, _BATCH)))
        return {"confirmed": confirmed, "kept": kept}

    _once(stage, "publish", published)


def _unroutable(stage: Stage) -> None:
    """A routable message before and after: where nothing gets through, nothing coming through proves nothing."""
    cluster = stage.servers.broker()
    prefix = probe_prefix(stage)
    kept, nowhere = f"{prefix}kept", f"{prefix}nowhere"

    def returned() -> dict[str, Any]:
        with probe_queues(cluster, {kept: None}), publishing(stage, cluster) as publisher:
            before = send(publisher, "", Letter("before", kept))
            lost = send(publisher, "", Letter("lost", nowhere))
            after = send(publisher, "", Letter("after", kept))
        return {"routable": before and after, "returned": not lost}

    _once(stage, "publish-nowhere", returned)


def _unroutable_problem(observed: Any, _documented: Any) -> str:
    if not observed["routable"]:
        return Doubt("not even a routable message was confirmed")
    return "" if observed["returned"] else "an unroutable message was confirmed and vanished, documented returned"


def _redelivery(stage: Stage) -> None:
    cluster = stage.servers.broker()
    name = f"{probe_prefix(stage)}redelivery"

    def redelivered() -> dict[str, Any]:
        with probe_queues(cluster, {name: None}):
            with publishing(stage, cluster) as publisher:
                send(publisher, "", Letter("failing", name))
            first = until(
                stage,
                lambda: cluster.get(name, acknowledge=False, requeue=True),
                lambda body: body is not None,
                _EXPIRY_DEADLINE_S,
            )
            again = collect(stage, cluster, name, 1)
        return {"first": (first or b"").decode(), "again": again}

    _once(stage, "redeliver", redelivered)


def _rejection(stage: Stage) -> None:
    _dead_letters(stage, "reject", {})


def _expiry(stage: Stage) -> None:
    _dead_letters(stage, "expire", {"x-message-ttl": _TTL_MS})


def _dead_letters(stage: Stage, op: str, arguments: Mapping[str, Any]) -> None:
    """Dead letters go to a queue of our own by argument: the shared one stays as it was."""
    cluster = stage.servers.broker()
    prefix = probe_prefix(stage)
    work, dead = f"{prefix}work", f"{prefix}dead"
    own = {**arguments, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}

    def followed() -> dict[str, Any]:
        with probe_queues(cluster, {dead: None, work: own}):
            with publishing(stage, cluster) as publisher:
                send(publisher, "", Letter("failing", work))
            if op == "reject":
                until(
                    stage,
                    lambda: cluster.get(work, acknowledge=False),
                    lambda body: body is not None,
                    _EXPIRY_DEADLINE_S,
                )
            arrived = until(stage, lambda: cluster.get(dead), lambda body: body is not None, _EXPIRY_DEADLINE_S)
            left = cluster.get(work)
        return {"dead_letter": (arrived or b"").decode(), "left": (left or b"").decode()}

    _once(stage, op, followed)


def _fields(documented: Mapping[str, Any]) -> Callable[[Any, Any], str]:
    def problem(observed: Any, _documented: Any) -> str:
        wrong = [equals(name.replace("_", " "))(observed.get(name), value) for name, value in documented.items()]
        return "; ".join(sentence for sentence in wrong if sentence)

    return problem


_DEAD_LETTERED = _fields({"dead_letter": "failing", "left": ""})

SCENARIOS = (
    _scenario(
        "quorum-by-default",
        "A queue declared without further ado is a quorum queue with a replica online on each node.",
        _quorum_by_default,
        Fact(
            "declare",
            _SECTION,
            lambda e: {e.topology.broker.name: (e.topology.broker.default_queue_type, e.topology.broker.replicas)},
            _quorum_problem,
            "a plain queue is replicated to every node",
        ),
    ),
    _routing("direct", "A direct exchange takes a message to the queues bound with exactly its key."),
    _routing("topic", "A topic exchange takes a message to the queues whose pattern its key matches."),
    _routing("fanout", "A fanout exchange takes a message to every bound queue, whatever the key."),
    _routing("headers", "A headers exchange takes a message to the queues whose attributes it carries."),
    _scenario(
        "confirms",
        "What the broker confirms to a publisher is in the queue.",
        _confirms,
        Fact(
            "publish",
            _SECTION,
            _on_cluster(None),
            _fields({"confirmed": _BATCH, "kept": _BATCH}),
            f"{_BATCH} publishes confirmed and found",
        ),
    ),
    _scenario(
        "unroutable",
        "A message that no queue would take is returned to its publisher instead of vanishing.",
        _unroutable,
        Fact(
            "publish-nowhere",
            _SECTION,
            _on_cluster(None),
            _unroutable_problem,
            "an unroutable message came back",
        ),
    ),
    _scenario(
        "redelivery",
        "A message handed back by its consumer is delivered again, once.",
        _redelivery,
        Fact(
            "redeliver",
            _SECTION,
            _on_cluster(None),
            _fields({"first": "failing", "again": ["failing"]}),
            "a message handed back came again",
        ),
    ),
    _scenario(
        "dead-letters",
        "A message that its consumer rejects ends in the dead-letter queue.",
        _rejection,
        Fact("reject", _SECTION, _on_cluster(None), _DEAD_LETTERED, "a rejected message was dead-lettered"),
    ),
    _scenario(
        "message-expiry",
        "A message older than its time to live leaves its queue for the dead-letter queue.",
        _expiry,
        Fact("expire", _SECTION, _on_cluster(None), _DEAD_LETTERED, "an expired message was dead-lettered"),
    ),
)
