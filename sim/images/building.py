"""Building an image with the engine, with lines a person can follow and the tail of what failed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import IO, TYPE_CHECKING

from docker.errors import DockerException
from requests.exceptions import RequestException

from sim.images.resolution import NotHadError
from sim.images.store import LABEL_TASK

if TYPE_CHECKING:
    import docker

_TAIL_LINES = 15
_MEASURE_DEADLINE_S = 60
_STEP = re.compile(r"^Step (\d+/\d+) : (.*)")
# A release like MinIO's, or numbers with dots. Debian's own suffixes and Git hashes are left out.
_VERSION = re.compile(r"(?:RELEASE|DEVELOPMENT)\.[0-9][0-9TZ-]+|\d+\.\d+(?:\.\d+)*")
# Hosts of these names are the engine's loopback during a build, as the build runs in the host's network.
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(slots=True)
class Builder:
    """Builds with the host's network, so that package mirrors are reached as the machine itself reaches them."""

    client: docker.DockerClient
    say: Callable[[str], None]
    stop: Event = field(default_factory=Event)

    def build(
        self,
        context: IO[bytes],
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """The new image's content id. Raises NotHadError with the failing step and the end of its log."""
        step, built, tail = "", "", deque[str](maxlen=_TAIL_LINES)
        try:
            for event in self.client.api.build(
                fileobj=context,
                custom_context=True,
                tag=tag or None,
                rm=True,
                forcerm=True,
                network_mode="host",
                buildargs={**proxy_arguments(), **arguments},
                labels=dict(labels or {}),
                decode=True,
            ):
                if self.stop.is_set():
                    raise NotHadError("interrupted")
                text = str(event.get("stream", "")).strip()
                found = _STEP.match(text)
                if found:
                    step = f"step {found[1]}: {found[2][:100]}"
                    tail.clear()
                elif text:
                    tail.extend(text.splitlines())
                if "error" in event:
                    raise NotHadError(f"build failed at {step or event['error']}", "\n".join([*tail, event["error"]]))
                if "aux" in event and "ID" in event["aux"]:
                    built = str(event["aux"]["ID"])
        except (DockerException, RequestException, OSError) as error:
            raise NotHadError(f"build failed at {step or 'the start'}", f"{error}"[:500]) from error
        if not built:
            raise NotHadError(f"build ended without an image at {step or 'the start'}", "\n".join(tail))
        return built

    def measure(self, image: str, command: tuple[str, ...]) -> str:
        """The software's version, asked of the software itself inside the image. Raises NotHadError."""
        try:
            code, text = self._run(image, command)
        except (DockerException, RequestException) as error:
            raise NotHadError(f"{' '.join(command)} cannot be run in it", str(error)[:500]) from error
        if code != 0:
            raise NotHadError(f"{' '.join(command)} failed in it (exit {code})", text[-500:])
        found = _VERSION.search(text)
        if found is None:
            raise NotHadError(f"{' '.join(command)} tells no version", text[:300])
        return found.group()

    def _run(self, image: str, command: tuple[str, ...]) -> tuple[int, str]:
        """(exit code, output). Not ``containers.run``: that leaves a container behind which could not be started."""
        container = self.client.containers.create(
            image,
            entrypoint=command[0],
            command=list(command[1:]),
            network_disabled=True,
            labels={LABEL_TASK: "measure"},
        )
        try:
            container.start()
            code = int(container.wait(timeout=_MEASURE_DEADLINE_S)["StatusCode"])
            return code, container.logs().decode(errors="replace")
        finally:
            container.remove(force=True, v=True)


def proxy_arguments() -> dict[str, str]:
    """The machine's proxies, its package manager's first. The engine keeps these out of an image's history."""
    arguments = {name: os.environ[name] for name in _PROXIES if os.environ.get(name)}
    if shutil.which("apt-config"):
        for scheme in ("http", "https"):
            found = subprocess.run(
                ["apt-config", "shell", "P", f"Acquire::{scheme}::Proxy"], capture_output=True, text=True, check=False
            ).stdout
            value = found.partition("=")[2].strip().strip("'\"")
            if value and value != "DIRECT":
                arguments[f"{scheme}_proxy"] = value
    return arguments


def took(started_s: float) -> str:
    return f"{time.monotonic() - started_s:.0f} s"
