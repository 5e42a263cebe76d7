"""Looks the engine and its host over, without changing either."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import RigError
from sim.runtime import labels
from sim.runtime.diagnosis import Check, Facts, Level, judge
from sim.runtime.engine import Address, find_engine

if TYPE_CHECKING:
    import docker

_TRY_TIMEOUT_S = 10


def examine() -> tuple[Check, ...]:
    """Every check; only the first, a problem, where no engine answers or it dies meanwhile."""
    try:
        client, address = find_engine()
        return judge(gather(client, address))
    except RigError as error:
        found = f"{error.what} {error.evidence}".strip()
        return (Check("engine", Level.PROBLEM, found, error.next_step),)


def gather(client: docker.DockerClient, address: Address) -> Facts:
    """Raises RigError when the engine stops answering half-way."""
    from docker.errors import DockerException  # noqa: PLC0415 - only with an engine at hand
    from requests.exceptions import RequestException  # noqa: PLC0415

    try:
        return _facts(client, address)
    except (DockerException, RequestException, KeyError) as error:
        raise RigError(
            f"The engine at {address.url} stopped answering.",
            evidence=str(error)[:300],
            next_step="look at its log (journalctl -u docker), start it again: sim doctor --provision",
        ) from error


def _facts(client: docker.DockerClient, address: Address) -> Facts:
    from sim.runtime.host import available_memory_bytes  # noqa: PLC0415 - these load the engine's library
    from sim.runtime.subnets import RANGE, engine_networks, free_subnets, host_routes  # noqa: PLC0415
    from sim.runtime.sweeping import orphans, stacks_present  # noqa: PLC0415

    info: dict[str, Any] = client.info()
    version: dict[str, Any] = client.version()
    local = address.socket is not None and info.get("Name") == platform.node()
    available_bytes, cpus = available_memory_bytes(client)
    root = str(info.get("DockerRootDir") or "/var/lib/docker")
    abandoned = orphans(client)
    running = client.api.containers()
    return Facts(
        address=address.url,
        found_by=address.found_by,
        product=_product(version),
        api_version=str(version["ApiVersion"]),
        cpus=cpus,
        memory_bytes=int(info["MemTotal"]),
        available_memory_bytes=available_bytes,
        disk_path=root,
        disk_free_bytes=_free_bytes(Path(root)) if local else None,
        free_subnets=len(free_subnets((*engine_networks(client), *host_routes()))),
        subnet_range=str(RANGE),
        storage_driver=str(info["Driver"]),
        cgroup_version=str(info.get("CgroupVersion") or "1"),
        local=local,
        kept_stacks=tuple(sorted(stacks_present(client) - abandoned)),
        orphan_stacks=tuple(sorted(abandoned)),
        foreign_containers=sum(labels.STACK not in (c.get("Labels") or {}) for c in running),
        netem=_works("tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms") if local else None,
        nftables=_works("nft", "add", "table", "inet", "sim_doctor") if local else None,
    )


def _product(version: dict[str, Any]) -> str:
    parts = [part["Name"] for part in version.get("Components") or ()]
    name = "Podman" if any("podman" in part.lower() for part in parts) else "Docker"
    return f"{name} {version['Version']}"


def _free_bytes(root: Path) -> int | None:
    """Of the nearest folder that can be seen: the engine's own is often for root alone."""
    for folder in (root, *root.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def _works(*command: str) -> bool | None:
    """Try it in a network namespace that ends with the trial; None where one cannot be made."""
    search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    unshare, program = shutil.which("unshare", path=search), shutil.which(command[0], path=search)
    if os.geteuid() != 0 or unshare is None:
        return None
    if program is None:
        return False if command[0] == "nft" else None
    try:
        done = subprocess.run(
            [unshare, "--net", program, *command[1:]], capture_output=True, timeout=_TRY_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.returncode == 0
