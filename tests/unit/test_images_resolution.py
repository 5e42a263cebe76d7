"""The order in which images are looked for, and the keys they are found by."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from sim.errors import RigError
from sim.images import recipe
from sim.images.candidate import Candidate, base_key, candidates
from sim.images.lock import LOCK_FILE, Lock, load_lock, parse_lock, with_digests
from sim.images.reference import pinned, registry_of, repository_of
from sim.images.resolution import Found, NotHadError, considered, find_present, obtain_best
from sim.verdict import Fidelity

DIGEST = "sha256:" + "0123456789abcdef" * 4
NOTHING: frozenset[str] = frozenset()


def _locked(component: str) -> Lock:
    return parse_lock(with_digests(LOCK_FILE.read_text(), {component: DIGEST}), "locked")


def _spelled(way: Candidate) -> str:
    return way.pull or (way.build.recipe if way.build else "?")


class World:
    """An engine and its sources in memory: what is there, what can be had, and what was asked."""

    def __init__(
        self, there: Iterable[str] = (), to_be_had: Iterable[str] = (), pulled_by_others: Iterable[str] = ()
    ) -> None:
        self.there, self.to_be_had, self.pulled_by_others = set(there), set(to_be_had), set(pulled_by_others)
        self.asked: list[str] = []

    def present(self, candidate: Candidate) -> Found | None:
        return Found(candidate.name, "sha256:x", "1.0") if _spelled(candidate) in self.there else None

    def pulled_before(self, candidate: Candidate) -> str | None:
        return "sha256:z" if _spelled(candidate) in self.pulled_by_others else None

    def obtain(self, candidate: Candidate) -> Found:
        self.asked.append(_spelled(candidate))
        if _spelled(candidate) not in self.to_be_had:
            raise NotHadError("not to be had", "its log")
        return Found(candidate.name, "sha256:y", "2.0")


def test_documented_then_mirrors_then_recipe_then_last_resort() -> None:
    """Each way is tried once, in the lock's order, until one gives."""
    world, said = World(to_be_had=["mariadb"]), list[str]()
    image = obtain_best(candidates(load_lock(), "mysql"), world, world, NOTHING, said.append)
    assert world.asked == [
        "mysql:8.0",
        "public.ecr.aws/docker/library/mysql:8.0",
        "mirror.gcr.io/library/mysql:8.0",
        "mysql",
        "mariadb",
    ]
    assert (image.software, image.fidelity) == ("mariadb", Fidelity.STAND_IN)
    assert "stands in for mysql:8.0" in image.reason
    assert len(said) == 4


def test_nothing_to_be_had_names_every_reason_and_the_last_log() -> None:
    """The one error holds what was tried, so that the user need not try it again."""
    world = World()
    with pytest.raises(RigError) as caught:
        obtain_best(candidates(load_lock(), "redis"), world, world, NOTHING, lambda _line: None)
    assert all(word in caught.value.what for word in ("redis:7-alpine", "mirror.gcr.io", "recipe redis"))
    assert caught.value.evidence == "its log"


def test_best_present_wins_without_asking_anyone() -> None:
    """A documented image that is there is used before a local build that is there, too."""
    image = find_present(candidates(load_lock(), "mysql"), World(there=["mysql", "mysql:8.0"]))
    assert image is not None
    assert image.fidelity is Fidelity.DOCUMENTED


def test_image_someone_else_pulled_is_better_than_a_build_that_is_there() -> None:
    """Who pulls the documented image by hand gets it; a mere listing still tells what is in use."""
    ways = candidates(load_lock(), "mysql")
    world = World(there=["mysql"], pulled_by_others=["mysql:8.0"])
    assert find_present(ways, world) is None
    listed = find_present(ways, world, as_it_is=True)
    assert listed is not None
    assert listed.fidelity is Fidelity.SAME_SOFTWARE


