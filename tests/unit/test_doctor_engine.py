"""Where an engine is looked for, and what is said when none answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sim.errors import RigError
from sim.runtime.engine import Address, Refusal, candidate_addresses, no_engine


def _context(home: Path, name: str, host: str) -> None:
    identity = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker" / "contexts" / "meta" / identity
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_docker_host_is_the_only_candidate(tmp_path: Path) -> None:
    """An explicit choice is never replaced by another engine that happens to run."""
    _context(tmp_path, "elsewhere", "tcp://10.0.0.1:2375")
    found = candidate_addresses({"DOCKER_HOST": "tcp://127.0.0.1:2375"}, tmp_path)
    assert [(a.url, a.found_by) for a in found] == [("tcp://127.0.0.1:2375", "DOCKER_HOST")]


def test_current_context_is_followed(tmp_path: Path) -> None:
    """What ``docker context use`` chose is where the rig goes, too."""
    _context(tmp_path, "colima", "unix:///colima.sock")
    assert [a.url for a in candidate_addresses({}, tmp_path)] == ["unix:///colima.sock"]


def test_context_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    """A named context without its files is not silently skipped."""
    with pytest.raises(RigError, match="context 'lost' cannot be read"):
        candidate_addresses({"DOCKER_CONTEXT": "lost"}, tmp_path)


def test_default_context_and_broken_configuration_mean_the_usual_sockets(tmp_path: Path) -> None:
    """Docker's, rootless Docker's and Podman's sockets are tried in this order."""
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("[not an object")
    found = [a.url for a in candidate_addresses({"XDG_RUNTIME_DIR": "/run/user/7"}, tmp_path)]
    assert found[:2] == ["unix:///var/run/docker.sock", "unix:///run/user/7/docker.sock"]
    assert found[-2:] == ["unix:///run/user/7/podman/podman.sock", "unix:///run/podman/podman.sock"]


@pytest.mark.parametrize(
    ("found_by", "reason", "step"),
    [
        ("Docker's socket", "permission denied", "group that owns the socket"),
        ("Docker's socket", "connection refused", "has died"),
        ("DOCKER_HOST", "connection refused", "unset DOCKER_HOST"),
        ("Docker's socket", "no such socket", "sim doctor --provision"),
    ],
)
def test_next_step_fits_what_was_seen(found_by: str, reason: str, step: str) -> None:
    """Each way of having no engine has its own remedy, and the address is in the evidence."""
    error = no_engine([Refusal(Address("unix:///x.sock", found_by), reason)])
    assert step in error.next_step
    assert "/x.sock" in error.evidence
