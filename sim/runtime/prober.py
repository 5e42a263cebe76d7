"""The prober's process and what is said to it: here as root, in a container of the tools image for anyone else."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from sim.errors import RigError

PROGRAM = ("-S", "-m", "sim.services.prober")
_SOURCES = Path(__file__).parents[2]
_FAREWELL_S = 5.0
_SILENCE_S = 120.0
_FRAME = struct.Struct(">BxxxI")
_STDOUT = 1


class Line(Protocol):
    """Where a prober is spoken to."""

    def send(self, line: bytes) -> None: ...
    def receive(self) -> bytes:
        """One line; empty when the other end is gone."""
        ...

    def close(self) -> None: ...


class Prober:
    """One conversation. A prober that died, or says what is no answer, is a RigError."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def ask(self, operation: str, **request: Any) -> Mapping[str, Any]:
        try:
            self._line.send(json.dumps({"op": operation, **request}, separators=(",", ":")).encode() + b"\n")
            answer = self._line.receive()
            reply: dict[str, Any] = json.loads(answer)
        except (OSError, ValueError) as error:
            raise RigError("The prober has died.", evidence=str(error)[:200], next_step="run it again") from error
        if "error" in reply:
            raise RigError("The prober did not understand.", evidence=str(reply["error"])[:300])
        return reply

    def close(self) -> None:
        with suppress(OSError):
            self._line.close()


class LocalLine:
    """A child process of this one, which must be root to enter the pods' namespaces."""

    def __init__(self) -> None:
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_SOURCES), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, *PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/"
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, line: bytes) -> None:
        _write(self._process.stdin, line)

    def receive(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - asked for as a pipe
        return self._process.stdout.readline()

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            self._process.wait(_FAREWELL_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _write(pipe: IO[bytes] | None, line: bytes) -> None:
    assert pipe is not None  # noqa: S101 - asked for as a pipe
    pipe.write(line)
    pipe.flush()


class ContainerLine:
    """A container of the tools image that sees the host's processes; it ends with the line, or with the sweep."""

    def __init__(self, client: docker.DockerClient, image: str, marks: Mapping[str, str]) -> None:
        self._api = client.api
        options = self._api.create_host_config(
            pid_mode="host",
            network_mode="host",
            cap_drop=["ALL"],
            # To enter a namespace, to find it under /proc, and to make pods' link addresses known in it.
            cap_add=["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"],
            security_opt=["apparmor=unconfined", "seccomp=unconfined"],
        )
        command = ["python3", *PROGRAM]
        try:
            self._id = self._api.create_container(
                image, command, user="root", stdin_open=True, host_config=options, labels=dict(marks)
            )["Id"]
            attached = self._api.attach_socket(self._id, params={"stdin": 1, "stdout": 1, "stream": 1})
            self._socket: socket.socket = getattr(attached, "_sock", attached)
            self._attached = attached  # closes the socket when it is collected
            self._api.start(self._id)
        except (DockerException, RequestException) as error:
            raise RigError("No prober could be started.", evidence=str(error)[:300], next_step="sim doctor") from error
        self._socket.settimeout(_SILENCE_S)
        self._heard = b""

    def send(self, line: bytes) -> None:
        self._socket.sendall(line)

    def receive(self) -> bytes:
        """The engine frames both streams: kind, three zero bytes, length, content."""
        while b"\n" not in self._heard:
            kind, size = _FRAME.unpack(self._exactly(_FRAME.size))
            said = self._exactly(size)
            if kind == _STDOUT:
                self._heard += said
        line, _, self._heard = self._heard.partition(b"\n")
        return line

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._socket.recv(min(size, 1 << 16))
            if not part:
                raise OSError("the container ended")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        self._attached.close()
        with suppress(DockerException, RequestException):  # the sweep by label takes what is left
            self._api.remove_container(self._id, force=True)


def start(line: Line, pods: Mapping[str, int]) -> Prober:
    """A prober that holds the namespaces of ``pods``. Raises RigError naming one it could not enter."""
    prober = Prober(line)
    try:
        missing = prober.ask("hold", pods=dict(pods))["missing"]
    except BaseException:
        prober.close()
        raise
    for pod, reason in missing.items():
        prober.close()
        raise RigError(f"The network of {pod} cannot be entered by the prober.", evidence=str(reason))
    return prober