def test_present_stand_in_does_not_hide_a_build_that_could_be_made() -> None:
    """A MariaDB left from a bad day is not taken while MySQL's own recipe has not been tried again."""
    assert find_present(candidates(load_lock(), "mysql"), World(there=["mariadb"])) is None
    world = World(there=["mariadb"], to_be_had=["mysql"])
    assert obtain_best(candidates(load_lock(), "mysql"), world, world, NOTHING, lambda _l: None).software == "mysql"


def test_present_stand_in_is_used_where_only_a_request_gives_better() -> None:
    """SeaweedFS serves until someone asks for MinIO from source."""
    image = find_present(candidates(load_lock(), "object-store"), World(there=["seaweedfs"]))
    assert image is not None
    assert (image.software, image.fidelity) == ("seaweedfs", Fidelity.STAND_IN)


def test_source_build_is_made_only_on_request_and_then_nothing_lesser() -> None:
    """Without the request MinIO's source is left alone; with it SeaweedFS is no answer."""
    ways = candidates(load_lock(), "object-store")
    world = World(to_be_had=["seaweedfs", "minio"])
    assert obtain_best(ways, world, world, NOTHING, lambda _l: None).software == "seaweedfs"
    assert "minio" not in world.asked
    asked = frozenset({"minio"})
    assert obtain_best(considered(ways, asked), world, world, asked, lambda _l: None).software == "minio"
    assert [_spelled(way) for way in considered(ways, asked)][-1] == "minio"


def test_digest_makes_a_mirror_as_good_as_the_document() -> None:
    """The same digest is the same image; a tag on a mirror proves nothing."""
    for lock, fidelity in ((load_lock(), Fidelity.SAME_SOFTWARE), (_locked("mysql"), Fidelity.DOCUMENTED)):
        mirror = candidates(lock, "mysql")[1]
        assert mirror.fidelity is fidelity
    assert candidates(_locked("mysql"), "mysql")[1].pull == f"public.ecr.aws/docker/library/mysql@{DIGEST}"
    assert candidates(_locked("mysql"), "mysql")[0].reason == ""


def test_image_the_document_does_not_name_is_never_called_documented() -> None:
    """Monitoring comes from a chart: its images are our choice, and say so."""
    for way in candidates(load_lock(), "prometheus"):
        assert way.fidelity is Fidelity.SAME_SOFTWARE
        assert "the document names no image" in way.reason
        assert way.documented == ""


def test_key_changes_with_recipe_file_entry_and_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed recipe, lock entry or base is another image; a note beside it is not."""
    lock = load_lock()
    entry = lock.component("redis").build[0]
    before = recipe.recipe_key(entry, base_key(lock))
    assert recipe.recipe_key(entry, "another base") != before
    assert recipe.recipe_key(entry.model_copy(update={"made_from": "elsewhere"}), base_key(lock)) != before
    assert base_key(lock.model_copy(update={"base": lock.base.model_copy(update={"note": "x"})})) == base_key(lock)
    files = dict(recipe.recipe_files(entry))
    monkeypatch.setattr(recipe, "recipe_files", lambda _entry: files | {"extra": LOCK_FILE})
    assert recipe.recipe_key(entry, base_key(lock)) != before


def test_sink_program_is_part_of_its_images_key() -> None:
    """The sink's own source decides whether its image is rebuilt."""
    entry = load_lock().component("alert-sink").build[0]
    assert recipe.recipe_files(entry)["sink.py"].read_text().startswith('"""Stands for the mail server')


@pytest.mark.parametrize(
    ("reference", "registry", "repository"),
    [
        ("mysql:8.0", "docker.io", "mysql"),
        ("minio/minio:latest", "docker.io", "minio/minio"),
        ("quay.io/minio/minio:latest", "quay.io", "quay.io/minio/minio"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000", "127.0.0.1:5000/a/b"),
        ("localhost/a:1", "localhost", "localhost/a"),
    ],
)
def test_references_are_taken_apart_as_the_engine_does(reference: str, registry: str, repository: str) -> None:
    """A port is no tag, and a first part with a dot or a port is a registry."""
    assert (registry_of(reference), repository_of(reference)) == (registry, repository)
    assert pinned(reference, DIGEST) == f"{repository}@{DIGEST}"
    assert pinned(reference, None) == reference
