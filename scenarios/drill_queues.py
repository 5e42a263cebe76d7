"""What every queue of a drill carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SELF_REMOVAL: Mapping[str, Any] = {"x-expires": 15 * 60 * 1000}
"""Drills delete their queues; one whose rig was killed outright goes by itself when unused for a quarter of an hour."""
