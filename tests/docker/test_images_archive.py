"""All images in one file and back, and files that are not that."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sim.errors import BadInput, RigError
from sim.images.archive import Carried, carried, export_images, import_images
from sim.images.ensure import ensure_images
from sim.images.lock import load_lock
from sim.images.model import ResolvedImage
from sim.images.recipe import context_tar
from sim.images.store import local_images
from sim.runtime.engine import connect


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="module")
def pause(client: docker.DockerClient) -> ResolvedImage:
    return ensure_images(["pause"], say=print, client=client)["pause"]


@pytest.fixture
def image(client: docker.DockerClient, pause: ResolvedImage) -> Iterator[Carried]:
    """A small image under a name of this test's own."""
    name = "sim/archive-test:1"
    with context_tar({}, {"Dockerfile": f"FROM {pause.digest}\nLABEL sim.test=archive\n"}) as context:
        for _ in client.api.build(fileobj=context, custom_context=True, rm=True, tag=name, decode=True):
            pass
    try:
        yield Carried(name, client.api.inspect_image(name)["Id"])
    finally:
        if name in local_images(client).by_tag:
            client.api.remove_image(name)


def test_exported_image_comes_back_with_its_name_and_content(
    client: docker.DockerClient, image: Carried, tmp_path: Path
) -> None:
    """Removed from the engine, then imported: the same content id under the same name; no half file stays behind."""
    target = tmp_path / "images.tar"
    assert export_images(client, [image], target) == target.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["images.tar"]
    client.api.remove_image(image.name)
    assert import_images(client, target) == (image,)
    assert local_images(client).by_tag[image.name]["Id"] == image.digest


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_file_that_was_cut_short_is_refused_and_nothing_is_loaded(
    client: docker.DockerClient, image: Carried, tmp_path: Path, share: float
) -> None:
    """Wherever it was cut."""
    target = tmp_path / "images.tar"
    size = export_images(client, [image], target)
    # A tar ends in empty blocks: what is cut must reach into the manifest.
    with target.open("rb+") as file:
        file.truncate(min(int(size * share), size - 2048))
    client.api.remove_image(image.name)
    with pytest.raises(BadInput, match="cut short"):
        import_images(client, target)
    assert image.name not in local_images(client).by_tag


def test_altered_file_is_refused(client: docker.DockerClient, image: Carried, tmp_path: Path) -> None:
    """One byte among the images is enough."""
    target = tmp_path / "images.tar"
    export_images(client, [image], target)
    content = bytearray(target.read_bytes())
    content[len(content) // 2] ^= 0xFF
    target.write_bytes(content)
    with pytest.raises(BadInput, match="was altered"):
        import_images(client, target)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"images.tar": b"x"},
        {"images.tar": b"x", "manifest.json": b"{"},
        {"images.tar": b"x", "manifest.json": b"[]"},
        {"images.tar": b"x", "manifest.json": json.dumps({"format": "other", "schema": 1, "images": []}).encode()},
        {"../../etc/passwd": b"x"},
    ],
)
def test_foreign_tar_is_refused(client: docker.DockerClient, tmp_path: Path, members: dict[str, bytes]) -> None:
    """A tar of something else, with or without a manifest, is one clear error."""
    target = tmp_path / "other.tar"
    with tarfile.open(target, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(BadInput, match="no file of sim images export"):
        import_images(client, target)


def test_files_that_cannot_be_read_or_written_are_named(
    client: docker.DockerClient, image: Carried, tmp_path: Path
) -> None:
    """A missing source, a folder, a target in no folder."""
    for source in (tmp_path / "missing.tar", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            import_images(client, source)
    with pytest.raises(RigError, match="cannot be written"):
        export_images(client, [image], tmp_path / "no" / "such" / "folder.tar")


def test_incomplete_set_is_not_exported(client: docker.DockerClient, pause: ResolvedImage) -> None:
    """A file that lacks a server's image would fail only on the machine it was carried to."""
    with pytest.raises(RigError, match="Not present: mysql"):
        carried(client, load_lock(), {"pause": pause})
