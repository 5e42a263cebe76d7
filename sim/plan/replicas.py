"""More pods of one Deployment than a plan was drawn up with: alike in all but name, address and place in the row."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from sim.errors import RigError
from sim.plan.draft import FIRST_POD_HOST, LAST_POD_HOST
from sim.plan.model import Plan, ServerSpec


def pods_of(plan: Plan, app: str) -> tuple[ServerSpec, ...]:
    """Those of one Deployment, in order. Raises KeyError when there is none."""
    found = tuple(server for server in plan.servers if server.app == app)
    if not found:
        raise KeyError(f"no Deployment {app!r} in this plan")
    return found


def with_replicas(plan: Plan, app: str, most: int) -> Plan:
    """The plan with ``most`` pods of it. Those there were keep names and addresses; fewer are not taken away.

    Raises RigError when the pod network has no address left.
    """
    there = pods_of(plan, app)
    network = ipaddress.ip_network(plan.subnet)
    taken = {server.address for server in plan.servers}
    free = (str(network[host]) for host in range(FIRST_POD_HOST, LAST_POD_HOST + 1) if str(network[host]) not in taken)
    more = []
    for number in range(len(there), most):
        address = next(free, None)
        if address is None:
            raise RigError(f"{plan.subnet} has no address left for {app}-{number}.", next_step="fewer replicas")
        more.append(_like(there[0], number, address))
    return replace(plan, servers=(*plan.servers, *more))


def _like(first: ServerSpec, number: int, address: str) -> ServerSpec:
    """The names of its Service are the same; a pod's own name has its number."""
    own = f"{first.app}-0."
    return replace(
        first,
        name=f"{first.app}-{number}",
        hostname=f"{first.app}-{number}",
        address=address,
        aliases=tuple(f"{first.app}-{number}.{a.removeprefix(own)}" if a.startswith(own) else a for a in first.aliases),
    )
