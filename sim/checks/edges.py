"""Who reaches whom over the network: the policies' table against the observed one, and their difference as the verdict.

The expected side is computed from the document's policies by the oracle, never from how the rig wired anything. Silence
counts as a denial only where the node, whom no policy shuts out, had an answer from the same port of the same pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sim.checks.edge_observations import CANARY, CLOSED, OPEN, SILENT, Found, edges_seen, pods_seen
from sim.checks.edge_selections import places
from sim.history import Observation, only
from sim.images.model import ResolvedImage
from sim.plan.object_store import metrics_endpoint
from sim.plan.policies import documented_policies, one_way
from sim.policy.objects import Cluster, Direction, NetworkPolicy, Protocol
from sim.policy.verdict import Decision, oracle_of
from sim.probing.model import NODE, Edge, Reach
from sim.scenario import Evidence
from sim.topology.model import Topology
from sim.topology.names import server_names
from sim.verdict import Verdict, failed, passed, unknown

Selection = Callable[[Cluster, Topology], Sequence[Edge]]
"""The edges one claim speaks of, among those of all pods."""

_ANSWERED = frozenset({Reach.CONNECTED.value, Reach.REFUSED.value, SILENT})
SHOWN = 12


@dataclass(frozen=True, slots=True)
class Claim:
    """``wall`` None: as the platform runs; else the policies of one direction alone, the other one left open.

    ``allowed`` and ``denied``: whether there must be edges of each kind, or else nothing was shown.
    """

    edges: Selection
    wall: Direction | None = None
    words: str = ""


@dataclass(slots=True)
class Findings:
    """``allowed`` and ``denied`` count edges as they are expected."""

    breaches: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    allowed: int = 0
    denied: int = 0


def policies_of(
    topology: Topology, environment: str, images: Mapping[str, ResolvedImage], wall: Direction | None = None
) -> tuple[NetworkPolicy, ...]:
    """The document's, as an environment has them, or one direction of them."""
    store, port = images.get("object-store"), topology.object_store.api_port
    metrics_port = metrics_endpoint(store, port)[0] if store is not None else port
    name = next(known for known in topology.environments if known == environment)
    policies = documented_policies(topology, name, metrics_port)
    return policies if wall is None else one_way(policies, wall)


def expected_edges(cluster: Cluster, edges: Iterable[Edge]) -> Mapping[Edge, Decision]:
    oracle = oracle_of(cluster)
    node = cluster.node_addresses[0]
    return {
        edge: oracle.decide(node if edge.source == NODE else edge.source, edge.target, edge.protocol, edge.port)
        for edge in edges
    }


def judge_edges(claim: Claim, evidence: Evidence) -> Verdict:
    """PASS when every edge of the claim was probed and came out as the policies say, and the control was seen."""
    seen = pods_seen(evidence.observations)
    if seen is None:
        return unknown("no pod was seen, so no edge was probed")
    pods, policed = seen
    cluster = pods.with_policies(policies_of(evidence.topology, evidence.environment, evidence.images, claim.wall))
    expected = expected_edges(cluster, claim.edges(pods, evidence.topology))
    observed = edges_seen(evidence.observations)
    findings = compare(expected, observed, declared_ports(pods))
    findings.doubts += _absent(pods, evidence.topology, evidence.environment)
    numbers = {
        "edges_expected": float(len(expected)),
        "edges_probed": float(sum(edge in observed for edge in expected)),
        "edges_allowed": float(findings.allowed),
        "edges_denied": float(findings.denied),
        "breaches": float(len(findings.breaches)),
        **_speed(evidence.observations),
    }
    lines = [*findings.breaches[:SHOWN], *findings.doubts[:SHOWN], *control_lines(evidence.observations)]
    blind = [*unpoliced(policed, cluster), *control_unseen(evidence.observations)]
    if blind:
        return unknown(blind[0], *blind[1:], *lines, numbers=numbers)
    if findings.breaches:
        return failed(summed(findings.breaches), *lines, numbers=numbers)
    if not (findings.allowed and findings.denied):
        findings.doubts.insert(0, "the claim speaks of no edge that is allowed, or of none that is denied")
    if findings.doubts:
        return unknown(summed(findings.doubts), *lines, numbers=numbers)
    return passed(
        f"all {len(expected)} edges are as the policies say: {findings.allowed} open, {findings.denied} closed",
        *lines,
        numbers=numbers,
    )


def judge_asked(wall: Direction, evidence: Evidence) -> Verdict:
    """As :func:`judge_edges` with one direction's policies, of whatever edges were asked."""
    asked = tuple(edge for edge in edges_seen(evidence.observations) if edge.source != NODE)
    return judge_edges(Claim(lambda _cluster, _topology: asked, wall), evidence)


