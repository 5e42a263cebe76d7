"""The network namespaces of a stack's pods: finding them, and running programs inside.

A pause container owns each namespace. Root on the engine's own host enters it directly (some 5 ms); anyone else has
the engine start a container of the tools image that joins it (some 0.3 s).
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException, NotFound
from requests.exceptions import RequestException

from sim.errors import RigError
from sim.runtime import labels
from sim.runtime.prober import ContainerLine, LocalLine, Prober, start
from sim.runtime.state import state_root

_PROC = Path("/proc")
_DEADLINE_S = 60
_STDIN_FILE = "stdin"
# The engine gives a finished container's output whole, but only a file can be its input.
_WITH_INPUT = ("/bin/sh", "-c", f'exec "$@" < /{_STDIN_FILE}', "sh")
_SEARCH = "/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class _Holder:
    """A pause container and its process."""

    container: str
    pid: int

    @property
    def seen_here(self) -> bool:
        """Whether that process number is the container's on this machine: an engine elsewhere numbers other ones."""
        try:
            return self.container in (_PROC / str(self.pid) / "cgroup").read_text()
        except OSError:
            return False


class PodNetworks:
    """By server name. ``tools_image`` is run where this process may not enter a namespace itself.

    ``holder`` names the container that owns a server's network namespace.
    """

    def __init__(
        self, client: docker.DockerClient, stack_id: str, tools_image: str, holder: Callable[[str], str]
    ) -> None:
        self._holder_name = holder
        self._client = client
        self._stack_id = stack_id
        self._tools_image = tools_image
        self._holders: dict[str, _Holder] = {}

    def pid(self, server: str) -> int:
        """The pause container's process, which lives as long as the pod. Raises RigError when there is none."""
        return self._holder(server).pid

    def _holder(self, server: str) -> _Holder:
        if server not in self._holders:
            name = self._holder_name(server)
            try:
                inspected = self._client.api.inspect_container(name)
            except NotFound as error:
                raise RigError(f"{server} has no pod.", evidence=str(error)[:200], next_step="sim status") from error
            except (DockerException, RequestException) as error:
                raise _silent(error) from error
            pid = int(inspected["State"]["Pid"])
            if not pid:
                raise RigError(
                    f"The pod of {server} has ended; its network namespace is gone.",
                    evidence=f"pause container {inspected['State']['Status']}",
                    next_step="sim down, then sim up",
                )
            self._holders[server] = _Holder(str(inspected["Id"]), pid)
        return self._holders[server]

    def forget(self, servers: Iterable[str]) -> None:
        """Their pods are gone; others may get their names."""
        for server in servers:
            self._holders.pop(server, None)

    def enterable(self, server: str) -> bool:
        """Whether this process may enter the namespace itself: root, where the engine's processes are seen."""
        return os.geteuid() == 0 and self._holder(server).seen_here

    def run(self, server: str, argv: Sequence[str], stdin: str = "") -> tuple[int, str]:
        """(exit code, standard output and error) of a program inside; see ``Control.in_network``."""
        path = f"{os.environ.get('PATH', '')}:{_SEARCH}"
        program, nsenter = shutil.which(argv[0], path=path), shutil.which("nsenter", path=path)
        if program is not None and nsenter is not None and self.enterable(server):
            return self._entered(server, [nsenter, "-t", str(self.pid(server)), "-n", program, *argv[1:]], stdin)
        return self.start_container(server, argv, stdin)

    def prober(self, pods: Mapping[str, str]) -> Prober:
        """A prober in the namespaces of ``pods`` (its name for each → server)."""
        pids = {name: self.pid(server) for name, server in pods.items()}
        if os.geteuid() == 0 and all(self._holder(server).seen_here for server in pods.values()):
            return start(LocalLine(), pids)
        return start(ContainerLine(self._client, self._tools(), self._marks()), pids)

    def _entered(self, server: str, command: Sequence[str], stdin: str) -> tuple[int, str]:
        try:
            done = subprocess.run(
                command,
                input=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_DEADLINE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RigError(f"No program ran in the network of {server}.", evidence=str(error)[:300]) from error
        return done.returncode, done.stdout

    def _tools(self) -> str:
        if not self._tools_image:
            raise RigError(
                "The pods' networks cannot be entered from here.",
                evidence="the stack was raised without the tools image",
                next_step="run as root on the engine's host, or raise the stack again: sim down, then sim up",
            )
        return self._tools_image

    def _marks(self) -> dict[str, str]:
        return {labels.STACK: self._stack_id, labels.STATE: str(state_root())}

    def start_container(self, server: str, argv: Sequence[str], stdin: str = "") -> tuple[int, str]:
        """A container of the tools image in the pod, from its start to its end: (exit code, output)."""
        api, pause = self._client.api, self._holder_name(server)
        options = api.create_host_config(
            network_mode=f"container:{pause}", cap_drop=["ALL"], cap_add=["NET_ADMIN", "NET_RAW"]
        )
        marks = {**self._marks(), labels.SERVER: server}
        try:
            made = api.create_container(
                self._tools(), [*_WITH_INPUT, *argv], user="root", host_config=options, labels=marks
            )["Id"]
            try:
                api.put_archive(made, "/", _archived(stdin))
                api.start(made)
                code = int(api.wait(made, timeout=_DEADLINE_S)["StatusCode"])
                output: bytes = api.logs(made)
            finally:
                with suppress(DockerException, RequestException):  # the sweep by label takes what is left
                    api.remove_container(made, force=True)
        except (DockerException, RequestException) as error:
            raise RigError(
                f"No program ran in the network of {server}.", evidence=str(error)[:300], next_step="sim doctor"
            ) from error
        return code, output.decode(errors="replace")


def _archived(text: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        data = text.encode()
        info = tarfile.TarInfo(_STDIN_FILE)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return held.getvalue()


def _silent(error: Exception) -> RigError:
    return RigError("The engine does not answer.", evidence=str(error)[:300], next_step="sim doctor")
