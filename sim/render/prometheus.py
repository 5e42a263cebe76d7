"""The monitoring configuration the stack runs with, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from sim.plan.model import Plan


def render_prometheus(plan: Plan) -> Mapping[str, str]:
    """File name → content; every replica has the same, so each is written once."""
    return {
        PurePosixPath(file.path).name: file.content
        for server in plan.servers
        if server.kind in {"prometheus", "alertmanager"}
        for file in server.files
    }
