"""One stack's pod network: its policies, its visitors, its rooms."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import docker

from sim.plan.cluster import cluster_of, with_pods
from sim.plan.draft import FIRST_FREE_HOST
from sim.plan.model import Plan, ServerSpec
from sim.policy.objects import Pod
from sim.runtime import labels
from sim.runtime.pod_network import EnginePodNetwork
from sim.runtime.policing import Policing
from sim.runtime.rooms import Builder


class StackNetworking:
    """``enforced``: whether the plan's policies rule this stack when nobody tries others."""

    def __init__(self, client: docker.DockerClient, stack_id: str, plan: Plan, *, enforced: bool) -> None:
        tools = plan.tools_image.reference if plan.tools_image else ""
        self._builder = Builder(client, stack_id, plan.pause_image.reference, tools, plan.cluster_domain)
        self._network_name = labels.network_name(stack_id)
        self._plan = plan
        self._enforced = enforced
        self.namespaces = self._builder.networks()
        self._pods = {f"{server.namespace}/{server.name}": server.name for server in plan.servers}
        self._there = self._pods
        self._own = Policing(self.namespaces, cluster_of(plan), self._pods)
        self._kept_room: tuple[tuple[Pod, ...], EnginePodNetwork, ExitStack] | None = None

    def know(self, plan: Plan) -> None:
        """Another number of pods, of which some are yet to come: all that are there let them in from now on."""
        cluster = cluster_of(plan)
        if self._enforced:
            Policing(self.namespaces, cluster, self._there).enforce(cluster)
        self._plan = plan
        self._pods = {f"{server.namespace}/{server.name}": server.name for server in plan.servers}
        self._own = Policing(self.namespaces, cluster, self._pods)

    def confine(self, server: ServerSpec) -> None:
        """Before its main container starts. Raises RigError with nftables' own words."""
        if self._enforced:
            self._own.confine(f"{server.namespace}/{server.name}")

    @contextmanager
    def network(self, visitors: Sequence[Pod]) -> Iterator[EnginePodNetwork]:
        hosts = ipaddress.ip_network(self._plan.subnet)
        placed = tuple(replace(pod, addresses=(str(hosts[FIRST_FREE_HOST + i]),)) for i, pod in enumerate(visitors))
        with self._builder.bare_pods(self._network_name, placed) as keys:
            pods = {**self._pods, **keys}
            policing = Policing(self.namespaces, with_pods(self._own.cluster, placed), pods)
            found = EnginePodNetwork(self.namespaces, policing, pods)
            try:
                if placed and self._enforced:
                    found.enforce(found.cluster)  # rules may speak of the visitors, too
                yield found
            finally:
                found.close()
                self.namespaces.forget(keys.values())
                if found.changed:
                    self._restore()

    def _restore(self) -> None:
        if self._enforced:
            self._own.enforce(self._own.cluster)
        else:
            self._own.lift()

    @contextmanager
    def room(self, pods: Sequence[Pod]) -> Iterator[EnginePodNetwork]:
        wanted = tuple(pods)
        if self._kept_room is None or self._kept_room[0] != wanted:
            self.release()
            stack = ExitStack()
            self._kept_room = (wanted, stack.enter_context(self._builder.room(wanted)), stack)
        yield self._kept_room[1]

    def release(self) -> None:
        if self._kept_room is not None:
            _, _, stack = self._kept_room
            self._kept_room = None
            stack.close()
