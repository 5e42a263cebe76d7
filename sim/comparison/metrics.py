"""Which of a record's numbers are figures of merit, and which way is better."""

from __future__ import annotations

import re
from enum import StrEnum

NEIGHBOUR = "neighbour_"
"""Before the name of a figure: the same of somebody who did not change, measured in the same breath.

What the machine does to both is no matter of the build: a figure that has a neighbour is weighed as a multiple of it.
"""


class Better(StrEnum):
    LOWER = "lower"
    HIGHER = "higher"


_MERITS = (
    (re.compile(r"(?:.*_)?p\d+_ms|(?:.*_)?mean_ms|(?:.*_)?(?:rto|outage|recovery|failover)_(?:ms|s)"), Better.LOWER),
    (re.compile(r"(?:.*_)?cpu_ms_per_request"), Better.LOWER),
    (re.compile(r"(?:.*_)?(?:achieved|knee|sustained|throughput|goodput)_per_s"), Better.HIGHER),
)
# What the rig did to itself or on purpose says nothing about the platform.
_OWN = re.compile(r"(?:generator|control|neighbour|offered|simulated|predicted)_.*")


def merit(name: str) -> Better | None:
    """How to read a number of a record; None for one that is no figure of merit (counts, bounds, the rig's own)."""
    if _OWN.fullmatch(name):
        return None
    return next((better for pattern, better in _MERITS if pattern.fullmatch(name)), None)


def asked_merit(name: str) -> Better:
    """Of a number somebody asked for by name: rates and counts achieved are better high, all else low."""
    return merit(name) or (Better.HIGHER if name.endswith("_per_s") else Better.LOWER)
