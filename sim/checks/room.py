"""Policy semantics, judged: each step's observed table against the oracle's, and what else the case watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sim.checks.edge_observations import Found, edges_seen, pods_seen
from sim.checks.edge_selections import node_edges
from sim.checks.edges import compare, control_lines, control_unseen, declared_ports, expected_edges, summed
from sim.checks.room_case import FIRST, FLOW, LOOPBACK, Case, named_edge, room_edges, step_cluster
from sim.history import Observation, only
from sim.plan.cluster import DNS_POD
from sim.policy.nftables import Established
from sim.policy.objects import Cluster, Protocol
from sim.policy.verdict import Decision, oracle_of
from sim.probing.model import Edge, Reach
from sim.scenario import Evidence
from sim.verdict import Verdict, failed, passed, unknown

ENFORCED = "enforced"
"""Policies were put in force: ``step``, ``spent_s``."""
FIRST_PACKETS = "first-packets"
"""As ``edges``, by a container that had just started: ``attempt`` 1, and 2 when it was started again."""
FLOW_ASKED = "flow"
"""``phase`` opened or asked, ``reach``."""
ITSELF = "itself"
"""``actor`` a pod: ``loopback`` and ``own`` address."""
NAME = "name"
"""``actor`` a pod, ``protocol``, ``reach``."""
REFUSED_MANIFESTS = "refused-manifests"
"""What reading manifests that are wrong came to: ``message``, empty when they were taken."""

CHANGE_BOUND_S = 5.0
"""How long a change of policies or labels may take to be in force everywhere."""
_SHOWN = 12


@dataclass(slots=True)
class _Findings:
    breaches: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    edges: int = 0
    denied: int = 0


def judge_room(case: Case, evidence: Evidence) -> Verdict:
    """PASS when every step came out as the oracle says, the oracle as the case says, and the control was seen."""
    observations = evidence.observations
    seen = pods_seen(observations)
    if seen is None:
        return unknown("no room was seen, so nothing was tried in it")
    base, _ = seen
    findings = _Findings()
    for number, step in enumerate(case.steps):
        cluster = step_cluster(base, step)
        expected = expected_edges(cluster, [*node_edges(room_edges(case)), *room_edges(case)])
        wrong = list(_contradictions(expected, step.open, step.closed))
        if wrong:
            return unknown(f"the rig's oracle is wrong: {wrong[0]}", *wrong[1:])
        _judge_step(findings, case, number, cluster=cluster, expected=expected, observations=observations)
    _judge_refused(findings, case, observations)
    numbers = {
        "edges": float(findings.edges),
        "edges_denied": float(findings.denied),
        "breaches": float(len(findings.breaches)),
        "slowest_change_s": max((float(o.detail["spent_s"]) for o in only(observations, ENFORCED)), default=0.0),
    }
    lines = (
        *findings.breaches[:_SHOWN],
        *findings.doubts[:_SHOWN],
        *control_lines(observations),
        *findings.notes,
        *([case.note] if case.note else []),
    )
    blind = control_unseen(observations)
    if blind:
        return unknown(blind[0], *lines, numbers=numbers)
    if findings.breaches:
        return failed(summed(findings.breaches), *lines, numbers=numbers)
    if findings.doubts:
        return unknown(summed(findings.doubts), *lines, numbers=numbers)
    closed = findings.denied
    return passed(
        f"{findings.edges} edges in {len(case.steps)} steps, {closed} of them closed, are as the policies say",
        *lines,
        numbers=numbers,
    )


def _contradictions(
    expected: Mapping[Edge, Decision], open_: tuple[str, ...], closed: tuple[str, ...]
) -> Iterator[str]:
    for texts, allowed in ((open_, True), (closed, False)):
        for text in texts:
            decision = expected[named_edge(text)]
            if decision.allowed is not allowed:
                yield f"{text} is {'open' if allowed else 'closed'} by its source; {decision.why}"


def _judge_step(
    findings: _Findings,
    case: Case,
    number: int,
    *,
    cluster: Cluster,
    expected: Mapping[Edge, Decision],
    observations: tuple[Observation, ...],
) -> None:
    step = f"step {number + 1}: "
    own = tuple(o for o in observations if o.detail.get("step") == number)
    table = compare(expected, edges_seen(own), declared_ports(cluster))
    earlier = _answered_before(observations, number)
    for edge in _node_lost(expected, edges_seen(own), earlier):
        table.breaches.append(f"{edge}: dropped, though the node reached that port before and always may")
    findings.edges += len(expected)
    findings.denied += table.denied
    findings.breaches += [step + breach for breach in table.breaches]
    findings.doubts += [step + doubt for doubt in table.doubts]
    spent = [float(o.detail["spent_s"]) for o in only(own, ENFORCED)]
    if not spent:
        findings.doubts.append(f"{step}nothing was put in force")
    elif max(spent) > CHANGE_BOUND_S:
        findings.breaches.append(f"{step}in force after {max(spent):.1f} s, later than {CHANGE_BOUND_S:g} s")
    if "first packets" in case.extras:
        _judge_first(findings, step, expected, own)
    if "flow" in case.extras:
        _judge_flow(findings, step, case.established, expected[FLOW], own)
    if "loopback" in case.extras:
        _judge_itself(findings, step, cluster, own)
    if "names" in case.extras:
        _judge_names(findings, step, cluster, own)


def _answered_before(observations: tuple[Observation, ...], number: int) -> Found:
    answered: dict[Edge, str] = {}
    for earlier in range(number):
        answered |= edges_seen(tuple(o for o in observations if o.detail.get("step") == earlier))
    return answered


def _node_lost(expected: Mapping[Edge, Decision], observed: Found, earlier: Found) -> list[Edge]:
    """What the node reached in an earlier step and reaches no more: then the pod lives, and a policy shut it out."""
    return [
        edge
        for edge in expected
        if edge in node_edges([edge])
        and observed.get(edge) == Reach.DROPPED.value
        and earlier.get(edge) in {Reach.CONNECTED.value, Reach.REFUSED.value}
    ]


def _judge_first(
    findings: _Findings, step: str, expected: Mapping[Edge, Decision], own: tuple[Observation, ...]
) -> None:
    """Both times, everything a container does first comes out as the table says."""
    for attempt in (1, 2):
        seen = tuple(o for o in only(own, FIRST_PACKETS) if o.detail.get("attempt") == attempt)
        if not seen:
            findings.doubts.append(f"{step}no container was started the {_ORDINAL[attempt]} time")
        for observation in seen:
            edge = Edge(FIRST, observation.target, Protocol(observation.detail["protocol"]), observation.detail["port"])
            reach, allowed = str(observation.detail["reach"]), expected[edge].allowed
            if reach in {Reach.CONNECTED.value, Reach.REFUSED.value} and not allowed:
                findings.breaches.append(f"{step}{edge}: {reach} by the first packet of start {attempt}")
            elif reach == Reach.DROPPED.value and allowed:
                findings.breaches.append(f"{step}{edge}: {reach} at start {attempt}, though allowed")
            elif reach not in {Reach.CONNECTED.value, Reach.REFUSED.value, Reach.DROPPED.value}:
                findings.doubts.append(f"{step}{edge}: {reach} at start {attempt}")


def _judge_flow(
    findings: _Findings, step: str, established: Established, decision: Decision, own: tuple[Observation, ...]
) -> None:
    asked = only(own, FLOW_ASKED)
    if not asked:
        findings.doubts.append(f"{step}the connection was not asked for")
    for observation in asked:
        reach = str(observation.detail["reach"])
        survives = decision.allowed or established is Established.SURVIVES
        wanted = Reach.CONNECTED if survives else Reach.DROPPED
        if reach == wanted:
            findings.notes.append(f"{step}the connection made before {'goes on' if survives else 'is cut'}")
        elif reach in {Reach.CONNECTED, Reach.DROPPED, Reach.REFUSED}:
            declared = established.value
            findings.breaches.append(f"{step}{FLOW}, made before: {reach}, declared {declared} ({wanted})")
        else:
            findings.doubts.append(f"{step}{FLOW}, made before: {reach}")


def _judge_itself(findings: _Findings, step: str, cluster: Cluster, own: tuple[Observation, ...]) -> None:
    """Its own address counts for nothing: implementations differ, and it is only told."""
    seen = {o.actor: o for o in only(own, ITSELF)}
    for pod in cluster.pods:
        if pod is DNS_POD or pod.addresses == DNS_POD.addresses:
            continue
        found = seen.get(pod.full_name)
        reach = str(found.detail["loopback"]) if found else "not probed"
        if reach in {Reach.DROPPED, Reach.REFUSED}:
            findings.breaches.append(f"{step}{pod.full_name} → {LOOPBACK}: {reach}")
        elif reach != Reach.CONNECTED:
            findings.doubts.append(f"{step}{pod.full_name} → {LOOPBACK}: {reach}")
    own_reach = sorted({str(o.detail["own"]) for o in seen.values()})
    if own_reach:
        findings.notes.append(f"{step}a pod to itself by its own address: {', '.join(own_reach)} (told, not judged)")


def _judge_names(findings: _Findings, step: str, cluster: Cluster, own: tuple[Observation, ...]) -> None:
    oracle = oracle_of(cluster)
    seen = {(o.actor, str(o.detail["protocol"])): str(o.detail["reach"]) for o in only(own, NAME)}
    for pod in (FIRST, FLOW.source):
        for protocol in (Protocol.UDP, Protocol.TCP):
            allowed = oracle.decide(pod, DNS_POD.full_name, protocol, 53).allowed
            reach = seen.get((pod, protocol.value), "not asked")
            words = f"{step}{pod} asks for a name by {protocol}: {reach}"
            if reach == (Reach.CONNECTED if allowed else Reach.DROPPED):
                continue
            if reach in {Reach.CONNECTED, Reach.DROPPED, Reach.REFUSED, Reach.NAME_NOT_FOUND}:
                findings.breaches.append(f"{words}, {'allowed' if allowed else 'denied'} by the policies")
            else:
                findings.doubts.append(words)


def _judge_refused(findings: _Findings, case: Case, observations: tuple[Observation, ...]) -> None:
    if case.refused is None:
        return
    path, named = case.refused
    seen = only(observations, REFUSED_MANIFESTS)
    if not seen:
        findings.doubts.append(f"{path.name}: nobody tried to read it")
        return
    message = str(seen[-1].detail["message"])
    if named not in message:
        findings.breaches.append(f"{path.name}: should be refused for {named}; {message or 'it was taken'}")
    else:
        findings.notes.append(f"{path.name} is refused: {named}")


_ORDINAL = {1: "first", 2: "second"}
