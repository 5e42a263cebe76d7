"""The controller's loop over time: each sync takes pods and metrics and says how many replicas there should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.autoscaling.limits import Change, Log, bounded_by_behaviour, bounded_by_old_rules
from sim.autoscaling.model import MetricUnavailable, Pod, Spec, Timing, Usage
from sim.autoscaling.replicas import Proposal, propose


@dataclass(frozen=True, slots=True)
class Decision:
    """``proposed`` is what the metrics call for, ``stabilised`` what the window makes of it, ``desired`` what is done.

    ``percents`` is each resource's utilisation seen, ``invalid`` what could not be told and why.
    """

    current: int
    proposed: int | None
    stabilised: int
    desired: int
    reason: str
    percents: Mapping[str, int] = field(default_factory=dict)
    invalid: tuple[str, ...] = ()


@dataclass(slots=True)
class Controller:
    """One autoscaler's: it remembers its recommendations and its steps."""

    spec: Spec
    timing: Timing = field(default_factory=Timing)
    _recommendations: list[Change] = field(default_factory=list)
    _log: Log = field(default_factory=Log)

    def sync(
        self, now_s: float, current: int, pods: Sequence[Pod], usage: Mapping[str, Mapping[str, Usage]]
    ) -> Decision:
        """``usage`` by resource, then by pod. The caller makes the replicas ``desired`` before the next sync."""
        if not self._recommendations:
            # A controller that starts cannot know why there are so many, and does not take them away at once.
            self._recommendations.append(Change(now_s, current))
        decision = self._decided(now_s, current, pods, usage)
        if decision.desired > current:
            self._log.ups.append(Change(now_s, decision.desired - current))
        elif decision.desired < current:
            self._log.downs.append(Change(now_s, current - decision.desired))
        return decision

    def _decided(
        self, now_s: float, current: int, pods: Sequence[Pod], usage: Mapping[str, Mapping[str, Usage]]
    ) -> Decision:
        spec = self.spec
        if current == 0 and spec.min_replicas != 0:
            return Decision(current, None, current, current, "ScalingDisabled")
        if current > spec.max_replicas:
            return Decision(current, None, current, spec.max_replicas, "TooManyReplicas")
        if current < spec.min_replicas:
            return Decision(current, None, current, spec.min_replicas, "TooFewReplicas")
        proposals, invalid = self._proposals(now_s, current, pods, usage)
        percents = {resource: proposal.percent for resource, proposal in proposals.items()}
        proposed = max((p.replicas for p in proposals.values()), default=None)
        if proposed is None or (invalid and proposed < current):
            # One metric that cannot be told must not be overruled by another that would scale down.
            return Decision(current, proposed, current, current, "FailedGetMetrics", percents, invalid)
        stabilised = self._stabilised(now_s, current, proposed)
        self._recommendations.append(Change(now_s, proposed))
        if spec.behaviour is None:
            bounded = bounded_by_old_rules(current, stabilised, spec)
        else:
            bounded = bounded_by_behaviour(current, stabilised, spec, self._log, now_s=now_s)
        return Decision(current, proposed, stabilised, bounded.replicas, bounded.reason, percents, invalid)

    def _proposals(
        self, now_s: float, current: int, pods: Sequence[Pod], usage: Mapping[str, Mapping[str, Usage]]
    ) -> tuple[dict[str, Proposal], tuple[str, ...]]:
        proposals: dict[str, Proposal] = {}
        invalid: list[str] = []
        for target in self.spec.targets:
            try:
                seen = usage.get(target.resource, {})
                proposals[target.resource] = propose(current, target, pods, seen, timing=self.timing, now_s=now_s)
            except MetricUnavailable as error:
                invalid.append(f"{target.resource}: {error}")
        return proposals, tuple(invalid)

    def _stabilised(self, now_s: float, current: int, proposed: int) -> int:
        """Up by no more than the lowest, down by no more than the highest recommendation of each one's window."""
        if self.spec.behaviour is None:
            return max((proposed, *self._within(now_s, self.timing.downscale_stabilisation_s)))
        up, down = self.spec.behaviour.up, self.spec.behaviour.down
        lowest = min((proposed, *self._within(now_s, up.stabilisation_s)))
        highest = max((proposed, *self._within(now_s, down.stabilisation_s)))
        return min(max(current, lowest), highest)

    def _within(self, now_s: float, window_s: float) -> list[int]:
        return [r.replicas for r in self._recommendations if r.at_s > now_s - window_s]
