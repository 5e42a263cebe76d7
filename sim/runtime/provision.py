"""Installing and starting an engine on a blank Debian or Ubuntu, said line by line; elsewhere, naming what to do."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import RigError
from sim.runtime.engine import candidate_addresses, find_engine

if TYPE_CHECKING:
    import docker

Say = Callable[[str], None]

# Program → the package that has it. iptables is the engine's own need, nftables the faults', debootstrap the builds'.
_PACKAGES = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "nft": "nftables",
    "debootstrap": "debootstrap",
}
_KEYRING = (Path("/usr/share/keyrings/debian-archive-keyring.gpg"), "debian-archive-keyring")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SOCKET = Path("/var/run/docker.sock")
_PID_FILES = {
    Path("/var/run/docker.pid"): "dockerd",
    Path("/var/run/docker/containerd/containerd.pid"): "containerd",
}
_CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
_LOG = Path("/var/log/sim-dockerd.log")
_START_DEADLINE_S = 60.0
_POLL_S = 0.2
_APT_DEADLINE_S = 900
_ELSEWHERE = {
    "fedora": "sudo dnf install moby-engine && sudo systemctl start docker",
    "rhel": "sudo dnf install podman && sudo systemctl start podman.socket",
    "centos": "sudo dnf install podman && sudo systemctl start podman.socket",
    "arch": "sudo pacman -S docker && sudo systemctl start docker",
    "alpine": "apk add docker && rc-service docker start",
    "opensuse": "sudo zypper install docker && sudo systemctl start docker",
}


def ensure_engine(say: Say, *, install: bool = False) -> docker.DockerClient:
    """A client of an engine that answers; with ``install``, made so where this machine allows. Raises RigError."""
    if install:
        provision(say)
    client, _ = find_engine()
    return client


def provision(say: Say) -> None:
    """Have an engine and what the rig needs beside it. Doing it twice changes nothing. Raises RigError."""
    running = _running(say)
    explicit = os.environ.get("DOCKER_HOST") or candidate_addresses(os.environ, Path.home())[0].found_by.startswith(
        "docker context"
    )
    if not running and explicit:
        find_engine()  # raises, and says which choice of the user's does not answer
    able = _unable() == ""
    if not running and not able:
        raise RigError("No container engine answers, and none can be installed from here.", next_step=_unable())
    if able:
        _install(say, [program for program in _PACKAGES if program != "dockerd" or not running])
    if not running:
        _start(say)


def _running(say: Say) -> bool:
    try:
        client, address = find_engine()
    except RigError:
        return False
    client.close()
    say(f"engine: running at {address.url}")
    return True


def _unable() -> str:
    """The exact thing to do where packages cannot be installed from here; empty where they can."""
    return advice(platform.system(), _os_release(Path("/etc/os-release")), root=os.geteuid() == 0)


def advice(system: str, release: Mapping[str, str], *, root: bool) -> str:
    """Empty for root on Debian or Ubuntu with apt-get."""
    if system == "Darwin":
        return "install Docker Desktop or Colima and start it, then run this again"
    if system != "Linux":
        return "run sim inside Linux (on Windows: WSL 2 with Docker), then run this again"
    family = (release.get("ID", ""), *release.get("ID_LIKE", "").split())
    if "debian" in family or "ubuntu" in family:
        return "" if root else "run it as root: sudo sim doctor --provision"
    for name in family:
        if name.partition("-")[0] in _ELSEWHERE:
            return _ELSEWHERE[name.partition("-")[0]]
    return "install Docker 20.10 or later with your distribution's packages and start it"


def _os_release(path: Path) -> Mapping[str, str]:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value.strip().strip("\"'") for key, _, value in pairs}


def _install(say: Say, programs: list[str]) -> None:
    missing = [_PACKAGES[program] for program in programs if shutil.which(program, path=_SYSTEM_PATH) is None]
    if not _KEYRING[0].exists():
        missing.append(_KEYRING[1])
    if not missing:
        return
    say(f"installing {', '.join(missing)} with apt-get")
    _apt(["update", "-q"])
    _apt(["install", "-y", "-q", "--no-install-recommends", *missing])


def _apt(arguments: list[str]) -> None:
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": _SYSTEM_PATH}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_APT_DEADLINE_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RigError(f"{' '.join(command)} did not end within {_APT_DEADLINE_S} s.") from error
    except OSError as error:
        raise RigError("apt-get cannot be run.", evidence=str(error)) from error
    if done.returncode:
        raise RigError(
            f"{' '.join(command)} failed (exit {done.returncode}).",
            evidence=(done.stderr or done.stdout)[-800:],
            next_step="check this machine's package sources and network, then run it again",
        )


def _start(say: Say) -> None:
    if Path("/run/systemd/system").is_dir():
        say("starting the engine: systemctl start docker")
        done = subprocess.run(["systemctl", "start", "docker"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RigError(
                "systemctl start docker failed.", evidence=done.stderr[-500:], next_step="journalctl -u docker -n 50"
            )
        _await(None, say)
        return
    _remove_leftovers(say)
    if _alive(Path("/var/run/docker.pid"), "dockerd"):
        say("an engine is starting already: waiting for it")
        _await(None, say)
        return
    say(f"starting the engine: dockerd, in a session of its own, log in {_LOG}")
    environment = {**os.environ, "PATH": f"{_SYSTEM_PATH}:{os.environ.get('PATH', '')}"}
    with _LOG.open("ab") as log:
        process = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment,
            cwd="/",
        )
    _await(process, say)


def _remove_leftovers(say: Say) -> None:
    """A killed engine leaves pid files that keep the next one from starting, and a socket it would wait on."""
    for path, program in _PID_FILES.items():
        if path.exists() and not _alive(path, program):
            say(f"removing {path}: its {program} is dead")
            path.unlink(missing_ok=True)
    if _CONTAINERD_SOCKET.exists() and not _answers(_CONTAINERD_SOCKET):
        say(f"removing {_CONTAINERD_SOCKET}: nobody listens")
        _CONTAINERD_SOCKET.unlink(missing_ok=True)


def _alive(pid_file: Path, program: str, processes: Path = Path("/proc")) -> bool:
    """True while the process of that number is that program; numbers are used again."""
    try:
        pid = int(pid_file.read_text().strip())
        return (processes / str(pid) / "comm").read_text().strip() == program
    except (OSError, ValueError):
        return False


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _await(process: subprocess.Popen[bytes] | None, say: Say) -> None:
    """Until the engine answers. Raises RigError with its log's end when it dies or takes too long."""
    started_s = time.monotonic()
    while True:
        if _SOCKET.exists() and _answers(_SOCKET):
            try:
                client, address = find_engine()
            except RigError:
                pass  # it listens before it answers
            else:
                client.close()
                say(f"engine: running at {address.url} after {time.monotonic() - started_s:.0f} s")
                return
        code = process.poll() if process is not None else None
        if code is not None:
            raise RigError(f"dockerd ended (exit {code}).", evidence=_log_tail(), next_step=f"read {_LOG}")
        if time.monotonic() - started_s > _START_DEADLINE_S:
            raise RigError(
                f"The engine does not answer after {_START_DEADLINE_S:.0f} s.",
                evidence=_log_tail(),
                next_step=f"read {_LOG}, or journalctl -u docker",
            )
        time.sleep(_POLL_S)


def _log_tail() -> str:
    try:
        with _LOG.open(errors="replace") as log:
            return "".join(deque(log, maxlen=12))
    except OSError:
        return ""
