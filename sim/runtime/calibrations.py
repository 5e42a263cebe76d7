"""Where this machine's measured costs are kept: beside the stacks, one file a measurement, the newest counting."""

from __future__ import annotations

from pathlib import Path

from sim.errors import RigError
from sim.runtime.state import state_root


def calibrations_root() -> Path:
    return state_root().parent / "calibrations"


def latest_calibration() -> Path | None:
    """By name: they sort by time."""
    root = calibrations_root()
    return max(root.glob("*.json"), default=None) if root.is_dir() else None


def keep_calibration(name: str, text: str) -> Path:
    """Raises RigError when it cannot be written."""
    path = calibrations_root() / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise RigError(f"{path} cannot be written ({error.strerror}).", next_step="free some disk space") from error
    return path
