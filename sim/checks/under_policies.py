"""What must go on under policies: names, the node's probes, and a pod's walls while its server dies and returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim.checks.edge_observations import edges_seen, pods_seen
from sim.checks.edge_selections import places, service_edges
from sim.checks.edges import (
    Findings,
    compare,
    control_lines,
    control_unseen,
    declared_ports,
    expected_edges,
    policies_of,
    summed,
    unpoliced,
)
from sim.history import Observation, only
from sim.plan.cluster import DNS_POD
from sim.policy.objects import Cluster, NetworkPolicy, Protocol
from sim.policy.verdict import oracle_of
from sim.probing.model import NODE, Edge, Reach
from sim.scenario import Evidence
from sim.verdict import Verdict, failed, passed, unknown

NAME = "name"
"""``actor`` a pod, ``protocol``, ``reach``, ``phase``."""
DOCUMENTED, WITHOUT_DNS = "documented", "without a rule for names"
DNS_PORT = 53

BEFORE, DOWN, AFTER = "before", "down", "after"
STARTED = "started"
"""``target`` a server, ``at``, ``phase``: when its container was started."""

_ANSWERED = frozenset({Reach.CONNECTED.value, Reach.NAME_NOT_FOUND.value, Reach.REFUSED.value})
_SHOWN = 12


def without_dns(policies: Iterable[NetworkPolicy]) -> tuple[NetworkPolicy, ...]:
    """Those that do not speak of port 53."""
    return tuple(
        policy
        for policy in policies
        if not any(port.port == DNS_PORT for rule in (*policy.ingress, *policy.egress) for port in rule.ports)
    )


def judge_names(evidence: Evidence) -> Verdict:
    """PASS when every pod resolves as the policies say, and those under them no more once the rule is gone."""
    seen = pods_seen(evidence.observations)
    if seen is None:
        return unknown("no pod was seen, so none asked for a name")
    pods, policed = seen
    documented = policies_of(evidence.topology, evidence.environment, evidence.images)
    findings = Findings()
    for phase, policies in ((DOCUMENTED, documented), (WITHOUT_DNS, without_dns(documented))):
        _judge_phase_of_names(findings, pods.with_policies(policies), phase, _answers(evidence.observations, phase))
    numbers = {
        "questions": float(findings.allowed + findings.denied),
        "denied": float(findings.denied),
        "breaches": float(len(findings.breaches)),
    }
    lines = (*findings.breaches[:_SHOWN], *findings.doubts[:_SHOWN])
    lost = unpoliced(policed, pods)
    if lost:
        return unknown(lost[0], *lines, numbers=numbers)
    if findings.breaches:
        return failed(summed(findings.breaches), *lines, numbers=numbers)
    if findings.doubts:
        return unknown(summed(findings.doubts), *lines, numbers=numbers)
    return passed(
        f"{findings.allowed} questions for a name were let through and {findings.denied} were not, by UDP and TCP",
        numbers=numbers,
    )


def _judge_phase_of_names(
    findings: Findings, cluster: Cluster, phase: str, answers: Mapping[tuple[str, str], str]
) -> None:
    oracle = oracle_of(cluster)
    for pod in places(cluster):
        for protocol in (Protocol.UDP, Protocol.TCP):
            allowed = oracle.decide(pod.full_name, DNS_POD.full_name, protocol, DNS_PORT).allowed
            findings.allowed += allowed
            findings.denied += not allowed
            reach = answers.get((pod.full_name, protocol.value), "not asked")
            words = f"{pod.full_name} asks for a name by {protocol}, {phase}: {reach}"
            if reach == (Reach.CONNECTED if allowed else Reach.DROPPED):
                continue
            if reach in _ANSWERED and not allowed:
                findings.breaches.append(f"{words}, though no policy lets it")
            elif reach == Reach.DROPPED:
                findings.breaches.append(f"{words}, though a policy lets it")
            else:
                findings.doubts.append(words)


def _answers(observations: Iterable[Observation], phase: str) -> Mapping[tuple[str, str], str]:
    return {
        (o.actor, str(o.detail["protocol"])): str(o.detail["reach"])
        for o in only(observations, NAME)
        if o.detail.get("phase") == phase
    }


def judge_restart(evidence: Evidence) -> Verdict:
    """PASS when the walls stood before, while the server was down, and after, and everybody else ran on."""
    observations = evidence.observations
    seen = pods_seen(observations)
    victims = {o.target for o in only(observations, STARTED) if o.detail.get("victim")}
    if seen is None or len(victims) != 1:
        return unknown("no server was chosen to die")
    pods, policed = seen
    (victim,) = victims
    cluster = pods.with_policies(policies_of(evidence.topology, evidence.environment, evidence.images))
    findings = Findings()
    for phase in (BEFORE, DOWN, AFTER):
        _judge_phase(findings, cluster, victim, phase, observations)
    _judge_starts(findings, victim, observations)
    _judge_node(findings, pods, observations)
    numbers = {
        "edges_allowed": float(findings.allowed),
        "edges_denied": float(findings.denied),
        "breaches": float(len(findings.breaches)),
    }
    lines = (*findings.breaches[:_SHOWN], *findings.doubts[:_SHOWN], *control_lines(observations))
    blind = [*unpoliced(policed, pods), *control_unseen(observations)]
    if blind:
        return unknown(blind[0], *lines, numbers=numbers)
    if findings.breaches:
        return failed(summed(findings.breaches), *lines, numbers=numbers)
    if findings.doubts:
        return unknown(summed(findings.doubts), *lines, numbers=numbers)
    return passed(
        f"{victim} kept its walls while it died and came back, and the node reached every server throughout",
        *lines,
        numbers=numbers,
    )


def _judge_phase(
    findings: Findings, cluster: Cluster, victim: str, phase: str, observations: tuple[Observation, ...]
) -> None:
    own = tuple(o for o in observations if o.detail.get("phase") == phase)
    expected = expected_edges(cluster, service_edges(cluster, victim))
    table = compare(expected, edges_seen(own), declared_ports(cluster))
    findings.allowed += table.allowed
    findings.denied += table.denied
    findings.breaches += [f"{phase}: {breach}" for breach in table.breaches]
    findings.doubts += [f"{phase}: {doubt}" for doubt in table.doubts]


def _judge_starts(findings: Findings, victim: str, observations: tuple[Observation, ...]) -> None:
    """The victim was started anew, everybody else runs since before."""
    times: dict[str, dict[str, str]] = {}
    for observation in only(observations, STARTED):
        times.setdefault(observation.target, {})[str(observation.detail["phase"])] = str(observation.detail["at"])
    for server, at in times.items():
        if BEFORE not in at or AFTER not in at:
            findings.doubts.append(f"{server}: not seen both before and after")
        elif server == victim and at[BEFORE] == at[AFTER]:
            findings.doubts.append(f"{server} was not started anew, so nothing was tried")
        elif server != victim and at[BEFORE] != at[AFTER]:
            findings.breaches.append(f"{server} was started anew meanwhile, though nobody touched it")


def _judge_node(findings: Findings, pods: Cluster, observations: tuple[Observation, ...]) -> None:
    """Every declared port of every server, as a kubelet would ask."""
    observed = edges_seen(tuple(o for o in observations if o.detail.get("phase") == AFTER))
    for pod in places(pods):
        for port in pod.ports:
            edge = Edge(NODE, pod.full_name, port.protocol, port.port)
            reach = observed.get(edge, "not probed")
            if reach == Reach.DROPPED.value:
                findings.breaches.append(f"{edge}: dropped, though the node always may")
            elif reach != Reach.CONNECTED.value:
                findings.doubts.append(f"{edge}: {reach}")
