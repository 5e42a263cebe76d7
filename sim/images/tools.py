"""Programs of this machine that help to make an image, and where what they made is kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.images.resolution import NotHadError

_TAIL = 600


def run_tool(
    command: Sequence[str], deadline_s: int, failure: str, environment: Mapping[str, str] | None = None
) -> None:
    """Raises NotHadError that begins with ``failure`` and has the end of what the program wrote."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=deadline_s, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise NotHadError(f"{failure} within {deadline_s} s") from error
    except OSError as error:
        raise NotHadError(f"{failure}: {error}") from error
    if done.returncode:
        raise NotHadError(failure, (done.stderr or done.stdout)[-_TAIL:])


def cache_folder() -> Path:
    """The user's own cache; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sim"
