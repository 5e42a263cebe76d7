"""Pods without a server: pause containers that are probed and policed. Alone in a room of their own, or as visitors.

A room is a network of such pods, made for one purpose; visitors join a running stack's network, to stand where the
document has someone that the rig does not run. Whatever is made carries the stack's label and goes with the stack, if
not before.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from sim.errors import RigError
from sim.plan.cluster import cluster_on
from sim.policy.objects import Pod
from sim.runtime import labels
from sim.runtime.networks import PodNetworks
from sim.runtime.pod_network import EnginePodNetwork
from sim.runtime.policing import Policing
from sim.runtime.state import state_root
from sim.runtime.subnets import choose_subnet

_FIRST_ROOM_HOST = 10
_PARALLEL = 4
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Builder:
    """Where bare pods are made: whose stack, from which images, under which cluster domain."""

    client: docker.DockerClient
    stack_id: str
    pause_image: str
    tools_image: str
    cluster_domain: str

    @property
    def marks(self) -> dict[str, str]:
        return {labels.STACK: self.stack_id, labels.STATE: str(state_root())}

    @contextmanager
    def bare_pods(self, network: str, pods: Sequence[Pod]) -> Iterator[Mapping[str, str]]:
        """``pods``, which have addresses, on that network of the engine; ``namespace/name`` → the key of each."""
        keys = {pod.full_name: f"bare-{pod.namespace}-{pod.name}" for pod in pods}
        made: list[str] = []
        try:
            with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="bare") as pool:
                for future in [pool.submit(self._create, network, pod, keys[pod.full_name], made) for pod in pods]:
                    future.result()
            yield keys
        finally:
            with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="bare") as pool:
                list(pool.map(self._remove, made))

    def _create(self, network: str, pod: Pod, key: str, made: list[str]) -> None:
        api = self.client.api
        aliases = [f"{pod.name}.{pod.namespace}.svc.{self.cluster_domain}"]
        endpoint = api.create_endpoint_config(ipv4_address=pod.addresses[0], aliases=aliases)
        options = api.create_host_config(
            network_mode=network,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            dns=["127.0.0.1"],
            dns_opt=["ndots:1", "timeout:1", "attempts:1"],
        )
        try:
            container = api.create_container(
                self.pause_image,
                name=labels.pause_name(self.stack_id, key),
                labels={**self.marks, labels.ROLE: labels.ROLE_BARE},
                networking_config=api.create_networking_config({network: endpoint}),
                host_config=options,
            )["Id"]
            made.append(container)
            api.start(container)
        except (DockerException, RequestException) as error:
            raise RigError(f"The pod {pod.full_name} could not be created.", evidence=str(error)[:300]) from error

    def _remove(self, container: str) -> None:
        with suppress(DockerException, RequestException):  # the sweep by label takes what is left
            self.client.api.remove_container(container, force=True)

    def networks(self) -> PodNetworks:
        return PodNetworks(
            self.client, self.stack_id, self.tools_image, lambda key: labels.pause_name(self.stack_id, key)
        )

    @contextmanager
    def room(self, pods: Sequence[Pod]) -> Iterator[EnginePodNetwork]:
        """A network with these pods, whose addresses are given here, and no policy yet."""
        name = f"{labels.network_name(self.stack_id)}-room"
        subnet = self._create_network(name)
        try:
            hosts = ipaddress.ip_network(subnet)
            placed = [replace(pod, addresses=(str(hosts[_FIRST_ROOM_HOST + i]),)) for i, pod in enumerate(pods)]
            with self.bare_pods(name, placed) as keys:
                networks = self.networks()
                found = EnginePodNetwork(networks, Policing(networks, cluster_on(subnet, placed, ()), keys), keys)
                try:
                    yield found
                finally:
                    found.close()
        finally:
            with suppress(DockerException, RequestException):
                self.client.api.remove_network(name)

    def _create_network(self, name: str) -> str:
        """Its subnet. One lost to another stack in the same instant is chosen anew."""
        for attempt in range(1, _ATTEMPTS + 1):
            subnet = choose_subnet(self.client, random.SystemRandom())
            pool = docker.types.IPAMPool(subnet=subnet, gateway=str(ipaddress.ip_network(subnet)[1]))
            try:
                self.client.networks.create(
                    name,
                    driver="bridge",
                    ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                    labels=self.marks,
                    options={"com.docker.network.bridge.enable_ip_masquerade": "false"},
                )
            except APIError as error:
                if attempt == _ATTEMPTS:
                    raise RigError("A room's network could not be created.", evidence=str(error)[:300]) from error
            else:
                return subnet
        raise AssertionError("unreachable: the last attempt returns or raises")
