"""Changes of policies: one at a time, each really a change, and of every kind there is."""

from __future__ import annotations

from sim.policy.loosening import loosenings
from sim.policy.objects import Direction, IPBlock, LabelSelector, NetworkPolicy, Peer, PortRule, Rule

_WEB = LabelSelector.of({"app": "web"})
_DENY = NetworkPolicy("deny-all", "shop", policy_types=(Direction.INGRESS, Direction.EGRESS))
_ALLOW = NetworkPolicy(
    "allow-web",
    "shop",
    LabelSelector.of({"app": "db"}),
    ingress=(
        Rule((Peer(pod_selector=_WEB),), (PortRule(port=3306),)),
        Rule((Peer(ip_block=IPBlock("10.0.0.0/8", ("10.1.0.0/16",))),), (PortRule(port="named"),)),
    ),
)


def test_each_is_one_change_of_one_policy() -> None:
    """All others are as they were, and the changed one is not."""
    base = (_DENY, _ALLOW)
    for change in loosenings(base):
        assert len([policy for policy in base if policy not in change.policies]) == 1, change.name
        assert len(change.policies) >= len(base) - 1
    names = [change.name for change in loosenings(base)]
    assert len(names) == len(set(names))


def test_every_kind_of_opening_is_there() -> None:
    """Dropped policies and directions, widened ports, selectors and blocks, and rules that allow everything."""
    assert {change.operator for change in loosenings((_DENY, _ALLOW))} == {
        "allow everything",
        "apply to every pod of the namespace",
        "drop the policy",
        "drop the rule",
        "forget egress",
        "forget ingress",
        "forget the exceptions",
        "open every port",
        "open to any address",
        "open to every namespace",
        "open to every pod there",
        "widen a port",
    }


def test_what_is_open_already_is_not_opened_again() -> None:
    """No policies, no changes; a rule for everybody on every port can only be dropped."""
    assert list(loosenings(())) == []
    everybody = NetworkPolicy("open", "shop", ingress=(Rule(),))
    changes = {change.operator: change for change in loosenings((everybody,))}
    assert "open every port" not in changes
    assert "open to any address" not in changes
    assert changes["drop the rule"].policies[0].ingress == ()
