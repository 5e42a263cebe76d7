"""One service's contract, asked of whatever image runs in its place; nothing of how a stand-in is made is relied on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from scenarios.marks import PROBE_HEADER
from sim.checks import contract
from sim.checks.contract import GATEWAY, Contract, deployment_of, samples
from sim.checks.facts import ask, observe_state, until
from sim.errors import Refused, Unreachable
from sim.faults.terminate import Terminate
from sim.plan.model import ServerKind, ServerSpec
from sim.scenario import Scenario, Stage
from sim.servers.http_protocol import HttpReply
from sim.services.contract.message import METHOD, PATH, REQUEST
from sim.services.contract.queues import dead_letter_queue

_PINGS_FOR_EACH = 8
_REPORTS_S = 12.0
_DEAD_LETTERS_S = 15.0

# Neither is a request of the contract: no type, no path, and headers of other types than agreed.
_MALFORMED: tuple[tuple[bytes, Mapping[str, Any], Mapping[str, str]], ...] = (
    (b"\x00\xff\xfe not JSON", {}, {}),
    (b"{}", {METHOD: "GET"}, {"type": REQUEST}),
    (b"[" * 2000, {METHOD: 17, PATH: [1, 2]}, {"type": REQUEST, "message_id": "sim-probe", "reply_to": "nobody"}),
)


def scenario(key: str, claim: str) -> Scenario:
    needs: tuple[ServerKind, ...] = ("gateway", "service", "rabbitmq", "mysql")
    return Scenario(
        name=f"contract/{'api-gateway' if key == GATEWAY else key}",
        claim=claim,
        section=contract.SECTION,
        needs=needs,
        rehearse=partial(_rehearse, key=key),
        judge=Contract(key).judge(),
        source="compose/CONTRACT.md",
    )


def _rehearse(stage: Stage, *, key: str) -> None:
    deployment = deployment_of(stage.topology, key)
    pods = [s for s in (*stage.plan.of_kind("gateway"), *stage.plan.of_kind("service")) if s.app == deployment]
    if key != GATEWAY:
        ask(stage, contract.PING, deployment, lambda: _ping(stage, key))
        _wake(stage, key, len(pods))
    for pod in pods:
        _look_at(stage, pod)
    ask(stage, contract.BROKER_USER, deployment, lambda: _rights(stage, deployment))
    if key != GATEWAY:
        _messaging(stage, key, deployment, pods)
        _database(stage, key)
    if pods:
        _drain(stage, pods[0])


def _wake(stage: Stage, key: str, pods: int) -> None:
    """Every replica answers something, before it is asked what it counted."""
    answered: set[str] = set()
    for _ in range(_PINGS_FOR_EACH * pods):
        reply = stage.servers.gateway().request("GET", f"/api/{key}/ping")
        document = reply.document()
        answered.add(str(document.get("pod")) if isinstance(document, Mapping) else "")
        if len(answered - {""}) >= pods:
            return


def _look_at(stage: Stage, pod: ServerSpec) -> None:
    service = stage.servers.service(pod.name)
    observe_state(stage, pod.name)
    ask(stage, contract.ENVIRONMENT, pod.name, lambda: stage.control.environment(pod.name))

    def health() -> Mapping[str, int]:
        return {kind: _answered(pod, service.health(kind)).status for kind in ("", "live", "ready")}

    ask(stage, contract.HEALTH, pod.name, health)

    def metrics() -> Mapping[str, Any]:
        reply = _answered(pod, service.metrics())
        if not reply.accepted:
            raise Refused(f"{pod.name} answered {reply.status} to /metrics.", str(reply.status))
        wanted = contract.signals_of(GATEWAY if pod.kind == "gateway" else "").values()
        return {
            name: labels for name, labels in samples(reply.body.decode("utf-8", "replace")).items() if name in wanted
        }

    ask(stage, contract.METRICS, pod.name, metrics)


def _answered(pod: ServerSpec, reply: HttpReply) -> HttpReply:
    if not reply.answered:
        raise Unreachable(f"{pod.name} did not answer.", evidence=reply.message)
    return reply


def _ping(stage: Stage, key: str) -> Mapping[str, Any]:
    reply = stage.servers.gateway().request("GET", f"/api/{key}/ping")
    if not reply.answered:
        raise Unreachable("The gateway did not answer.", evidence=reply.message)
    document = reply.document()
    said = document if isinstance(document, Mapping) else {}
    return {"status": reply.status, "service": said.get("service", ""), "pod": said.get("pod", "")}


def _rights(stage: Stage, user: str) -> Mapping[str, Any]:
    broker, vhost = stage.servers.broker(), stage.topology.broker.vhost
    permissions = broker.permissions(vhost).get(user)
    if permissions is None:
        raise Refused(f"The broker has no user {user} in {vhost}.", "404")
    configure, write, read = permissions
    return {"tags": broker.users().get(user, ()), "configure": configure, "write": write, "read": read}


def _messaging(stage: Stage, key: str, deployment: str, pods: list[ServerSpec]) -> None:
    broker, vhost = stage.servers.broker(), stage.topology.broker.vhost

    def queue() -> Mapping[str, Any]:
        own, dead = broker.queue(deployment), broker.queue(dead_letter_queue(deployment))
        if own is None:
            raise Refused(f"The broker has no queue {deployment}.", "404")
        arguments = own["arguments"]
        return {
            "type": own["type"],
            "dead_letter_exchange": arguments.get("x-dead-letter-exchange"),
            "delivery_limit": arguments.get("x-delivery-limit"),
            "dead_letter_queue": dead["type"] if dead else "",
        }

    ask(stage, contract.QUEUE, deployment, queue)
    # The management plug-in reports consumers every few seconds.
    ask(
        stage,
        contract.CONSUMERS,
        deployment,
        lambda: until(stage, lambda: broker.consumers(vhost).get(deployment, ()), bool, _REPORTS_S),
    )
    ask(stage, contract.POISON, deployment, lambda: _poison(stage, key, deployment, pods))


def _poison(stage: Stage, key: str, deployment: str, pods: list[ServerSpec]) -> Mapping[str, Any]:
    """Malformed messages straight into the queue; what became of them is taken away again."""
    broker, mark = stage.servers.broker(), f"{stage.rng.getrandbits(48):012x}"
    exchange = next(e.name for e in stage.topology.broker.exchanges if e.type == "direct")
    before = {pod.name: stage.control.state(pod.name).started_at for pod in pods}
    publisher = broker.publisher(stage.rng.getrandbits(32))
    try:
        for body, headers, properties in _MALFORMED:
            publisher.publish(
                exchange, deployment, body, headers={**headers, PROBE_HEADER: mark}, properties=properties
            )
    finally:
        publisher.close()
    dead = 0

    def taken() -> int:
        nonlocal dead
        dead += broker.take_marked(dead_letter_queue(deployment), PROBE_HEADER, mark)
        return dead

    until(stage, taken, lambda count: count >= len(_MALFORMED), _DEAD_LETTERS_S)
    after = {pod.name: stage.control.state(pod.name).started_at for pod in pods}
    return {
        "sent": len(_MALFORMED),
        "dead_lettered": dead,
        "restarted": sorted(name for name, started_at in after.items() if started_at != before[name]),
        "ping": _ping(stage, key)["status"],
    }


def _database(stage: Stage, key: str) -> None:
    owned = stage.topology.services[key].database
    if owned is not None:
        server = stage.topology.databases[owned].deployment
        ask(stage, contract.DATABASE_SESSION, server, stage.servers.sql(server).sessions)


def _drain(stage: Stage, pod: ServerSpec) -> None:
    """Ask one pod to end, see how it does, and have it serve again."""
    service = stage.servers.service(pod.name)
    began_s = stage.clock.now_s()
    with Terminate(pod.name, ready=lambda: service.health("ready").accepted).inject(stage):
        took_s = stage.clock.now_s() - began_s
        state = stage.control.state(pod.name)
        if state.state == "exited":
            drained = {"exit_code": state.exit_code, "took_s": round(took_s, 2), "grace_s": pod.stop_grace_s}
            ask(stage, contract.DRAIN, pod.name, lambda: drained)
