"""The order in which a component's image is looked for. Pure, over two small protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sim.errors import RigError
from sim.images.candidate import Candidate
from sim.images.model import ResolvedImage


@dataclass(frozen=True, slots=True)
class Found:
    """An image in the engine: the name to run, its content id, and the version measured in it."""

    reference: str
    digest: str
    version: str


class NotHadError(Exception):
    """This way did not lead to an image, for a reason worth a line; the next one is tried."""

    def __init__(self, reason: str, evidence: str = "", *, told: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence
        self.told = told  # the user has been told already, for all components at once


class Local(Protocol):
    """What the engine has already."""

    def present(self, candidate: Candidate) -> Found | None:
        """Under our own name, with its version known."""
        ...

    def pulled_before(self, candidate: Candidate) -> str | None:
        """The content id of what ``candidate`` would pull, when someone pulled it already."""
        ...


class Source(Protocol):
    """Where images come from: registries and recipes. ``obtain`` raises NotHadError."""

    def obtain(self, candidate: Candidate) -> Found: ...


def considered(ways: Sequence[Candidate], from_source: frozenset[str]) -> tuple[Candidate, ...]:
    """The ways open to this request. A build from source that was asked for leaves nothing lesser behind it."""
    opened: list[Candidate] = []
    for way in ways:
        opened.append(way)
        if way.build is not None and way.build.on_request in from_source and way.build.on_request is not None:
            break
    return tuple(opened)


def find_present(ways: Sequence[Candidate], local: Local, *, as_it_is: bool = False) -> ResolvedImage | None:
    """The best of what is there. None, too, where something better could be had at once.

    That is an image someone else pulled, or a build that has not been made. ``as_it_is`` overlooks the former.
    """
    for way in ways:
        found = local.present(way)
        if found is not None:
            return _resolved(way, found)
        if way.pull and not as_it_is and local.pulled_before(way):
            return None
        if way.build is not None and way.build.on_request is None:
            return None
    return None


def obtain_best(
    ways: Sequence[Candidate],
    local: Local,
    source: Source,
    from_source: frozenset[str],
    say: Callable[[str], None],
) -> ResolvedImage:
    """Try each way in order. Raises RigError with every way's reason when none leads anywhere."""
    refusals: list[str] = []
    evidence = ""
    for way in ways:
        if way.build is not None and way.build.on_request is not None and way.build.on_request not in from_source:
            continue
        try:
            return _resolved(way, local.present(way) or source.obtain(way))
        except NotHadError as refusal:
            tried = way.pull or f"recipe {way.build.recipe if way.build else ''}"
            refusals.append(f"{tried}: {refusal.reason}")
            evidence = refusal.evidence or evidence
            if not refusal.told:
                say(f"{way.component}: {tried}: {refusal.reason}")
    component = ways[0].component if ways else "?"
    told = "; ".join(refusals)
    raise RigError(
        f"No image for {component}: {told}.",
        evidence=evidence,
        next_step="reach a registry or a package mirror and run sim images ensure again, or sim images import FILE",
    )


def _resolved(way: Candidate, found: Found) -> ResolvedImage:
    return ResolvedImage(
        component=way.component,
        documented=way.documented,
        reference=found.reference,
        digest=found.digest,
        software=way.software,
        version=found.version,
        fidelity=way.fidelity,
        reason=way.reason,
    )
