"""The machine the engine runs on: what it has, and what of it is free."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import RigError
from sim.record import Host
from sim.scenario import HostLoad

if TYPE_CHECKING:
    import docker


def available_memory_bytes(client: docker.DockerClient, meminfo: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """(bytes free for new processes, CPUs). On a remote engine, all of its memory: it tells no more."""
    info = _info(client)
    cpus = int(info["NCPU"])
    if info.get("Name") == platform.node() and meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024, cpus
    return int(info["MemTotal"]), cpus


def load(client: docker.DockerClient, proc: Path = Path("/proc")) -> HostLoad | None:
    """None on a remote engine, or where the kernel does not say."""
    if not client.api.base_url.startswith("http+docker://"):  # a socket of this machine
        return None
    try:
        cores = next(line for line in (proc / "stat").read_text().splitlines() if line.startswith("cpu "))
        running = (proc / "loadavg").read_text().split()[3].partition("/")[0]
    except (OSError, StopIteration, IndexError):
        return None
    user, nice, system, _, disk, irq, soft_irq, stolen = (int(field) for field in cores.split()[1:9])
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    busy = user + nice + system + irq + soft_irq + stolen
    return HostLoad(os.cpu_count() or 1, busy * tick_s, disk * tick_s, int(running))


def describe(client: docker.DockerClient) -> Host:
    info = _info(client)
    return Host(
        cpus=int(info["NCPU"]),
        memory_bytes=int(info["MemTotal"]),
        kernel=str(info["KernelVersion"]),
        engine=f"Docker {info['ServerVersion']}",
        python=platform.python_version(),
    )


def describe_without_engine() -> Host:
    """For rehearsals on the fake: this machine, and no engine."""
    return Host(os.cpu_count() or 1, 0, platform.release(), "none (fake)", platform.python_version())


def _info(client: docker.DockerClient) -> dict[str, Any]:
    from docker.errors import DockerException  # noqa: PLC0415 - the fake needs no docker library

    try:
        return dict(client.info())
    except (DockerException, OSError) as error:
        raise RigError("The engine does not answer.", evidence=str(error)[:300], next_step="sim doctor") from error
