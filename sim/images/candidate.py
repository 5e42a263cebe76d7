"""The ways to a component's image, best first. Pure: what there is to try, not whether it works."""

from __future__ import annotations

from dataclasses import dataclass

from sim.images.lock import BuildEntry, Component, Lock
from sim.images.recipe import recipe_key, short_key
from sim.images.reference import pinned
from sim.verdict import Fidelity

REPOSITORY = "sim"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way. Exactly one of ``pull`` (a reference) and ``build`` is given.

    ``name`` is the local image name it ends up under; a pulled one's tag goes on with ``-<version>``, because a pulled
    image cannot carry a label of ours. ``version`` is the command that tells the software's version.
    """

    component: str
    documented: str
    name: str
    software: str
    fidelity: Fidelity
    reason: str
    version: tuple[str, ...]
    pull: str = ""
    digest: str | None = None
    build: BuildEntry | None = None


def candidates(lock: Lock, component: str) -> tuple[Candidate, ...]:
    """Documented image, mirrors, local builds. Raises BadInput for an unknown component."""
    entry = lock.component(component)
    below = base_key(lock)
    return (*_pulls(component, entry), *(_built(component, entry, build, below) for build in entry.build))


def base_pulls(lock: Lock) -> tuple[Candidate, ...]:
    """Where a plain system to build on may be pulled from."""
    return _pulls(BASE, lock.base)


def base_key(lock: Lock) -> str:
    """The key of what the builds stand on: what may be pulled for it, and how it is prepared."""
    entry = lock.base.model_dump_json(exclude={"note"}, exclude_defaults=True)
    return short_key([BASE, entry, *(recipe_key(build, "") for build in lock.base.build)])


def base_name(lock: Lock) -> str:
    return f"{REPOSITORY}/{BASE}:{base_key(lock)}"


def _pulls(component: str, entry: Component) -> tuple[Candidate, ...]:
    references = (entry.image, *entry.mirrors) if entry.image else ()
    return tuple(_pulled(component, entry, reference, first=i == 0) for i, reference in enumerate(references))


def _pulled(component: str, entry: Component, reference: str, *, first: bool) -> Candidate:
    # The same digest is the same image wherever it comes from; without one, each place is its own.
    identity = entry.digest or reference
    same = first or entry.digest is not None
    documented = bool(entry.documented) and same
    if not entry.documented:
        reason = f"{reference}: the document names no image"
    elif not same:
        reason = f"{reference}: a mirror of {entry.image}, which no digest identifies (sim images lock)"
    elif entry.digest is None:
        reason = "by tag: no digest is locked (sim images lock)"
    else:
        reason = ""
    return Candidate(
        component=component,
        documented=entry.documented,
        name=f"{REPOSITORY}/{component}:pulled-{short_key([str(entry.image), identity])}",
        software=entry.software,
        fidelity=Fidelity.DOCUMENTED if documented else Fidelity.SAME_SOFTWARE,
        reason=reason,
        version=entry.version,
        pull=pinned(reference, entry.digest),
        digest=entry.digest,
    )


def _built(component: str, entry: Component, build: BuildEntry, below: str) -> Candidate:
    if entry.image is None and build.fidelity is Fidelity.STAND_IN:
        reason = f"{build.software} from {build.made_from} stands in; the document names no image"
    elif entry.image is None:
        reason = f"built from {build.made_from}; the document names no image"
    elif not entry.documented:
        reason = f"built from {build.made_from}; the document names no image, {entry.image} is not present"
    elif build.fidelity is Fidelity.STAND_IN:
        reason = f"{build.software} from {build.made_from} stands in for {entry.image}, which is not present"
    else:
        reason = f"built from {build.made_from}; {entry.image} is not present"
    return Candidate(
        component=component,
        documented=entry.documented,
        name=f"{REPOSITORY}/{component}:{recipe_key(build, below)}",
        software=build.software,
        fidelity=build.fidelity,
        reason=reason,
        version=build.version or entry.version,
        build=build,
    )
