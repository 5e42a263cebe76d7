"""What network policies mean, case by case: manifests, the steps they come in force in, edges stated by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sim.checks.room_case import Case, Step
from sim.policy.nftables import Established

_MANIFESTS = Path(__file__).parent / "cases"

_GUIDE = "Kubernetes documentation, Network Policies"
_TESTS = "kubernetes/kubernetes test/e2e/network/netpol"
_CYCLONUS = "mattfenwick/cyclonus, generated test cases"
_GRANTED = {"access": "granted"}


def _at(name: str) -> Path:
    return _MANIFESTS / f"{name}.yaml"


def _step(manifests: str = "", *, open_: str = "", closed: str = "", **labels: Mapping[str, Mapping[str, str]]) -> Step:
    """Edges are separated by commas; one without a port is meant on TCP 80."""
    return Step(_at(manifests) if manifests else None, open=_edges(open_), closed=_edges(closed), **labels)


def _edges(text: str) -> tuple[str, ...]:
    found = []
    for edge in filter(None, (part.strip() for part in text.split(","))):
        words = edge.split()
        found.append(" ".join(words if len(words) == 4 else [*words, "TCP", "80"]))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Described:
    """A case with the words a report has for it."""

    name: str
    claim: str
    source: str
    case: Case


def _described(name: str, claim: str, source: str, *steps: Step, case: Case | None = None) -> Described:
    return Described(name, claim, source, case or Case(steps))


CASES: tuple[Described, ...] = (
    _described(
        "no-policies",
        "Without policies every pod reaches every other.",
        _TESTS,
        _step(open_="x/a x/b, x/a y/b, z/c x/a, y/b x/a UDP 81"),
    ),
    _described(
        "default-deny-ingress",
        "Pods shut for ingress are reached by nobody and still reach everyone else.",
        _TESTS,
        _step("deny-ingress", open_="x/a y/b, y/a z/b", closed="y/b x/a, x/b x/a, z/a x/c UDP 80"),
    ),
    _described(
        "default-deny-both",
        "Pods shut both ways reach nobody and are reached by nobody.",
        _TESTS,
        _step("deny-both", open_="y/a z/b", closed="y/b x/a, x/a y/b, x/a x/b, x/c z/a UDP 80"),
    ),
    _described(
        "deny-and-allow",
        "What one policy denies another may allow, in whichever order they come.",
        f"{_TESTS}; {_CYCLONUS}",
        _step("stacked-deny-first", open_="y/b x/a", closed="z/b x/a, x/b x/a, y/b x/b"),
        _step("stacked-allow-first", open_="y/b x/a", closed="z/b x/a, x/b x/a, y/b x/b"),
    ),
    _described(
        "both-ends",
        "A connection needs both ends: one end's leave alone is not enough, either way round.",
        _CYCLONUS,
        _step("egress-only", open_="x/a y/a", closed="x/a y/b, z/a y/b, x/a z/a"),
        _step("ingress-only", open_="x/b y/b", closed="x/a y/b, z/a y/b"),
    ),
    _described(
        "empty-ingress",
        "No ingress rule, an empty list and null all shut out everyone; one empty rule lets everyone in.",
        _CYCLONUS,
        _step("ingress-empty-list", closed="x/b x/a, y/a x/a UDP 81", open_="x/a y/a"),
        _step("ingress-null", closed="x/b x/a, y/a x/a UDP 81", open_="x/a y/a"),
        _step("ingress-omitted", closed="x/b x/a, y/a x/a UDP 81", open_="x/a y/a"),
        _step("ingress-empty-rule", open_="x/b x/a, y/a x/a UDP 81, z/c x/a TCP 81"),
    ),
    _described(
        "types-omitted",
        "Without policyTypes a policy is for ingress, and for egress only where it has egress rules.",
        f"{_GUIDE}; API reference, policyTypes",
        _step("types-omitted", open_="x/a y/a", closed="y/a x/a"),
        _step("types-omitted-egress-rules", open_="x/a x/b", closed="y/a x/a, x/a y/a, x/a x/c"),
    ),
    _described(
        "both-or-either-selector",
        "Both selectors in one peer must match; in two peers either does.",
        f"{_GUIDE}, Behavior of to and from selectors",
        _step("both-selectors", open_="y/b x/a", closed="y/a x/a, x/b x/a, z/b x/a"),
        _step("either-selector", open_="y/b x/a, y/a x/a, x/b x/a", closed="z/b x/a, x/c x/a"),
    ),
    _described(
        "own-namespace",
        "A pod selector alone means pods of the policy's own namespace.",
        _CYCLONUS,
        _step("own-namespace", open_="x/b x/a", closed="y/b x/a, z/b x/a, x/c x/a"),
    ),
    _described(
        "every-namespace",
        "An empty namespace selector means every namespace.",
        _TESTS,
        _step("every-namespace", open_="x/b x/a, y/a x/a, z/c x/a TCP 81"),
    ),
    _described(
        "expressions",
        "In, NotIn, Exists, DoesNotExist and the label of a namespace's name match exactly what they say.",
        _TESTS,
        _step("expression-in", open_="x/b x/a, z/b x/a", closed="y/b x/a, x/c x/a"),
        _step("expression-not-in", open_="y/a x/a, z/b x/a", closed="x/b x/a, y/c x/a"),
        _step("expression-exists", open_="y/b x/a", closed="y/a x/a, x/b x/a"),
        _step("expression-absent", open_="y/a x/a, x/b x/a", closed="y/b x/a"),
        _step("namespace-by-name", open_="z/a x/a, z/c x/a", closed="y/a x/a, x/b x/a"),
    ),
    _described(
        "ip-block",
        "An address block of one address lets in that address only.",
        _TESTS,
        _step("ip-block", open_="y/b x/a", closed="y/a x/a, x/b x/a, z/b x/a"),
    ),
    _described(
        "ip-block-except",
        "What a block excepts it does not let in.",
        _TESTS,
        _step("ip-except", open_="y/a x/a, x/b x/a", closed="y/b x/a, y/b x/a UDP 80"),
    ),
    _described(
        "excepted-but-allowed",
        "An exception is its own peer's: another peer, or another rule, may let the same address in.",
        f"{_TESTS}, extended",
        _step("ip-except-other-peer", open_="y/b x/a, y/b x/a TCP 81, y/a x/a"),
        _step("ip-except-other-rule", open_="y/b x/a, y/a x/a TCP 81", closed="y/b x/a TCP 81, y/b x/a UDP 80"),
    ),
    _described(
        "udp-only",
        "A rule for UDP lets no TCP in.",
        _TESTS,
        _step("udp-only", open_="y/b x/a UDP 80", closed="y/b x/a, y/b x/a UDP 81, x/b x/a TCP 81"),
    ),
    _described(
        "sctp-only",
        "A rule for SCTP lets neither TCP nor UDP in.",
        _TESTS,
        case=Case(
            (_step("sctp-only", closed="y/b x/a, y/b x/a UDP 80"),),
            note="SCTP itself was not observed: where the kernel has none, only the oracle speaks of it",
        ),
    ),
    _described(
        "omitted-fields",
        "A port without a protocol is TCP's; a protocol without a port is all of its ports.",
        _CYCLONUS,
        _step("protocol-omitted", open_="y/b x/a", closed="y/b x/a UDP 80, y/b x/a TCP 81"),
        _step("port-omitted", open_="y/b x/a UDP 80, y/b x/a UDP 81", closed="y/b x/a, y/b x/a TCP 81"),
    ),
    _described(
        "port-range",
        "A range lets in both of its bounds and nothing beyond; one upside down is refused when it is read.",
        f"{_GUIDE}, Targeting a range of ports",
        case=Case(
            (
                _step(
                    "end-port",
                    open_="y/b x/a TCP 82, y/b x/a TCP 83, y/b x/a TCP 84",
                    closed="y/b x/a TCP 81, y/b x/a TCP 85, y/b x/a",
                ),
            ),
            more_ports=(82, 83, 84, 85),
            refused=(_at("end-port-below"), "spec.ingress[0].ports[0].endPort"),
        ),
    ),
    _described(
        "named-port",
        "A port's name means that port of the pod spoken to; an unknown name, or one of another protocol, means none.",
        _CYCLONUS,
        _step("named-port", open_="y/b x/a TCP 81", closed="y/b x/a, y/b x/a UDP 81"),
        _step("named-port-unknown", closed="y/b x/a, y/b x/a TCP 81, y/b x/a UDP 80"),
        _step("named-port-wrong-protocol", closed="y/b x/a, y/b x/a UDP 80, y/b x/a TCP 81"),
    ),
    _described(
        "update-and-delete",
        "A policy that is changed, then deleted, changes the table each time, within seconds.",
        _TESTS,
        _step("update-first", open_="y/b x/a", closed="z/b x/a"),
        _step("update-second", open_="z/b x/a", closed="y/b x/a"),
        _step(open_="y/b x/a, z/b x/a, x/b x/a"),
    ),
    _described(
        "pod-label-flip",
        "A pod that gets the label gets in, and is shut out again when it loses it.",
        f"{_TESTS}; {_CYCLONUS}",
        _step("by-pod-label", closed="y/b x/a, z/a x/a"),
        _step("by-pod-label", open_="y/b x/a", closed="z/a x/a", pod_labels={"y/b": _GRANTED}),
        _step("by-pod-label", closed="y/b x/a, z/a x/a"),
    ),
    _described(
        "namespace-label-flip",
        "A namespace that gets the label gets in, and is shut out again when it loses it.",
        f"{_TESTS}; {_CYCLONUS}",
        _step("by-namespace-label", closed="y/b x/a, z/a x/a"),
        _step("by-namespace-label", open_="y/b x/a, y/a x/a", closed="z/a x/a", namespace_labels={"y": _GRANTED}),
        _step("by-namespace-label", closed="y/b x/a, z/a x/a"),
    ),
    _described(
        "first-packet",
        "A container is isolated from its first packet, when it starts and when it is started again.",
        f"{_GUIDE}, Pod lifecycle",
        case=Case(
            (_step("from-first-packet", open_="x/a x/b", closed="x/a y/b, x/a x/c"),),
            extras=frozenset({"first packets"}),
        ),
    ),
    _described(
        "established-survives",
        "Lax, as most networks are: a connection that was allowed outlives a denial; a new one is denied.",
        f"{_GUIDE}: undefined by the API; kubernetes-sigs/kube-network-policies",
        case=Case(
            (_step(open_="y/b x/a"), _step("deny-both", closed="y/b x/a")),
            extras=frozenset({"flow"}),
        ),
    ),
    _described(
        "established-is-cut",
        "Strict, as declared: a denial ends a connection that was allowed before.",
        f"{_GUIDE}: undefined by the API; kubernetes-sigs/kube-network-policies",
        case=Case(
            (_step(open_="y/b x/a"), _step("deny-both", closed="y/b x/a")),
            extras=frozenset({"flow"}),
            established=Established.CUT,
        ),
    ),
    _described(
        "replies",
        "Replies to a connection that was allowed need no rule of their own.",
        f"{_GUIDE}: connections, not packets, are allowed",
        _step("replies", open_="x/a y/b, x/a y/b UDP 80, z/a y/b UDP 81", closed="y/b x/a, z/a x/a, y/b z/a"),
    ),
    _described(
        "loopback",
        "A pod shut both ways still reaches itself on 127.0.0.1.",
        _TESTS,
        case=Case((_step("deny-both", closed="y/b x/a, x/a y/b"),), extras=frozenset({"loopback"})),
    ),
    _described(
        "node-probes",
        "The node reaches a pod that is shut both ways: a kubelet's probes must not fail for a policy.",
        "kubernetes-sigs/kube-network-policies",
        _step(open_="node x/a, node x/b TCP 81, y/b x/a"),
        _step("deny-both", open_="node x/a, node x/b TCP 81, node x/c UDP 80", closed="y/b x/a, x/b x/a"),
    ),
    _described(
        "dns",
        "Shut for egress a pod resolves no name; with UDP and TCP 53 to the cluster's DNS it does, by either.",
        f"{_CYCLONUS}, adapted",
        case=Case(
            (
                _step(open_="x/a y/b"),
                _step("deny-both", closed="x/a y/b"),
                _step("dns-udp-and-tcp", closed="x/a y/b"),
            ),
            extras=frozenset({"names"}),
        ),
    ),
    _described(
        "udp-evidence",
        "A datagram is let through when its receiver has it, and denied when a receiver that is there has it not.",
        "controlplaneio/netassert",
        _step(open_="y/b x/a UDP 80, y/b x/a UDP 81"),
        _step("udp-only", open_="y/b x/a UDP 80", closed="y/b x/a UDP 81"),
        _step("deny-ingress", closed="y/b x/a UDP 80, y/b x/a UDP 81", open_="x/a y/b UDP 80"),
    ),
)
