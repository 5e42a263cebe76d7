"""Finding the container engine: where it listens, and one clear message when none answers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import RigError

if TYPE_CHECKING:
    import docker

TIMEOUT_S = 120
_PROBE_TIMEOUT_S = 10
_NO_SOCKET = "no such socket"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine may listen. ``found_by`` says which convention named it."""

    url: str
    found_by: str
    certificates: Path | None = None

    @property
    def socket(self) -> Path | None:
        """The path of a local socket, None for a network address."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An address that was tried, and what came back."""

    address: Address
    reason: str


def candidate_addresses(environment: Mapping[str, str], home: Path) -> tuple[Address, ...]:
    """Every address worth trying, in order. An explicit choice (variable, context) is the only one."""
    host = environment.get("DOCKER_HOST", "").strip()
    if host:
        return (Address(host, "DOCKER_HOST", _certificates(environment, home)),)
    chosen = _context_address(environment, home)
    if chosen is not None:
        return (chosen,)
    return tuple(_conventional(environment, home))


def _certificates(environment: Mapping[str, str], home: Path) -> Path | None:
    if not environment.get("DOCKER_TLS_VERIFY"):
        return None
    return Path(environment.get("DOCKER_CERT_PATH") or home / ".docker")


def _context_address(environment: Mapping[str, str], home: Path) -> Address | None:
    """The docker context in force, unless it is the default one. Raises RigError for one that is not there."""
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    name = environment.get("DOCKER_CONTEXT", "").strip() or _current_context(folder)
    if name in {"", "default"}:
        return None
    identity = hashlib.sha256(name.encode()).hexdigest()
    try:
        endpoint = json.loads((folder / "contexts" / "meta" / identity / "meta.json").read_text())
        url = str(endpoint["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RigError(
            f"The docker context {name!r} cannot be read.",
            evidence=str(error),
            next_step="docker context use default, or set DOCKER_HOST",
        ) from error
    certificates = folder / "contexts" / "tls" / identity / "docker"
    return Address(url, f"docker context {name}", certificates if certificates.is_dir() else None)


def _current_context(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text()).get("currentContext") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _conventional(environment: Mapping[str, str], home: Path) -> Iterator[Address]:
    yield Address("unix:///var/run/docker.sock", "Docker's socket")
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    yield Address(f"unix://{runtime}/docker.sock", "rootless Docker's socket")
    yield Address(f"unix://{home}/.docker/run/docker.sock", "Docker Desktop's socket")
    yield Address(f"unix://{runtime}/podman/podman.sock", "rootless Podman's socket")
    yield Address("unix:///run/podman/podman.sock", "Podman's socket")


def connect(timeout_s: int = TIMEOUT_S) -> docker.DockerClient:
    """A client of the first engine that answers. Raises RigError that lists what was tried."""
    client, _ = find_engine(timeout_s)
    return client


def find_engine(timeout_s: int = TIMEOUT_S) -> tuple[docker.DockerClient, Address]:
    """The client and where it was found. Raises RigError that lists what was tried."""
    refusals: list[Refusal] = []
    for address in candidate_addresses(os.environ, Path.home()):
        socket = address.socket
        if socket is not None and not _exists(socket):
            refusals.append(Refusal(address, _NO_SOCKET))
            continue
        try:
            return _open(address, timeout_s), address
        except RigError as error:
            refusals.append(Refusal(address, error.evidence))
    raise no_engine(refusals)


def _exists(socket: Path) -> bool:
    try:
        return socket.exists()
    except PermissionError:
        return True  # let the connection say so


def _open(address: Address, timeout_s: int) -> docker.DockerClient:
    import docker  # noqa: PLC0415 - an import of 0.2 s; only who needs an engine pays it
    from docker.errors import DockerException  # noqa: PLC0415
    from docker.tls import TLSConfig  # noqa: PLC0415

    try:
        tls: TLSConfig | bool = False
        if address.certificates is not None:
            folder = address.certificates
            pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
            tls = TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)
        client = docker.DockerClient(
            base_url=address.url, version="auto", timeout=_PROBE_TIMEOUT_S, tls=tls, use_ssh_client=True
        )
        client.ping()
    except (DockerException, OSError, ValueError) as error:
        raise RigError(f"No engine at {address.url}.", evidence=_plain(error)) from error
    client.api.timeout = timeout_s
    return client


def _plain(error: BaseException) -> str:
    """The innermost words of a chain of wrapped errors; the rest is library talk."""
    text = str(error)
    for known in (
        "Permission denied",
        "Connection refused",
        "No such file or directory",
        "timed out",
        "Read timed out",
    ):
        if known in text:
            return known.lower()
    return text[:200]


def no_engine(refusals: list[Refusal]) -> RigError:
    """The one message for "there is no engine", with the step that fits what was seen."""
    tried = [f"{r.address.url} ({r.address.found_by}): {r.reason}" for r in refusals if r.reason != _NO_SOCKET]
    absent = [str(r.address.socket) for r in refusals if r.reason == _NO_SOCKET]
    evidence = "; ".join([*tried, *([f"no socket at {', '.join(absent)}"] if absent else [])])
    reasons = {r.reason for r in refusals}
    if "permission denied" in reasons:
        step = "run as root, or join the group that owns the socket: sudo usermod -aG docker $USER, then log in again"
    elif any(r.address.found_by.startswith(("DOCKER_HOST", "docker context")) for r in refusals):
        step = "start that engine, or unset DOCKER_HOST / docker context use default to use the local one"
    elif "connection refused" in reasons:
        step = "the engine has died: start it again (sim doctor --provision does, on Debian and Ubuntu as root)"
    else:
        step = "sim doctor --provision (Debian or Ubuntu, as root), or install Docker or Podman and start it"
    return RigError("No container engine answers.", evidence=evidence, next_step=step)
