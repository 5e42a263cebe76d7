"""A stack seen as it would be with other images of its services: the same pods, another plan for some of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sim.errors import RigError
from sim.plan.model import Plan
from sim.runtime.pods import PodEngine
from sim.runtime.stack import LiveStack, mounting

READY_S = 60.0


def planned_as(stack: LiveStack, plan: Plan) -> LiveStack:
    """The same stack under another plan of the same pods; nothing is started yet. Raises RigError for other pods."""
    if [(s.name, s.address) for s in plan.servers] != [(s.name, s.address) for s in stack.plan.servers]:
        raise RigError("The two builds make two different stacks: their pods are not the same.")
    memory = replace(stack.memory, plan=plan)
    return LiveStack(memory, PodEngine(stack.engine.client, plan, mounting(memory)), stack.clock)


def renew(stack: LiveStack, deployments: Collection[str]) -> None:
    """New containers of the plan's images for these deployments, ready to serve.

    Raises RigError with a container's last words when it is not.
    """
    pods = [server for server in stack.plan.servers if server.app in deployments]
    for pod in pods:
        stack.engine.renew(pod.name)
    for pod in pods:
        try:
            stack.wait_ready(pod.name, deadline_s=READY_S)
        except RigError as error:
            said = " ".join(stack.logs(pod.name).split())[-300:]
            raise RigError(
                f"{pod.name} was not ready within {READY_S:.0f} s as {pod.image.reference}.",
                evidence=f"{stack.control.state(pod.name).state}; last log: {said!r}",
                next_step="run this image by itself: sim up --image",
            ) from error
