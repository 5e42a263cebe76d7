"""A set of policies with one of them changed, one at a time, as a careless hand would: a check of networks must see it.

Most changes open something; a rule that is dropped shuts something, which a check must see as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sim.policy.objects import EVERYTHING, Direction, NetworkPolicy, Peer, PortRule, Rule

_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Loosening:
    """``operator`` says what kind of change, ``name`` which; ``policies`` are all of them, changed."""

    name: str
    operator: str
    policies: tuple[NetworkPolicy, ...]


def loosenings(policies: Sequence[NetworkPolicy]) -> Iterator[Loosening]:
    """Every single change of every policy and rule."""
    for place, policy in enumerate(policies):
        rest_before, rest_after = tuple(policies[:place]), tuple(policies[place + 1 :])
        for operator, where, changed in _changes(policy):
            name = f"{policy.full_name}{f' {where}' if where else ''}: {operator}"
            yield Loosening(name, operator, (*rest_before, *changed, *rest_after))


_Change = tuple[str, str, tuple[NetworkPolicy, ...]]


def _changes(policy: NetworkPolicy) -> Iterator[_Change]:
    if not policy.ingress and not policy.egress:
        yield "drop the policy", "", ()
        for direction in policy.policy_types:
            left = tuple(kept for kept in policy.policy_types if kept is not direction)
            if left:
                yield f"forget {direction}", "", (replace(policy, policy_types=left),)
    for direction in policy.policy_types:
        yield "allow everything", f"{direction}", (_with_rules(policy, direction, (Rule(),)),)
        rules = policy.rules(direction)
        for index, rule in enumerate(rules):
            where = f"{direction}[{index}]"
            for operator, what, changed in _rule_changes(rule):
                others = (*rules[:index], *changed, *rules[index + 1 :])
                yield operator, f"{where}{what}", (_with_rules(policy, direction, others),)
    if policy.pod_selector != EVERYTHING and (policy.ingress or policy.egress):
        yield "apply to every pod of the namespace", "", (replace(policy, pod_selector=EVERYTHING),)


def _rule_changes(rule: Rule) -> Iterator[tuple[str, str, tuple[Rule, ...]]]:
    """(operator, which peer or port, what takes the rule's place)."""
    yield "drop the rule", "", ()
    if rule.peers:
        yield "open to any address", "", (replace(rule, peers=()),)
        for place, peer in enumerate(rule.peers):
            for operator, wider in _peer_changes(peer):
                peers = (*rule.peers[:place], wider, *rule.peers[place + 1 :])
                yield operator, f" {peer}", (replace(rule, peers=peers),)
    if rule.ports:
        yield "open every port", "", (replace(rule, ports=()),)
        for place, port in enumerate(rule.ports):
            if isinstance(port.port, int) and port.port < _LAST_PORT:
                span = PortRule(port.protocol, port.port, _LAST_PORT)
                yield (
                    "widen a port",
                    f" {port}",
                    (replace(rule, ports=(*rule.ports[:place], span, *rule.ports[place + 1 :])),),
                )


def _peer_changes(peer: Peer) -> Iterator[tuple[str, Peer]]:
    if peer.pod_selector is not None and peer.pod_selector != EVERYTHING:
        yield "open to every pod there", replace(peer, pod_selector=EVERYTHING)
    if peer.namespace_selector != EVERYTHING and peer.ip_block is None:
        yield "open to every namespace", replace(peer, namespace_selector=EVERYTHING)
    if peer.ip_block is not None and peer.ip_block.excluded:
        yield "forget the exceptions", replace(peer, ip_block=replace(peer.ip_block, excluded=()))


def _with_rules(policy: NetworkPolicy, direction: Direction, rules: tuple[Rule, ...]) -> NetworkPolicy:
    return replace(policy, ingress=rules) if direction is Direction.INGRESS else replace(policy, egress=rules)
