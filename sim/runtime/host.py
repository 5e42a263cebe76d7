"""The machine the engine runs on: what it has, and what of it is free."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import RigError
from sim.record import Host

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
    import os  # noqa: PLC0415 - only here

    return Host(os.cpu_count() or 1, 0, platform.release(), "none (fake)", platform.python_version())


def _info(client: docker.DockerClient) -> dict[str, Any]:
    from docker.errors import DockerException  # noqa: PLC0415 - the fake needs no docker library

    try:
        return dict(client.info())
    except (DockerException, OSError) as error:
        raise RigError("The engine does not answer.", evidence=str(error)[:300], next_step="sim doctor") from error
