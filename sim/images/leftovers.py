"""Containers that helped to make an image and outlived a rig that was killed meanwhile."""

from __future__ import annotations

import docker
from docker.errors import APIError, NotFound

from sim.images.store import LABEL_TASK


def remove_finished_tasks(client: docker.DockerClient) -> int:
    """Remove those that no longer run; returns how many. One that runs belongs to a rig that is at work."""
    finished = {"label": LABEL_TASK, "status": ["created", "exited", "dead"]}
    removed = 0
    for container in client.api.containers(all=True, filters=finished):
        try:
            client.api.remove_container(container["Id"], v=True, force=True)
        except (NotFound, APIError):
            # Its own rig was quicker.
            continue
        removed += 1
    return removed
