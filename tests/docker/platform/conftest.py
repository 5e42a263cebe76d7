"""One whole platform for every test of this folder: servers, gateway and services, in a state folder of its own."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached

_UP_TIMEOUT_S = 300
_DOWN_TIMEOUT_S = 120


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack raised by the command line as a developer would, and taken down after the last test."""
    name = f"test-platform-{secrets.token_hex(3)}"
    state = str(tmp_path_factory.mktemp("state"))
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = state
    try:
        _sim("up", "--stack", name, timeout_s=_UP_TIMEOUT_S)
        yield attached(connect(), name)
    finally:
        _sim("down", "--stack", name, timeout_s=_DOWN_TIMEOUT_S)
        if before is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = before


def _sim(*words: str, timeout_s: float) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sim", *words], check=False, capture_output=True, text=True, timeout=timeout_s
    )
    assert done.returncode == 0, f"sim {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def gateway_url(platform: LiveStack) -> str:
    """Where the gateway listens on loopback."""
    server = platform.plan.of_kind("gateway")[0]
    endpoint = platform.engine.endpoint(server.name, "http")
    return f"http://{endpoint.host}:{endpoint.port}"
