"""How far one step may go: bounds, the older rules' doubling, or the policies of a ``behavior``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.autoscaling.model import Behaviour, Rules, Select, Spec

OLD_FACTOR = 2
OLD_LEAST = 4
"""Without a ``behavior``: to twice the replicas, or to 4, at one step."""


@dataclass(frozen=True, slots=True)
class Change:
    """So many replicas came, or went, at that time."""

    at_s: float
    replicas: int


@dataclass(slots=True)
class Log:
    """The steps made so far, up and down."""

    ups: list[Change] = field(default_factory=list)
    downs: list[Change] = field(default_factory=list)

    def replicas_at(self, then_s: float, current: int) -> int:
        """How many there were, by what came and went after it."""
        return current - _since(self.ups, then_s) + _since(self.downs, then_s)


@dataclass(frozen=True, slots=True)
class Bounded:
    """``reason`` is the controller's word for what limited the step; ``DesiredWithinRange`` when nothing did."""

    replicas: int
    reason: str


def bounded_by_old_rules(current: int, desired: int, spec: Spec) -> Bounded:
    """No memory of earlier steps: the bounds, and a step up to twice the replicas."""
    least, most = spec.min_replicas, spec.max_replicas
    up_limit = max(OLD_FACTOR * current, OLD_LEAST)
    if desired < least:
        return Bounded(least, "TooFewReplicas")
    if desired > min(most, up_limit):
        return Bounded(min(most, up_limit), "TooManyReplicas" if most <= up_limit else "ScaleUpLimit")
    return Bounded(desired, "DesiredWithinRange")


def bounded_by_behaviour(current: int, desired: int, spec: Spec, log: Log, *, now_s: float) -> Bounded:
    """What policies and bounds leave of a step. Without a ``behaviour`` its defaults."""
    behaviour = spec.behaviour or Behaviour()
    least, most = spec.min_replicas, spec.max_replicas
    if desired > current:
        limit = max(current, up_limit(current, behaviour.up, log, now_s))
        if desired > min(most, limit):
            return Bounded(min(most, limit), "ScaleUpLimit" if limit < most else "TooManyReplicas")
    elif desired < current:
        limit = min(current, down_limit(current, behaviour.down, log, now_s))
        if desired < max(least, limit):
            return Bounded(max(least, limit), "ScaleDownLimit" if limit > least else "TooFewReplicas")
    return Bounded(desired, "DesiredWithinRange")


def up_limit(current: int, rules: Rules, log: Log, now_s: float) -> int:
    """The most replicas the policies allow now; may be less than there are."""
    if rules.select is Select.DISABLED:
        return current
    proposals = []
    for policy in rules.policies:
        began = log.replicas_at(now_s - policy.period_s, current)
        if policy.pods is not None:
            proposals.append(began + policy.pods)
        if policy.percent is not None:
            # In binary fractions, as there: 100 pods and 10 % are a little more than 110, and so 111.
            proposals.append(math.ceil(began * (1 + policy.percent / 100)))
    return max(proposals) if rules.select is Select.MAX else min(proposals)


def down_limit(current: int, rules: Rules, log: Log, now_s: float) -> int:
    """The fewest replicas the policies allow now; may be more than there are, or less than none."""
    if rules.select is Select.DISABLED:
        return current
    proposals = []
    for policy in rules.policies:
        began = log.replicas_at(now_s - policy.period_s, current)
        if policy.pods is not None:
            proposals.append(began - policy.pods)
        if policy.percent is not None:
            proposals.append(math.trunc(began * (1 - policy.percent / 100)))
    # The greatest change is the lowest limit.
    return min(proposals) if rules.select is Select.MAX else max(proposals)


def _since(changes: Sequence[Change], cutoff_s: float) -> int:
    return sum(change.replicas for change in changes if change.at_s > cutoff_s)
