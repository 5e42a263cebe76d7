"""What an autoscaler is told: pods, what they use, what is aimed at, and how fast it may act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CPU = "cpu"
MEMORY = "memory"


class Phase(StrEnum):
    PENDING = "Pending"
    RUNNING = "Running"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the controller sees it. ``ready_changed_s`` is when its readiness last changed; None if it has none yet.

    ``requests_milli`` by resource: a pod without the one aimed at makes the metric invalid.
    """

    name: str
    requests_milli: Mapping[str, int]
    phase: Phase = Phase.RUNNING
    ready: bool = True
    started_s: float | None = 0.0
    ready_changed_s: float | None = 0.0
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a pod used, on average over ``window_s`` up to ``at_s``."""

    milli: int
    at_s: float
    window_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Target:
    """Average utilisation aimed at, in per cent of what the pods request."""

    resource: str
    percent: int


@dataclass(frozen=True, slots=True)
class Policy:
    """No more than ``pods`` pods, or ``percent`` per cent of the replicas, may come or go within ``period_s``."""

    period_s: float
    pods: int | None = None
    percent: int | None = None


class Select(StrEnum):
    MAX = "Max"
    MIN = "Min"
    DISABLED = "Disabled"


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction's ``behavior``: the most cautious recommendation of the window counts, then the policies limit."""

    stabilisation_s: float
    policies: tuple[Policy, ...]
    select: Select = Select.MAX


DEFAULT_SCALE_UP = Rules(0.0, (Policy(15.0, pods=4), Policy(15.0, percent=100)))
DEFAULT_SCALE_DOWN = Rules(300.0, (Policy(15.0, percent=100),))
"""What the documentation gives as the default behaviour, and what fills in what a ``behavior`` leaves out."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """``spec.behavior``: what is left out of it is the default."""

    up: Rules = DEFAULT_SCALE_UP
    down: Rules = DEFAULT_SCALE_DOWN


@dataclass(frozen=True, slots=True)
class Timing:
    """The controller manager's settings, with its defaults."""

    sync_s: float = 15.0
    tolerance: float = 0.1
    cpu_initialisation_s: float = 300.0
    initial_readiness_delay_s: float = 30.0
    downscale_stabilisation_s: float = 300.0

    def scaled(self, factor: float) -> Timing:
        """The same in time that passes ``factor`` times faster; ``tolerance`` is no time."""
        return Timing(
            sync_s=self.sync_s / factor,
            tolerance=self.tolerance,
            cpu_initialisation_s=self.cpu_initialisation_s / factor,
            initial_readiness_delay_s=self.initial_readiness_delay_s / factor,
            downscale_stabilisation_s=self.downscale_stabilisation_s / factor,
        )


@dataclass(frozen=True, slots=True)
class Spec:
    """One HorizontalPodAutoscaler. Without a ``behaviour`` the controller follows its older rules."""

    min_replicas: int
    max_replicas: int
    targets: tuple[Target, ...]
    behaviour: Behaviour | None = None


class MetricUnavailable(Exception):  # noqa: N818 - the controller's own word: a condition it reports, not a mistake
    """No proposal can be made from one metric. The message is the reason."""