def compare(
    expected: Mapping[Edge, Decision], observed: Found, declared: frozenset[tuple[str, Protocol, int]]
) -> Findings:
    """Breaches: what surely came out otherwise. Doubts: what tells nothing."""
    findings = Findings()
    for edge, decision in expected.items():
        findings.allowed += decision.allowed
        findings.denied += not decision.allowed
        reach = observed.get(edge)
        if reach is None:
            findings.doubts.append(f"{edge}: not probed")
        elif reach not in _ANSWERED and reach != Reach.DROPPED.value:
            findings.doubts.append(f"{edge}: {reach}")
        elif decision.allowed:
            _expect_open(findings, edge, reach, observed, declared)
        else:
            _expect_closed(findings, edge, reach, observed, decision)
    return findings


def _expect_open(
    findings: Findings, edge: Edge, reach: str, observed: Found, declared: frozenset[tuple[str, Protocol, int]]
) -> None:
    node = observed.get(replace(edge, source=NODE))
    if reach == Reach.DROPPED.value:
        if edge.source == NODE:
            findings.doubts.append(f"{edge}: {reach}, so nothing is known of that port")
        elif node in _ANSWERED:
            findings.breaches.append(f"{edge}: allowed by the policies, but {reach}; the node had an answer: {node}")
        else:
            findings.doubts.append(f"{edge}: {reach}, and from the node {node or 'not probed'}: blocked or down")
    elif reach == SILENT and edge.protocol is Protocol.UDP:
        findings.breaches.append(f"{edge}: arrived, but the reply to it did not come back")
    elif reach != Reach.CONNECTED.value and (edge.target, edge.protocol, edge.port) in declared:
        findings.doubts.append(f"{edge}: reached, but the server is down ({reach})")


def _expect_closed(findings: Findings, edge: Edge, reach: str, observed: Found, decision: Decision) -> None:
    if reach in _ANSWERED:
        sides = " and ".join(direction.value for direction in decision.denied)
        findings.breaches.append(f"{edge}: denied by the policies ({sides}), but {reach}")
        return
    node = observed.get(replace(edge, source=NODE))
    if node not in _ANSWERED:
        findings.doubts.append(f"{edge}: {reach}, but the node had no answer either ({node or 'not probed'})")


def declared_ports(cluster: Cluster) -> frozenset[tuple[str, Protocol, int]]:
    return frozenset((pod.full_name, port.protocol, port.port) for pod in cluster.pods for port in pod.ports)


def _absent(cluster: Cluster, topology: Topology, environment: str) -> list[str]:
    name = next(known for known in topology.environments if known == environment)
    present = {pod.name for pod in cluster.pods}
    return [
        f"{server}: documented, but no pod of this stack"
        for server in server_names(topology, name)
        if server not in present
    ]


def unpoliced(policed: frozenset[str], cluster: Cluster) -> list[str]:
    """Why nothing tells of policies here; nothing when they are in force in every pod."""
    if not policed:
        return ["no network policy is enforced on this stack (--no-policies), so none was tried"]
    lost = [pod.full_name for pod in places(cluster) if pod.full_name not in policed]
    if lost:
        return [f"no policy is in force in {', '.join(lost[:SHOWN])}, which the rig should have seen to"]
    return []


def control_unseen(observations: Iterable[Observation]) -> list[str]:
    """Why the control does not vouch for the probes; nothing when it does."""
    seen = {str(o.detail.get("phase", "")): str(o.detail.get("reach", "")) for o in only(observations, CANARY)}
    found = []
    if seen.get(CLOSED) != Reach.DROPPED.value:
        found.append(f"the probe cannot see a closed edge: the canary was {seen.get(CLOSED, 'not tried')} when closed")
    if seen.get(OPEN) != Reach.CONNECTED.value:
        found.append(f"the probe cannot see an open edge: the canary was {seen.get(OPEN, 'not tried')} when open")
    return found


def control_lines(observations: Iterable[Observation]) -> list[str]:
    return [
        f"control: {o.detail.get('edge')} was {o.detail.get('reach')} when {o.detail.get('phase')}"
        for o in only(observations, CANARY)
    ]


def _speed(observations: Iterable[Observation]) -> dict[str, float]:
    pace = only(observations, PACE)
    if not pace:
        return {}
    edges, spent_s = float(pace[-1].detail["edges"]), float(pace[-1].detail["spent_s"])
    return {"edges_per_s": round(edges / spent_s, 1) if spent_s else 0.0, "probing_s": spent_s}


def summed(lines: list[str]) -> str:
    more = len(lines) - 1
    return f"{lines[0]}, and {more} more" if more else lines[0]


PACE = "pace"
"""How many edges were asked about, and in how many seconds."""
