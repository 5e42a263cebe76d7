"""What the rig says where it cannot install an engine, and how it tells a dead one from a live one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.runtime.provision import _alive, advice


@pytest.mark.parametrize(
    "release",
    [{"ID": "debian"}, {"ID": "ubuntu", "ID_LIKE": "debian"}, {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}],
)
def test_root_on_debian_and_its_kin_needs_no_advice(release: dict[str, str]) -> None:
    """Only there does the rig install by itself."""
    assert advice("Linux", release, root=True) == ""
    assert "sudo" in advice("Linux", release, root=False)


@pytest.mark.parametrize(
    ("system", "release", "words"),
    [
        ("Linux", {"ID": "fedora"}, "dnf install moby-engine"),
        ("Linux", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "podman"),
        ("Linux", {"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "zypper"),
        ("Linux", {"ID": "nobody-knows"}, "install Docker 20.10 or later"),
        ("Linux", {}, "install Docker 20.10 or later"),
        ("Darwin", {}, "Colima"),
        ("Windows", {}, "WSL 2"),
    ],
)
def test_elsewhere_the_exact_command_is_named(system: str, release: dict[str, str], words: str) -> None:
    """The rig touches no package manager but Debian's."""
    assert words in advice(system, release, root=True)


def test_pid_file_of_another_program_is_stale(tmp_path: Path) -> None:
    """Process numbers are used again: only the same program counts as alive."""
    (tmp_path / "proc" / "42").mkdir(parents=True)
    comm, pid_file = tmp_path / "proc" / "42" / "comm", tmp_path / "docker.pid"
    pid_file.write_text("42\n")
    comm.write_text("dockerd\n")
    assert _alive(pid_file, "dockerd", tmp_path / "proc")
    comm.write_text("bash\n")
    assert not _alive(pid_file, "dockerd", tmp_path / "proc")
    pid_file.write_text("garbage")
    assert not _alive(pid_file, "dockerd", tmp_path / "proc")
