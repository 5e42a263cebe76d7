"""A server's image by itself for a moment: another command line, limits of its own, no network, gone afterwards."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import docker
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from requests.exceptions import RequestException

from sim.errors import RigError
from sim.scenario import Alone, Limits, ServerState

_POLL_S = 0.25
_NANO = 1_000_000_000


def run_alone(
    client: docker.DockerClient,
    image: str,
    command: Sequence[str],
    limits: Limits,
    probe: tuple[Sequence[str], float],
    **options: Any,
) -> Alone:
    """Until ``probe`` (a command inside, and how long it may take until it succeeds) does, or the container has ended.

    ``options`` are the engine's (labels, environment). Raises RigError when the engine would not.
    """
    ready, within_s = probe
    container: Container | None = None
    try:
        container = client.containers.run(
            image,
            list(command),
            detach=True,
            network_mode="none",
            mem_limit=limits.memory_bytes,
            memswap_limit=limits.memory_bytes,
            nano_cpus=round(limits.cpu_cores * _NANO),
            security_opt=["no-new-privileges"],
            **options,
        )
        return _watched(container, ready, within_s)
    except (DockerException, RequestException) as error:
        raise RigError(f"{image} could not be run by itself.", evidence=str(error)[:500]) from error
    finally:
        if container is not None:
            with suppress(DockerException, RequestException):
                container.remove(force=True, v=True)


def _watched(container: Container, ready: Sequence[str], within_s: float) -> Alone:
    began_s = time.monotonic()
    while time.monotonic() < began_s + within_s:
        container.reload()
        if container.status != "running":
            break
        with suppress(APIError):  # it may end between the look and the question
            if container.exec_run(list(ready)).exit_code == 0:
                return Alone(_state(container), time.monotonic() - began_s)
        time.sleep(_POLL_S)
    container.reload()
    return Alone(_state(container), None)


def _state(container: Container) -> ServerState:
    status = container.attrs["State"]
    ended = status["Status"] == "exited"
    return ServerState(status["Status"], status["ExitCode"] if ended else None, bool(status["OOMKilled"]))
