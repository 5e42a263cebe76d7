"""Edges judged: what is a breach, what tells nothing, and what a verdict needs before it may pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sim.checks.edge_observations import CANARY, EDGES, PODS, SILENT, edges_seen, found_detail, pods_detail, pods_seen
from sim.checks.edge_selections import node_edges
from sim.checks.edges import Claim, judge_edges, policies_of
from sim.history import Observation, Outcome
from sim.plan.cluster import cluster_of
from sim.policy.objects import Cluster, Direction, Protocol
from sim.policy.verdict import oracle_of
from sim.probing.model import NO_GREETING, NO_REPLY, NODE, Answer, Edge, Reach
from sim.scenario import Evidence
from sim.topology.model import Topology
from sim.verdict import Status, Verdict
from tests.unit.plan_sample import packaged, plan

_AUTH, _REDIS, _SAV = "e-commerce-dev/auth-service", "e-commerce-dev/redis", "e-commerce-dev/sav-service"
_OPEN = Edge(_AUTH, _REDIS, Protocol.TCP, 6379)
_CLOSED = Edge(_SAV, _REDIS, Protocol.TCP, 6379)
_ASKED = (_OPEN, _CLOSED)
_AT_NODE = Edge(NODE, _REDIS, Protocol.TCP, 6379)


def _selection(cluster: Cluster, topology: Topology) -> Sequence[Edge]:
    del cluster, topology
    return _ASKED


_CLAIM = Claim(_selection)
Change = Callable[[dict[Edge, Reach | str]], None]


@functools.cache
def _cluster() -> Cluster:
    return cluster_of(plan())


def _images() -> dict[str, object]:
    return {server.image.component: server.image for server in plan().servers}


def _observation(op: str, target: str = "", *, actor: str = "rig", **detail: object) -> Observation:
    return Observation(0.0, "isolation/edges", actor, op, target, Outcome.OK, detail)


def _history(change: Change | None = None, *, policed: bool = True, canary: bool = True) -> list[Observation]:
    """As a platform that is conformant would leave it, changed."""
    pods = [pod.full_name for pod in _cluster().pods] if policed else []
    table: dict[Edge, Reach | str] = {_AT_NODE: Reach.CONNECTED, _OPEN: Reach.CONNECTED, _CLOSED: Reach.DROPPED}
    if change is not None:
        change(table)
    found = [_observation(PODS, **pods_detail(_cluster(), pods))]
    if canary:
        found += [_observation(CANARY, "x", phase="closed", reach="dropped", edge="c")]
        found += [_observation(CANARY, "x", phase="open", reach="connected", edge="c")]
    for edge, reach in table.items():
        place = f"{edge.protocol.value} {edge.port}"
        found.append(_observation(EDGES, edge.target, actor=edge.source, found={str(reach): [place]}))
    return found


def _judged(history: Sequence[Observation], claim: Claim = _CLAIM) -> Verdict:
    return judge_edges(claim, Evidence(tuple(history), packaged(), "development", _images()))  # type: ignore[arg-type]


def _set(edge: Edge, reach: Reach | str) -> Change:
    return lambda table: table.update({edge: reach})


def _without(edge: Edge) -> Change:
    return lambda table: table.pop(edge) and None


def test_as_the_policies_say_is_a_pass() -> None:
    """One edge open, one closed, the node let in, the control seen."""
    verdict = _judged(_history())
    assert verdict.status is Status.PASS, verdict
    assert verdict.numbers["edges_allowed"] == verdict.numbers["edges_denied"] == 1


def test_an_empty_history_is_unknown() -> None:
    """Nothing was seen."""
    assert _judged(()).status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set(_CLOSED, Reach.CONNECTED), "denied by the policies (egress and ingress), but connected"),
        (_set(_CLOSED, Reach.REFUSED), "denied by the policies (egress and ingress), but refused"),
        (_set(_CLOSED, SILENT), "denied by the policies (egress and ingress), but silent"),
        (_set(_OPEN, Reach.DROPPED), "allowed by the policies, but dropped; the node had an answer: connected"),
    ],
)
def test_what_surely_came_out_otherwise_is_a_breach(change: Change, said: str) -> None:
    """A reset is an answer, too: a packet came through and one came back."""
    verdict = _judged(_history(change))
    assert verdict.status is Status.FAIL
    assert said in verdict.reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without(_CLOSED), "not probed"),
        (_without(_OPEN), "not probed"),
        (_without(_AT_NODE), "the node had no answer either (not probed)"),
        (_set(_AT_NODE, Reach.DROPPED), "the node had no answer either (dropped)"),
        (_set(_CLOSED, Reach.PROBER_FAILED), "prober failed"),
        (_set(_CLOSED, Reach.NO_ROUTE), "no route"),
        (_set(_OPEN, Reach.REFUSED), "the server is down (refused)"),
        (_set(_OPEN, SILENT), "the server is down (silent)"),
    ],
)
def test_what_tells_nothing_is_unknown(change: Change, said: str) -> None:
    """Not probed, a prober that failed, no route, a server that is down: never a wall, never a breach."""
    verdict = _judged(_history(change))
    assert verdict.status is Status.UNKNOWN
    assert said in "\n".join((verdict.reason, *verdict.evidence))


def test_a_dead_target_is_not_a_broken_rule() -> None:
    """Dropped from the node, too: blocked or down, nobody can tell."""
    verdict = _judged(_history(lambda t: t.update({_OPEN: Reach.DROPPED, _AT_NODE: Reach.DROPPED})))
    assert verdict.status is Status.UNKNOWN
    assert "blocked or down" in "\n".join(verdict.evidence)


def test_a_breach_outweighs_a_doubt() -> None:
    """One edge open that should be closed, another unprobed: the platform failed."""
    history = _history(lambda t: (t.update({_CLOSED: Reach.CONNECTED}), t.pop(_OPEN))[0])
    assert _judged(history).status is Status.FAIL


def test_without_policies_in_force_or_a_control_nothing_is_judged() -> None:
    """Neither a pass nor a failure comes of a stack without policies, or of a probe nobody vouches for."""
    opened = _set(_CLOSED, Reach.CONNECTED)
    assert "--no-policies" in _judged(_history(opened, policed=False)).reason
    assert _judged(_history(opened, policed=False)).status is Status.UNKNOWN
    assert _judged(_history(opened, canary=False)).status is Status.UNKNOWN


def test_one_pod_without_its_table_is_the_rigs_fault() -> None:
    """Named, and nothing is judged."""
    history = _history()
    some = [pod.full_name for pod in _cluster().pods if pod.full_name != _REDIS]
    history[0] = _observation(PODS, **pods_detail(_cluster(), some))
    verdict = _judged(history)
    assert verdict.status is Status.UNKNOWN
    assert _REDIS in verdict.reason


def test_a_documented_server_without_a_pod_leaves_it_open() -> None:
    """Part of a platform is not the platform."""
    history = _history()
    part = replace(_cluster(), pods=tuple(pod for pod in _cluster().pods if pod.name != "sav-service-mysql"))
    history[0] = _observation(PODS, **pods_detail(part, [pod.full_name for pod in part.pods]))
    verdict = _judged(history)
    assert verdict.status is Status.UNKNOWN
    assert "sav-service-mysql" in verdict.reason


def test_a_claim_of_closed_edges_alone_shows_nothing() -> None:
    """A network that is down would pass it."""
    history = _history()
    verdict = _judged(history, Claim(lambda *_: (_CLOSED,)))
    assert verdict.status is Status.UNKNOWN


def test_each_wall_alone_has_its_own_table() -> None:
    """With the way in left open, only the way out decides, and the other way round."""
    for wall in Direction:
        policies = policies_of(packaged(), "development", {}, wall)
        oracle = oracle_of(_cluster().with_policies(policies))
        decision = oracle.decide(_SAV, _REDIS, Protocol.TCP, 6379)
        assert decision.denied == (wall,)
        assert {policy.policy_types for policy in policies} == {(wall,)}


def test_what_was_written_down_is_read_back() -> None:
    """Pods with labels, addresses and ports; edges with outcomes; the one that got further counts."""
    cluster = _cluster()
    seen = pods_seen([_observation(PODS, **pods_detail(cluster, [_REDIS]))])
    assert seen is not None
    assert seen[0] == replace(cluster, policies=())
    assert seen[1] == {_REDIS}
    answers = {
        _OPEN: Answer(Reach.CONNECTED, 1.0, NO_GREETING),
        replace(_OPEN, protocol=Protocol.UDP): Answer(Reach.CONNECTED, 1.0, NO_REPLY),
        replace(_OPEN, port=1): Answer(Reach.PROBER_FAILED, 0.0, "it died"),
    }
    written = _observation(EDGES, _REDIS, actor=_AUTH, **found_detail(answers))
    assert written.detail["evidence"] == "it died"
    table = edges_seen([written, _observation(EDGES, _REDIS, actor=_AUTH, found={"dropped": ["TCP 6379"]})])
    assert table == {
        _OPEN: SILENT,
        replace(_OPEN, protocol=Protocol.UDP): SILENT,
        replace(_OPEN, port=1): "prober failed",
    }
    assert node_edges([_OPEN, _CLOSED]) == [_AT_NODE]
