"""The mark on messages of the rig's own, by which they are found again and taken away."""

from __future__ import annotations

PROBE_HEADER = "sim-probe"
