"""A free /24 for a stack's pods: none the engine uses, none the host routes."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterable
from pathlib import Path

import docker

from sim.errors import RigError

Network = ipaddress.IPv4Network
# A range of our own inside 10.0.0.0/8 (RFC 1918), away from the engine's default pools.
RANGE = ipaddress.IPv4Network("10.213.0.0/16")


def engine_networks(client: docker.DockerClient) -> tuple[Network, ...]:
    """Subnets the engine has given to any network."""
    found = []
    for network in client.api.networks():
        for pool in (network.get("IPAM") or {}).get("Config") or ():
            parsed = ipaddress.ip_network(pool.get("Subnet", "::/128"), strict=False)
            if isinstance(parsed, Network):
                found.append(parsed)
    return tuple(found)


def host_routes(table: Path = Path("/proc/net/route")) -> tuple[Network, ...]:
    """Subnets the host routes somewhere, the default route aside; none where the table cannot be read."""
    if not table.exists():
        return ()
    routes = []
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(fields[i]), "little") for i in (1, 7))
        if mask:
            routes.append(Network((destination, mask.bit_count()), strict=False))
    return tuple(routes)


def free_subnets(taken: Iterable[Network]) -> tuple[Network, ...]:
    used = tuple(taken)
    return tuple(
        subnet for subnet in RANGE.subnets(new_prefix=24) if not any(subnet.overlaps(network) for network in used)
    )


def choose_subnet(client: docker.DockerClient, rng: random.Random) -> str:
    """One of the free ones at random, so that two stacks rising at once rarely meet. Raises RigError when none is."""
    free = free_subnets((*engine_networks(client), *host_routes()))
    if not free:
        raise RigError(f"No /24 is free in {RANGE}.", next_step="sim sweep, or remove unused networks of the engine")
    return str(rng.choice(free))
