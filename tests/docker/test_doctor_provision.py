"""Starting an engine where none runs, in namespaces of its own beside the machine's real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("unshare"),
    reason="needs root, dockerd and unshare",
)

# A blank machine as far as the engine goes: no socket, no network but loopback, no images, no processes.
_BLANK = """\
set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mount --bind "$DATA" /var/lib/docker
ip link set lo up
sim() { "$PYTHON" -m sim "$@"; }
"""


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Path]:
    """Where the other engine keeps its data."""
    data = tmp_path / "data"
    data.mkdir()
    yield data
    shutil.rmtree(data, ignore_errors=True)


def _in_namespaces(data: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Every process of the script, the engine included, ends with it."""
    if not Path("/var/lib/docker").is_dir():
        pytest.skip("the engine's usual folder is not here")
    unset = ("DOCKER_HOST", "DOCKER_CONTEXT")
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    return subprocess.run(
        [
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "bash",
            "-c",
            _BLANK + script,
        ],
        env={**environment, "DATA": str(data), "PYTHON": sys.executable},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd starts the engine here")
def test_engine_is_started_whatever_its_predecessor_left_behind(blank: Path) -> None:
    """Stale pid files, one naming a live stranger, and a dead socket are cleared away; twice changes nothing."""
    done = _in_namespaces(
        blank,
        """
        mkdir -p /run/docker/containerd /run/containerd
        echo $$ > /run/docker.pid
        echo 999999 > /run/docker/containerd/containerd.pid
        "$PYTHON" -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/containerd/containerd.sock")'
        sim doctor --provision
        first=$(cat /run/docker.pid)
        sim doctor --provision
        test "$(cat /run/docker.pid)" = "$first"
        """,
    )
    assert done.returncode == 0, done.stderr
    for removed in ("docker.pid", "containerd.pid", "containerd.sock"):
        assert f"{removed}: " in done.stderr
    assert done.stderr.count("starting the engine: dockerd") == 1
    assert done.stdout.count("fit for a stack") == 2


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd starts the engine here")
def test_engine_that_died_is_told_and_started_again(blank: Path) -> None:
    """After kill -9: exit 3 with the step to take, then that step works."""
    done = _in_namespaces(
        blank,
        """
        sim doctor --provision
        kill -9 "$(cat /run/docker.pid)"
        while kill -0 "$(cat /run/docker.pid)" 2>/dev/null; do sleep 0.05; done
        code=0; sim doctor > /run/told || code=$?
        test $code = 3
        grep 'the engine has died' /run/told
        sim doctor --provision
        """,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_engine_that_does_not_start_shows_its_own_last_words(blank: Path) -> None:
    """A bad configuration of the engine: exit 3, and what it said; with --json still one document."""
    done = _in_namespaces(
        blank,
        """
        mkdir -p /run/bin; printf '#!/bin/sh\\necho the disk is on fire; exit 7\\n' > /run/bin/dockerd
        chmod 755 /run/bin/dockerd
        mount --bind /run/bin/dockerd "$(command -v dockerd)"
        code=0; sim doctor --provision --json > /run/out || code=$?
        "$PYTHON" -c 'import json; d = json.load(open("/run/out")); assert "on fire" in d["checks"][0]["found"], d'
        exit $code
        """,
    )
    assert done.returncode == 3, done.stdout + done.stderr
