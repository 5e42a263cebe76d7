"""What faults ask of an engine beyond starting and stopping: limits changed, images exchanged, use measured."""

from __future__ import annotations

import io
from typing import Any

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from sim.errors import RigError
from sim.runtime import labels
from sim.scenario import Usage

_NANO = 1_000_000_000
VARIANT = "sim/variant"
"""The repository of images that differ from their originals in a label alone; each carries its stack's label."""


def change_limits(
    client: docker.DockerClient, container: str, server: str, memory_bytes: int | None, cpu_cores: float | None
) -> None:
    """0 lifts a limit: the engine takes none away, so the whole host stands for it. Raises RigError on a no.

    The kernel says no to less memory than it can free.
    """
    wanted: dict[str, int] = {}
    try:
        host = client.info() if 0 in {memory_bytes, cpu_cores} else {}
        if memory_bytes is not None:
            wanted["Memory"] = wanted["MemorySwap"] = memory_bytes or int(host["MemTotal"])
        if cpu_cores is not None:
            wanted["NanoCPUs"] = round((cpu_cores or float(host["NCPU"])) * _NANO)
        # docker-py knows no NanoCPUs here, and a container made with them takes no quota.
        answer = client.api._post_json(client.api._url("/containers/{0}/update", container), data=wanted)  # noqa: SLF001
        client.api._raise_for_status(answer)  # noqa: SLF001 - as above
    except (DockerException, RequestException) as error:
        raise RigError(f"The limits of {server} could not be changed.", evidence=_said(error)) from error


def usage(client: docker.DockerClient, container: str, server: str) -> Usage:
    """As the kernel counts now. Raises RigError when the engine does not say."""
    try:
        seen: dict[str, Any] = client.api.stats(container, stream=False, one_shot=True)
        cpu = seen["cpu_stats"]
        return Usage(
            throttled_periods=int(cpu["throttling_data"]["throttled_periods"]),
            memory_bytes=int(seen["memory_stats"].get("usage", 0)),
            periods=int(cpu["throttling_data"]["periods"]),
            cpu_s=int(cpu["cpu_usage"]["total_usage"]) / _NANO,
        )
    except (DockerException, RequestException, KeyError, ValueError) as error:
        raise RigError(f"The engine did not measure {server}.", evidence=_said(error)) from error


def make_variant(client: docker.DockerClient, stack_id: str, server: str, reference: str) -> str:
    """The reference of an image with all of ``reference`` in it and a digest of its own."""
    tag = f"{VARIANT}:{stack_id}-{server}"
    recipe = f"FROM {reference}\nLABEL {labels.STACK}={stack_id}\n"
    try:
        client.images.build(fileobj=io.BytesIO(recipe.encode()), tag=tag, rm=True, forcerm=True)
    except (DockerException, RequestException, TypeError) as error:
        raise RigError(f"No second image for {server} could be made.", evidence=_said(error)) from error
    return tag


def remove_variants(client: docker.DockerClient, stack_id: str) -> int:
    """How many went; one still in use stays for the next time."""
    gone = 0
    for image in client.api.images(filters={"label": f"{labels.STACK}={stack_id}"}):
        for tag in image["RepoTags"] or ():
            if tag.startswith(f"{VARIANT}:"):
                try:
                    client.api.remove_image(tag, force=True)
                except APIError as error:
                    if error.status_code not in {404, 409}:
                        raise
                else:
                    gone += 1
    return gone


def _said(error: BaseException) -> str:
    return str(getattr(error, "explanation", None) or error)[:300]
