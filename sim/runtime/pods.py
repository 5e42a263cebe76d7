"""Pods in a container engine: a pause container owns the address and the name, the server joins its network.

A server that is killed and started again keeps its address, its network namespace and whatever rules live there, as in
Kubernetes. Built on Testcontainers; its reaper is off because the rig's own watchdog does that work without an image.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from sim.errors import RigError, Unreachable
from sim.plan.model import PLACEHOLDER, Plan, ServerSpec
from sim.plan.replicas import pods_of, with_replicas
from sim.policy.objects import Pod
from sim.remedy import Pledge
from sim.runtime import labels, pledges
from sim.runtime.alone import run_alone
from sim.runtime.breaking import change_limits, make_variant, usage
from sim.runtime.cgroups import read_usage
from sim.runtime.host import load as host_load
from sim.runtime.networking import StackNetworking
from sim.runtime.pod_network import EnginePodNetwork
from sim.runtime.readiness import ready_probe
from sim.runtime.state import state_root
from sim.scenario import Alone, HostLoad, Limits, ServerState, Usage
from sim.servers.endpoint import Endpoint

LOOPBACK = "127.0.0.1"
_LOG_OPTIONS = {"max-size": "10m", "max-file": "1"}
_TMP_OPTIONS = "rw,noexec,nosuid,nodev,size=16m"
_NANO = 1_000_000_000
_FREEZES = 3
_NOT_FROZEN = "unable to freeze"


@dataclass(frozen=True, slots=True)
class Mounting:
    """How a plan meets one engine: whose stack it is, its secrets, whether limits and policies are applied."""

    stack_id: str
    secrets: Mapping[str, str]
    enforce_limits: bool = True
    enforce_policies: bool = True


class PodEngine:
    """Creates, inspects and breaks the pods of one stack. Every name is a server's name of the plan."""

    def __init__(self, client: docker.DockerClient, plan: Plan, mounting: Mounting) -> None:
        self._client = client
        self._plan = plan
        self._mounting = mounting
        self._own = plan.servers
        self._endpoints: dict[str, Mapping[int, Endpoint]] = {}
        self._ids: dict[str, str] = {}
        # Testcontainers opens a client for each container; left to negotiate, each makes the engine run two programs.
        self._client_options = {"version": client.api.api_version}
        self.networking = StackNetworking(client, mounting.stack_id, plan, enforced=mounting.enforce_policies)
        testcontainers_config.ryuk_disabled = True

    @property
    def client(self) -> docker.DockerClient:
        return self._client

    @property
    def stack_id(self) -> str:
        return self._mounting.stack_id

    def create_network(self) -> None:
        """The pod network. Raises RigError when its subnet is taken by now."""
        subnet = ipaddress.ip_network(self._plan.subnet)
        pool = docker.types.IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))
        try:
            self._client.networks.create(
                labels.network_name(self.stack_id),
                driver="bridge",
                ipam=docker.types.IPAMConfig(pool_configs=[pool]),
                labels=self._labels(),
                # Pods talk to each other and to the host's published ports, never to the world.
                options={"com.docker.network.bridge.enable_ip_masquerade": "false"},
            )
        except APIError as error:
            raise RigError(
                f"The pod network {subnet} could not be created.", evidence=_said(error), next_step="sim doctor"
            ) from error

    def create(self, server: ServerSpec) -> None:
        """Create and start one pod. Raises RigError with the engine's words."""
        try:
            self._pause(server).start()
            self.networking.confine(server)
            self._main(server).start()
        except ImageNotFound as error:
            raise RigError(
                f"{server.name}: the image {server.image.reference} is gone.",
                evidence=_said(error),
                next_step="sim images ensure",
            ) from error
        except DockerException as error:
            raise RigError(
                f"{server.name} could not be created.", evidence=_said(error), next_step="sim doctor"
            ) from error

    def reserve(self, app: str, most: int) -> tuple[str, ...]:
        self._plan = with_replicas(self._plan, app, most)
        self.networking.know(self._plan)
        return tuple(server.name for server in pods_of(self._plan, app))

    def dismiss(self, app: str) -> None:
        for server in self._reserved():
            if server.app == app:
                self.remove(server.name)
        self._plan = replace(self._plan, servers=tuple(s for s in self._plan.servers if s.app != app or s in self._own))
        self.networking.know(self._plan)

    def _reserved(self) -> tuple[ServerSpec, ...]:
        return tuple(server for server in self._plan.servers if server not in self._own)

    def add(self, server: str) -> None:
        self.create(self._plan.server(server))

    def remove(self, server: str) -> None:
        """Also of a pod that never was."""
        spec = self._plan.server(server)
        main, pause = labels.container_name(self.stack_id, server), labels.pause_name(self.stack_id, server)
        try:
            with suppress(NotFound):
                self._client.containers.get(main).stop(timeout=round(spec.stop_grace_s))
            for name in (main, pause):
                with suppress(NotFound):
                    self._client.api.remove_container(name, v=True, force=True)
        except (DockerException, OSError) as error:
            raise RigError(f"{server} could not be removed.", evidence=_said(error), next_step="sim status") from error
        self._endpoints.pop(server, None)
        self._ids.pop(server, None)

    def ready(self, server: str) -> bool:
        try:
            probe = ready_probe(self._plan.server(server), partial(self.endpoint, server), self._mounting.secrets)
            return probe() is None
        except Unreachable:
            return False

    def _pause(self, server: ServerSpec) -> DockerContainer:
        network = labels.network_name(self.stack_id)
        endpoint = self._client.api.create_endpoint_config(ipv4_address=server.address, aliases=list(server.aliases))
        container = DockerContainer(
            self._plan.pause_image.reference,
            docker_client_kw=self._client_options,
            name=labels.pause_name(self.stack_id, server.name),
        )
        # The engine picks a free port on loopback; Testcontainers' own type knows numbers only.
        bindings: Any = {f"{p.number}/tcp": (LOOPBACK, None) for p in server.ports if p.published}
        container.ports = bindings
        domain = self._plan.cluster_domain
        return container.with_kwargs(
            labels=self._labels(server, labels.ROLE_PAUSE),
            network=network,
            networking_config={network: endpoint},
            hostname=server.hostname,
            dns_search=[f"{server.namespace}.svc.{domain}", f"svc.{domain}", domain],
            # An unknown name must fail in about a second: there is no server behind the engine's own to ask.
            dns=[LOOPBACK],
            dns_opt=["ndots:1", "timeout:1", "attempts:1"],
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            log_config=docker.types.LogConfig(type="json-file", config=_LOG_OPTIONS),
        )

    def _main(self, server: ServerSpec) -> DockerContainer:
        container = DockerContainer(
            server.image.reference,
            docker_client_kw=self._client_options,
            name=labels.container_name(self.stack_id, server.name),
            env={key: self._filled(value) for key, value in server.environment.items()},
        )
        for file in server.files:
            container.with_copy_into_container(self._filled(file.content).encode(), file.path, file.mode)
        options: dict[str, Any] = {
            "labels": self._labels(server, labels.ROLE_SERVER),
            "network": None,
            "network_mode": f"container:{labels.pause_name(self.stack_id, server.name)}",
            "security_opt": ["no-new-privileges"],
            "log_config": docker.types.LogConfig(type="json-file", config=_LOG_OPTIONS),
        }
        container.with_command(list(server.command))
        if server.replaces_entrypoint:
            options["entrypoint"] = []
        if server.confined:
            options |= {"cap_drop": ["ALL"], "read_only": True}
            container.tmpfs = {"/tmp": _TMP_OPTIONS}  # noqa: S108 - the container's own
        if self._mounting.enforce_limits:
            options |= _limit_options(server)
        if server.persistent and server.data_path:
            volume = labels.volume_name(self.stack_id, server.name)
            self._client.volumes.create(volume, labels=self._labels(server))
            container.volumes = {volume: {"bind": server.data_path, "mode": "rw"}}
        return container.with_kwargs(**options)

    def _labels(self, server: ServerSpec | None = None, role: str = "") -> dict[str, str]:
        marks = {labels.STACK: self.stack_id, labels.STATE: str(state_root())}
        if server is not None:
            marks |= {labels.SERVER: server.name, labels.KIND: server.kind}
        return marks | ({labels.ROLE: role} if role else {})

    def _filled(self, text: str) -> str:
        return filled(text, self._mounting.secrets)

    def _container(self, server: str) -> Container:
        try:
            return self._client.containers.get(labels.container_name(self.stack_id, server))
        except NotFound:
            raise Unreachable(f"{server} has no container.", next_step="sim status") from None
        except (DockerException, OSError) as error:
            raise RigError(
                f"The engine did not answer for {server}.", evidence=_said(error), next_step="sim doctor"
            ) from error

    def endpoint(self, server: str, port: str) -> Endpoint:
        """Where the host finds a published port."""
        number = self._plan.server(server).port(port).number
        return self.endpoints(server)[number]

    def endpoints(self, server: str) -> Mapping[int, Endpoint]:
        """Container port → published address on loopback. It is the pod's, so it outlives the server's restarts."""
        if server in self._endpoints:
            return self._endpoints[server]
        name = labels.pause_name(self.stack_id, server)
        try:
            bound = self._client.api.inspect_container(name)["NetworkSettings"]["Ports"] or {}
        except (DockerException, OSError) as error:
            raise Unreachable(f"{server} has no published ports.", evidence=_said(error)) from error
        found = {
            int(key.split("/")[0]): Endpoint(LOOPBACK, int(places[0]["HostPort"]))
            for key, places in bound.items()
            if places
        }
        self._endpoints[server] = found
        return found

    def states(self) -> Mapping[str, str]:
        """Server → the engine's word for its main container: running, exited, paused…; one call for all."""
        try:
            found = self._client.api.containers(
                all=True, filters={"label": [f"{labels.STACK}={self.stack_id}", f"{labels.ROLE}={labels.ROLE_SERVER}"]}
            )
        except (DockerException, OSError) as error:
            raise RigError("The engine does not answer.", evidence=_said(error), next_step="sim doctor") from error
        seen = {c["Labels"][labels.SERVER]: c["State"] for c in found}
        return {server.name: seen.get(server.name, "missing") for server in self._plan.servers}

    def state(self, server: str) -> ServerState:
        try:
            attributes = self._container(server).attrs
        except Unreachable:
            return ServerState("missing")
        status, host = attributes["State"], attributes["HostConfig"]
        return ServerState(
            state=status["Status"],
            exit_code=status["ExitCode"] if status["Status"] == "exited" else None,
            oom_killed=bool(status["OOMKilled"]),
            started_at=status["StartedAt"],
            pid=int(status["Pid"]),
            memory_limit_bytes=int(host["Memory"]),
            cpu_limit_cores=host["NanoCpus"] / _NANO,
            command=tuple(attributes["Config"]["Cmd"] or ()),
            image_digest=attributes["Image"],
        )

    def _act(self, server: str, action: str, **options: Any) -> None:
        container = self._container(server)
        try:
            getattr(container, action)(**options)
        except (DockerException, OSError) as error:
            raise RigError(f"Could not {action} {server}.", evidence=_said(error), next_step="sim status") from error

    def kill(self, server: str, signal: str = "SIGKILL") -> None:
        self._act(server, "kill", signal=signal)

    def start(self, server: str) -> None:
        self._act(server, "start")

    def stop(self, server: str) -> None:
        self._act(server, "stop", timeout=round(self._plan.server(server).stop_grace_s))

    def pause(self, server: str) -> None:
        """Again, when the kernel did not stop every task in time: the freezer of control groups gives up ("EBUSY")."""
        for attempt in range(_FREEZES):
            try:
                self._act(server, "pause")
                break
            except RigError as error:
                if attempt == _FREEZES - 1 or _NOT_FROZEN not in error.evidence:
                    raise

    def unpause(self, server: str) -> None:
        self._act(server, "unpause")

    def limit(self, server: str, *, memory_bytes: int | None = None, cpu_cores: float | None = None) -> None:
        change_limits(self._client, self._container(server).id, server, memory_bytes, cpu_cores)

    def usage(self, server: str) -> Usage:
        known = self._ids.get(server)
        found = read_usage(known) if known else None
        if found is None:
            # Not asked for yet, or a container that has been replaced.
            self._ids[server] = known = str(self._container(server).id)
            found = read_usage(known)
        return found or usage(self._client, known or "", server)

    def alone(
        self, server: str, command: Sequence[str], limits: Limits, ready: Sequence[str], within_s: float
    ) -> Alone:
        image = self._plan.server(server).image.reference
        return run_alone(self._client, image, command, limits, (ready, within_s), labels=self._labels())

    def host(self) -> HostLoad | None:
        return host_load(self._client)

    def variant(self, server: str) -> str:
        return make_variant(self._client, self.stack_id, server, self._plan.server(server).image.reference)

    def replace(self, server: str, image: str) -> None:
        """Its files, environment, limits and volume are the plan's, as at first; what it wrote elsewhere is gone."""
        spec = self._plan.server(server)
        if self._runs(server, image or spec.image.reference):
            return
        self._remade(replace(spec, image=replace(spec.image, reference=image or spec.image.reference)))

    def renew(self, server: str) -> None:
        """A new container of the plan's image in the server's pod. Raises RigError with the engine's words."""
        self._remade(self._plan.server(server))

    def _remade(self, chosen: ServerSpec) -> None:
        try:
            with suppress(NotFound):
                name = labels.container_name(self.stack_id, chosen.name)
                self._client.api.remove_container(name, v=True, force=True)
            self._main(chosen).start()
        except (DockerException, OSError) as error:
            raise RigError(
                f"{chosen.name} could not be put on {chosen.image.reference}.",
                evidence=_said(error),
                next_step="sim status",
            ) from error

    def _runs(self, server: str, reference: str) -> bool:
        try:
            attributes = self._container(server).attrs
        except Unreachable:
            return False
        return bool(attributes["State"]["Running"]) and attributes["Config"]["Image"] == reference

    def pledge(self, pledge: Pledge) -> None:
        pledges.pledge(self.stack_id, pledge)

    def redeem(self, pledge: Pledge) -> None:
        pledges.redeem(self.stack_id, pledge)

    def execute(
        self, server: str, argv: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a command beside the server; (exit code, standard output and error)."""
        try:
            result = self._container(server).exec_run(list(argv), environment=dict(environment or {}))
        except (DockerException, OSError) as error:
            raise Unreachable(f"{server} runs no command now.", evidence=_said(error)) from error
        return int(result.exit_code), result.output.decode(errors="replace")

    def environment(self, server: str) -> tuple[str, ...]:
        """Names alone: the values hold secrets."""
        given = self._container(server).attrs["Config"]["Env"] or ()
        return tuple(sorted(entry.partition("=")[0] for entry in given))

    def resolve(self, server: str, name: str) -> tuple[str, ...]:
        code, output = self.execute(server, ("getent", "ahostsv4", name))
        if code not in {0, 2}:
            raise RigError(f"{server} cannot look names up.", evidence=output[-300:])
        return tuple(sorted({line.split()[0] for line in output.splitlines() if line.strip()}))

    def in_network(self, server: str, argv: Sequence[str], stdin: str = "") -> tuple[int, str]:
        self._plan.server(server)
        return self.networking.namespaces.run(server, argv, stdin)

    def network(self, visitors: Sequence[Pod] = ()) -> AbstractContextManager[EnginePodNetwork]:
        return self.networking.network(visitors)

    def room(self, pods: Sequence[Pod]) -> AbstractContextManager[EnginePodNetwork]:
        return self.networking.room(pods)

    def release(self) -> None:
        self.networking.release()

    def logs(self, server: str, tail: int | str = "all") -> str:
        try:
            raw: bytes = self._container(server).logs(tail=tail)
        except Unreachable as error:
            return str(error)
        return raw.decode(errors="replace")


def filled(text: str, secrets: Mapping[str, str]) -> str:
    """``text`` with each ``${NAME}`` that names a secret replaced.

    Only those: a lone ``$`` belongs to the file's own syntax (Prometheus' ``$labels``).
    """
    return PLACEHOLDER.sub(lambda match: secrets.get(match[1], match[0]), text)


def _limit_options(server: ServerSpec) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if server.limits.memory_bytes is not None:
        # No swap on top: a container past its memory limit is killed, as in Kubernetes.
        options |= {"mem_limit": server.limits.memory_bytes, "memswap_limit": server.limits.memory_bytes}
    if server.limits.cpu_cores is not None:
        options["nano_cpus"] = round(server.limits.cpu_cores * _NANO)
    return options


def _said(error: BaseException) -> str:
    explanation = getattr(error, "explanation", None)
    return str(explanation or error)[:500]
