"""Rooms of bare pods for tests, without a stack around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sim.images.ensure import ensure_images
from sim.policy.objects import Pod
from sim.runtime import state
from sim.runtime.engine import connect
from sim.runtime.pod_network import EnginePodNetwork
from sim.runtime.rooms import Builder
from sim.runtime.sweeping import sweep


@contextmanager
def bare_room(name: str, pods: Sequence[Pod]) -> Iterator[EnginePodNetwork]:
    client = connect()
    images = ensure_images(("pause", "network-tools"), say=lambda _: None)
    builder = Builder(client, name, images["pause"].reference, images["network-tools"].reference, "cluster.local")
    with state.ownership(name):
        try:
            with builder.room(pods) as room:
                yield room
        finally:
            sweep(client, name)
