"""What the doctor thinks of what it found. Pure: facts in, checks out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_GIB = 1 << 30
OLDEST_API = (1, 41)
_WANTED_CPUS = 2
# All documented servers at their development size, and the least that a part of them needs.
_WANTED_MEMORY_BYTES, _LEAST_MEMORY_BYTES = 6 * _GIB, 2 * _GIB
# Images, one build at a time, and eleven data directories.
_WANTED_DISK_BYTES, _LEAST_DISK_BYTES = 10 * _GIB, 4 * _GIB
_WANTED_SUBNETS = 4
_SHARING_DRIVERS = frozenset({"overlay2", "overlay", "overlayfs", "fuse-overlayfs", "btrfs", "zfs", "stargz"})


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """``advice`` is the exact thing to do; empty when there is nothing to do."""

    name: str
    level: Level
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a running engine and its host. None: it could not be seen from here."""

    address: str
    found_by: str
    product: str
    api_version: str
    cpus: int
    memory_bytes: int
    available_memory_bytes: int
    disk_path: str
    disk_free_bytes: int | None
    free_subnets: int
    subnet_range: str
    storage_driver: str
    cgroup_version: str
    local: bool
    kept_stacks: tuple[str, ...] = ()
    orphan_stacks: tuple[str, ...] = ()
    foreign_containers: int = 0
    netem: bool | None = None
    nftables: bool | None = None


def judge(facts: Facts) -> tuple[Check, ...]:
    return tuple(_checks(facts))


def healthy(checks: tuple[Check, ...]) -> bool:
    """No problem among them; warnings may be lived with."""
    return all(check.level is not Level.PROBLEM for check in checks)


def _checks(facts: Facts) -> Iterator[Check]:
    yield Check("engine", Level.OK, f"{facts.product} at {facts.address} ({facts.found_by})")
    yield _api(facts)
    yield _locality(facts)
    yield _cpus(facts)
    yield _memory(facts)
    yield _disk(facts)
    yield _subnets(facts)
    yield _storage(facts)
    yield Check("control groups", Level.OK, f"version {facts.cgroup_version}")
    yield _leftovers(facts)
    yield _foreign(facts)
    yield _netem(facts)
    yield _nftables(facts)


def _api(facts: Facts) -> Check:
    version = tuple(int(part) for part in facts.api_version.split(".") if part.isdigit())
    oldest = ".".join(map(str, OLDEST_API))
    if version >= OLDEST_API:
        return Check("API version", Level.OK, facts.api_version)
    return Check(
        "API version",
        Level.PROBLEM,
        f"{facts.api_version}, {oldest} is needed",
        "install Docker 20.10 or Podman 4, or later",
    )


def _locality(facts: Facts) -> Check:
    if facts.local:
        return Check("place", Level.OK, "on this machine")
    return Check(
        "place",
        Level.WARNING,
        "not on this machine, or in a virtual machine of its own",
        "servers start, but network faults need the engine's own host: run sim there for isolation and failover",
    )


def _cpus(facts: Facts) -> Check:
    if facts.cpus >= _WANTED_CPUS:
        return Check("CPUs", Level.OK, str(facts.cpus))
    return Check(
        "CPUs", Level.WARNING, f"{facts.cpus}, {_WANTED_CPUS} are wanted", "expect slow starts; sim up --only NAME,…"
    )


def _memory(facts: Facts) -> Check:
    found = f"{_gib(facts.available_memory_bytes)} free of {_gib(facts.memory_bytes)}"
    if facts.available_memory_bytes >= _WANTED_MEMORY_BYTES:
        return Check("memory", Level.OK, found)
    if facts.available_memory_bytes >= _LEAST_MEMORY_BYTES:
        return Check(
            "memory",
            Level.WARNING,
            f"{found}; all servers together want {_gib(_WANTED_MEMORY_BYTES)}",
            "sim up --only NAME,… for a part, or stop other containers",
        )
    return Check(
        "memory",
        Level.PROBLEM,
        f"{found}; at least {_gib(_LEAST_MEMORY_BYTES)} are needed",
        "stop other containers, or give the engine's machine more memory",
    )


def _disk(facts: Facts) -> Check:
    if facts.disk_free_bytes is None:
        return Check(
            "disk", Level.WARNING, f"{facts.disk_path} cannot be seen from here", "check it on the engine's host"
        )
    found = f"{_gib(facts.disk_free_bytes)} free in {facts.disk_path}"
    if facts.disk_free_bytes >= _WANTED_DISK_BYTES:
        return Check("disk", Level.OK, found)
    advice = "docker system prune (asks first) removes what no container uses"
    if facts.disk_free_bytes >= _LEAST_DISK_BYTES:
        return Check("disk", Level.WARNING, f"{found}; {_gib(_WANTED_DISK_BYTES)} are wanted", advice)
    return Check("disk", Level.PROBLEM, f"{found}; at least {_gib(_LEAST_DISK_BYTES)} are needed", advice)


def _subnets(facts: Facts) -> Check:
    found = f"{facts.free_subnets} free /24 in {facts.subnet_range}"
    if facts.free_subnets >= _WANTED_SUBNETS:
        return Check("address pools", Level.OK, found)
    level = Level.WARNING if facts.free_subnets else Level.PROBLEM
    return Check("address pools", level, found, "sim sweep, then docker network prune")


def _storage(facts: Facts) -> Check:
    if facts.storage_driver in _SHARING_DRIVERS:
        return Check("storage driver", Level.OK, facts.storage_driver)
    return Check(
        "storage driver",
        Level.WARNING,
        f"{facts.storage_driver} copies a whole image for each container",
        "use overlay2: slower starts and much disk otherwise",
    )


def _leftovers(facts: Facts) -> Check:
    if facts.orphan_stacks:
        return Check("leftovers", Level.WARNING, f"nobody owns {', '.join(facts.orphan_stacks)}", "sim sweep")
    if facts.kept_stacks:
        return Check("leftovers", Level.OK, f"none; up: {', '.join(facts.kept_stacks)}")
    return Check("leftovers", Level.OK, "none")


def _foreign(facts: Facts) -> Check:
    if not facts.foreign_containers:
        return Check("other containers", Level.OK, "none running")
    crowded = facts.available_memory_bytes < _WANTED_MEMORY_BYTES
    found = f"{facts.foreign_containers} running, left alone"
    if not crowded:
        return Check("other containers", Level.OK, found)
    return Check(
        "other containers", Level.WARNING, f"{found}; memory is short", "docker ps shows them: stop what is idle"
    )


def _netem(facts: Facts) -> Check:
    match facts.netem:
        case True:
            return Check("netem", Level.OK, "the kernel delays and drops packets")
        case False:
            # Not a warning: the faults have other ways, and few kernels in the cloud carry it.
            return Check("netem", Level.OK, "not in this kernel: loss by nftables, delay by a proxy instead")
        case None:
            return Check("netem", Level.OK, "not tried: that needs root and tc")


def _nftables(facts: Facts) -> Check:
    match facts.nftables:
        case True:
            return Check("nftables", Level.OK, "rules can be set")
        case False:
            return Check(
                "nftables",
                Level.WARNING,
                "rules cannot be set: network faults and policies would be UNKNOWN",
                "apt-get install nftables (or your distribution's package)",
            )
        case None:
            return Check(
                "nftables",
                Level.WARNING,
                "not tried: that needs root",
                "run sim as root for network faults and policies",
            )


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f} GiB"
