"""Shapes of partitions, as Jepsen's nemeses draw them.

Source: jepsen.nemesis (``split-one``, ``bisect``, ``bridge``, ``majorities-ring-perfect``), jepsen-io/jepsen.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.faults.fault import InForce
from sim.faults.partition import Ways, cut
from sim.scenario import Stage

Sides = tuple[tuple[str, ...], tuple[str, ...]]


def halves(nodes: Sequence[str], rng: random.Random) -> Sides:
    """Two halves at random, the first the smaller one."""
    order = list(nodes)
    rng.shuffle(order)
    return tuple(order[: len(order) // 2]), tuple(order[len(order) // 2 :])


def fixed_halves(nodes: Sequence[str]) -> Sides:
    """The same two halves each time, by name."""
    order = sorted(nodes)
    return tuple(order[: len(order) // 2]), tuple(order[len(order) // 2 :])


def isolated(nodes: Sequence[str], node: str) -> Sides:
    """One node against all the others."""
    return (node,), tuple(other for other in nodes if other != node)


def bridge(nodes: Sequence[str], between: str) -> Sides:
    """Two halves that only ``between`` still hears, and that both hear it."""
    others = [node for node in nodes if node != between]
    return tuple(others[: len(others) // 2]), tuple(others[len(others) // 2 :])


def majorities_ring(nodes: Sequence[str], rng: random.Random) -> Mapping[str, tuple[str, ...]]:
    """Node → those it no longer hears: everyone hears a majority, and no two the same one."""
    order = list(nodes)
    rng.shuffle(order)
    size = len(order) // 2 + 1
    deaf: dict[str, tuple[str, ...]] = {}
    for start in range(len(order)):
        window = [order[(start + step) % len(order)] for step in range(size)]
        deaf[window[len(window) // 2]] = tuple(node for node in order if node not in window)
    return deaf


@dataclass(frozen=True, slots=True)
class MajoritiesRing:
    """With three nodes every pair is cut one way, so that no two of them can hold a conversation."""

    nodes: tuple[str, ...]
    seed: int
    name: str = "majorities ring"

    @property
    def target(self) -> str:
        return ",".join(self.nodes)

    def inject(self, stage: Stage) -> InForce:
        deaf = majorities_ring(self.nodes, random.Random(self.seed))  # noqa: S311 - repeatable, not secret
        ways = {
            node: Ways(to=tuple(other for other in self.nodes if node in deaf[other]), of=deaf[node])
            for node in self.nodes
        }
        return cut(stage, self.name, self.target, ways)
