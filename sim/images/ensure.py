"""Have the images: what is there, then registries, then local builds; two at a time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from docker.errors import DockerException
from requests.exceptions import RequestException

from sim.errors import BadInput, RigError
from sim.images.basis import Basis
from sim.images.building import Builder, took
from sim.images.candidate import Candidate, base_pulls, candidates
from sim.images.fetching import fetch
from sim.images.lock import Lock, load_lock
from sim.images.model import ResolvedImage
from sim.images.recipe import context_tar, large_temporary_folder, recipe_files
from sim.images.registry import Registries
from sim.images.resolution import Found, NotHadError, considered, find_present, obtain_best
from sim.images.store import LABEL_COMPONENT, LABEL_VERSION, LocalImages, local_images
from sim.runtime.engine import connect

if TYPE_CHECKING:
    import docker

Say = Callable[[str], None]
_AT_ONCE = 2


def ensure_images(
    components: Sequence[str],
    *,
    say: Say,
    offline: bool = False,
    from_source: frozenset[str] = frozenset(),
    client: docker.DockerClient | None = None,
    lock: Lock | None = None,
) -> Mapping[str, ResolvedImage]:
    """Every named component's image, obtained where it is not present.

    ``offline`` asks no registry. ``from_source`` names builds that are made on request only. Raises BadInput for an
    unknown component, RigError when one cannot be had, after the others were tried.
    """
    lock = lock or load_lock()
    wanted = {name: considered(candidates(lock, name), from_source) for name in dict.fromkeys(components)}
    _check_requests(lock, from_source)
    client = client or connect()
    local = local_images(client)
    resolved: dict[str, ResolvedImage] = {}
    for name, ways in wanted.items():
        # What was asked for is worth a build even when something lesser, or something pulled, is there.
        asked = [way for way in ways if way.build and way.build.on_request in from_source]
        found = find_present(asked or ways, local)
        if found is not None:
            resolved[name] = found
    missing = {name: ways for name, ways in wanted.items() if name not in resolved}
    if missing:
        registries = Registries(client, say, offline, _pulls(lock, missing))
        builder = Builder(client, say)
        supply = _Supply(local, builder, registries, Basis(lock, builder, registries))
        resolved |= _obtained(missing, supply, from_source, say)
    return {name: resolved[name] for name in wanted}


def resolve_present(
    components: Sequence[str] | None = None,
    *,
    client: docker.DockerClient | None = None,
    lock: Lock | None = None,
) -> Mapping[str, ResolvedImage]:
    """What of the components is in the engine now; absent ones are left out. Nothing is fetched or built."""
    lock = lock or load_lock()
    local = local_images(client or connect())
    names = lock.components if components is None else components
    present = {name: find_present(candidates(lock, name), local, as_it_is=True) for name in names}
    return {name: image for name, image in present.items() if image is not None}


def _check_requests(lock: Lock, from_source: frozenset[str]) -> None:
    known = {b.on_request for entry in lock.components.values() for b in entry.build if b.on_request}
    for name in sorted(from_source - known):
        raise BadInput(f"Nothing called {name!r} is built from source.", next_step=f"one of {', '.join(sorted(known))}")


def _pulls(lock: Lock, missing: Mapping[str, Sequence[Candidate]]) -> list[str]:
    """Everything that may be pulled; what the local builds stand on counts, too."""
    ways = [*base_pulls(lock), *(way for ways in missing.values() for way in ways)]
    return [way.pull for way in ways if way.pull]


def _obtained(
    missing: Mapping[str, Sequence[Candidate]], supply: _Supply, from_source: frozenset[str], say: Say
) -> dict[str, ResolvedImage]:
    failures: list[RigError] = []
    resolved: dict[str, ResolvedImage] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            under_way: dict[str, Future[ResolvedImage]] = {
                name: pool.submit(obtain_best, ways, supply.local, supply, from_source, say)
                for name, ways in missing.items()
            }
            for name, future in under_way.items():
                try:
                    resolved[name] = future.result()
                except RigError as error:
                    failures.append(error)
        except BaseException:
            supply.builder.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failures:
        raise failures[0]
    return resolved


@dataclass(frozen=True, slots=True)
class _Supply:
    """Pulls and builds, each under the name the next run looks for."""

    local: LocalImages
    builder: Builder
    registries: Registries
    basis: Basis

    def obtain(self, candidate: Candidate) -> Found:
        return self._built(candidate) if candidate.build is not None else self._pulled(candidate)

    def _pulled(self, candidate: Candidate) -> Found:
        digest = self.local.pulled_before(candidate) or self.registries.pull(candidate.pull)
        version = self.builder.measure(digest, candidate.version)
        name = f"{candidate.name}-{version}"
        self._tag(digest, name)
        self.builder.say(f"{candidate.component}: {candidate.pull} ({version})")
        return Found(name, digest, version)

    def _built(self, candidate: Candidate) -> Found:
        entry = candidate.build
        if entry is None:
            raise NotHadError("there is no recipe")
        component, say = candidate.component, self.builder.say
        base = self.basis.image()
        say(f"{component}: building {entry.software} from {entry.made_from}")
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sim-build-", dir=large_temporary_folder()) as folder:
            files = {**recipe_files(entry), **fetch(entry, Path(folder), say)}
            with context_tar(files) as context:
                plain = self.builder.build(context, "", {"BASE": base})
        version = self.builder.measure(plain, candidate.version)
        labels = {LABEL_COMPONENT: component, LABEL_VERSION: version}
        with context_tar({}, {"Dockerfile": f"FROM {plain}\n"}) as context:
            digest = self.builder.build(context, candidate.name, {}, labels)
        say(f"{component}: {entry.software} {version} built in {took(started_s)}")
        return Found(candidate.name, digest, version)

    def _tag(self, digest: str, name: str) -> None:
        repository, _, tag = name.rpartition(":")
        try:
            self.builder.client.api.tag(digest, repository, tag)
        except (DockerException, RequestException) as error:
            raise NotHadError(f"the engine did not name it: {error}"[:300]) from error
