"""Removing what carries our label, by the label alone: the rig's teardown, the watchdog's and the user's sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import RequestException

from sim.errors import BadInput, RigError
from sim.runtime import labels, state
from sim.runtime.breaking import remove_variants

_PARALLEL_REMOVALS = 8
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was removed."""

    containers: int = 0
    networks: int = 0
    volumes: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(self.containers + other.containers, self.networks + other.networks, self.volumes + other.volumes)

    @property
    def nothing(self) -> bool:
        return not (self.containers or self.networks or self.volumes)


def _label(stack_id: str) -> dict[str, Any]:
    return {"label": f"{labels.STACK}={stack_id}"}


def stacks_present(client: docker.DockerClient) -> frozenset[str]:
    """Ids on any container, network or volume of this engine."""
    return frozenset(_present(client))


def _present(client: docker.DockerClient) -> Mapping[str, Path | None]:
    """Stack → where its owner keeps its state; None when its labels do not say."""
    everything = {"label": labels.STACK}
    things = (
        *client.api.containers(all=True, filters=everything),
        *client.api.networks(filters=everything),
        *(client.api.volumes(filters=everything)["Volumes"] or ()),
    )
    found: dict[str, Path | None] = {}
    for thing in things:
        marks = thing["Labels"]
        root = Path(marks[labels.STATE]) if marks.get(labels.STATE) else None
        found[marks[labels.STACK]] = root or found.get(marks[labels.STACK])
    return found


def sweep_once(client: docker.DockerClient, stack_id: str) -> Swept:
    """Remove all that carries the stack's label now. What another sweeper removes first is not an error."""
    containers = client.api.containers(all=True, filters=_label(stack_id))
    # Servers before the pause containers that own their network namespaces.
    containers.sort(key=lambda c: c["Labels"].get(labels.ROLE) == labels.ROLE_PAUSE)
    with ThreadPoolExecutor(_PARALLEL_REMOVALS) as pool:
        gone = sum(pool.map(lambda c: _quietly(client.api.remove_container, c["Id"], v=True, force=True), containers))
    networks = sum(_quietly(client.api.remove_network, n["Id"]) for n in client.api.networks(filters=_label(stack_id)))
    volumes = sum(
        _quietly(client.api.remove_volume, v["Name"], force=True)
        for v in client.api.volumes(filters=_label(stack_id))["Volumes"] or ()
    )
    remove_variants(client, stack_id)
    return Swept(gone, networks, volumes)


def _quietly(remove: Callable[..., object], name: str, **options: bool) -> int:
    """1 when this call removed it. A conflict means a removal is under way; the next round sees to it."""
    with suppress(NotFound):
        try:
            remove(name, **options)
        except APIError as error:
            if error.status_code in {403, 404, 409, 500}:
                return 0
            raise
        return 1
    return 0


def sweep(client: docker.DockerClient, stack_id: str, *, deadline_s: float = 60.0, quiet_s: float = 0.0) -> Swept:
    """Remove a stack until nothing of it is left, and forget it.

    ``quiet_s``: how long it must stay empty, for a creation that was on its way when its owner died. Raises RigError
    naming what would not go by the deadline.
    """
    try:
        return _swept(client, stack_id, deadline_s, quiet_s)
    except (DockerException, RequestException) as error:
        raise RigError(
            f"The engine stopped answering while stack {stack_id} was being removed.",
            evidence=str(error)[:300],
            next_step="sim doctor, then sim sweep",
        ) from error


def _swept(client: docker.DockerClient, stack_id: str, deadline_s: float, quiet_s: float) -> Swept:
    total = Swept()
    started_s = time.monotonic()
    empty_since_s: float | None = None
    while True:
        total += sweep_once(client, stack_id)
        now_s = time.monotonic()
        if stack_id in stacks_present(client):
            empty_since_s = None
        else:
            empty_since_s = empty_since_s if empty_since_s is not None else now_s
            if now_s - empty_since_s >= quiet_s:
                state.forget(stack_id)
                return total
        if now_s - started_s > deadline_s:
            left = [c["Names"][0].lstrip("/") for c in client.api.containers(all=True, filters=_label(stack_id))]
            raise RigError(
                f"Stack {stack_id} could not be removed within {deadline_s:.0f} s.",
                evidence=f"still there: {', '.join(left) or 'a network or a volume'}",
                next_step="sim sweep --all, or restart the engine",
            )
        time.sleep(_POLL_S)


def orphans(client: docker.DockerClient) -> frozenset[str]:
    """Stacks nobody owns and nobody chose to keep."""
    return frozenset(stack_id for stack_id, root in _present(client).items() if not _wanted(stack_id, root))


def _wanted(stack_id: str, root: Path | None) -> bool:
    if state.owner_alive(stack_id, root):
        return True
    try:
        return state.load(stack_id, root).kept
    except BadInput:
        return False


def sweep_all(client: docker.DockerClient, stack_ids: Iterable[str]) -> Swept:
    return sum((sweep(client, stack_id) for stack_id in sorted(stack_ids)), Swept())


def forget_vanished(client: docker.DockerClient) -> None:
    """Drop the memory of stacks the engine no longer has and nobody is raising."""
    present = stacks_present(client)
    for stack_id in state.folders():
        if stack_id not in present and not state.owner_alive(stack_id):
            state.forget(stack_id)
