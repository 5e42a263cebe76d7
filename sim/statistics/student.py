"""Student's t distribution, for as few samples as repeats of a run are.

Source: M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
"""

from __future__ import annotations

import math

_HALVINGS = 200


def two_sided(t: float, degrees: int) -> float:
    """P(|T| ≤ t) for a whole number of degrees of freedom and t ≥ 0."""
    theta = math.atan(t / math.sqrt(degrees))
    cosine_2 = math.cos(theta) ** 2
    odd = degrees % 2 == 1
    term = math.cos(theta) if odd else 1.0
    total = 0.0 if degrees == 1 else term
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine_2 * (k - 1) / k
        total += term
    return 2 / math.pi * (theta + math.sin(theta) * total) if odd else math.sin(theta) * total


def quantile(confidence: float, degrees: int) -> float:
    """The t with P(|T| ≤ t) = confidence."""
    low, high = 0.0, 1.0
    while two_sided(high, degrees) < confidence:
        high *= 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, degrees) < confidence else (low, middle)
    return high
