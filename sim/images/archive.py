"""All images in one file, for a machine that reaches nothing: what a stack runs from, checked on arrival.

The file is a tar of two members: ``images.tar``, as the engine saves it, then ``manifest.json``, which has that
member's hash and each image's name and content id. The manifest comes last, so a file that was cut short has none.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from docker.errors import DockerException
from requests.exceptions import RequestException

from sim.errors import BadInput, RigError
from sim.images.golden import LABEL_GOLDEN_OF
from sim.images.lock import Lock
from sim.images.model import ResolvedImage
from sim.images.store import local_images

if TYPE_CHECKING:
    import docker

_FORMAT = "sim-images"
_SCHEMA = 1
_IMAGES, _MANIFEST = "images.tar", "manifest.json"
_CHUNK_BYTES = 1 << 20
_LARGEST_MANIFEST_BYTES = 1 << 20
_SAVE_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Carried:
    """One image in the file."""

    name: str
    digest: str


def carried(client: docker.DockerClient, lock: Lock, present: Mapping[str, ResolvedImage]) -> tuple[Carried, ...]:
    """The present images and the snapshots made from them. Raises RigError while one a stack needs is absent."""
    absent = [name for name in lock.servers if name not in present]
    if absent:
        raise RigError(f"Not present: {', '.join(absent)}.", next_step="sim images ensure, then export again")
    digests = {image.digest for image in present.values()}
    golden = [
        Carried(tag, str(image["Id"]))
        for tag, image in local_images(client).by_tag.items()
        if (image.get("Labels") or {}).get(LABEL_GOLDEN_OF) in digests
    ]
    return (*(Carried(image.reference, image.digest) for image in present.values()), *golden)


def export_images(client: docker.DockerClient, images: Iterable[Carried], target: Path) -> int:
    """Write the file and return its size in bytes. An existing one is replaced once the new one is whole."""
    listed = tuple(images)
    unfinished = target.with_name(target.name + ".part")
    try:
        with unfinished.open("wb+") as file:
            _write(client, listed, file)
        unfinished.replace(target)
        return target.stat().st_size
    except (DockerException, RequestException) as error:
        raise RigError("The engine did not give its images.", evidence=str(error)[:300]) from error
    except OSError as error:
        raise RigError(f"{target} cannot be written.", evidence=str(error), next_step="name another place") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _write(client: docker.DockerClient, images: tuple[Carried, ...], file: IO[bytes]) -> None:
    """The first member's size is known when it is written: its header is filled in afterwards."""
    file.seek(tarfile.BLOCKSIZE)
    api = client.api
    # The SDK saves one image at a time; layers that images share are in one file only when saved together.
    answer = api.get(
        f"{api.base_url}/v{api.api_version}/images/get",
        params={"names": [image.name for image in images]},
        stream=True,
        timeout=_SAVE_TIMEOUT_S,
    )
    answer.raise_for_status()
    digest, size = hashlib.sha256(), 0
    for chunk in answer.iter_content(_CHUNK_BYTES):
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    file.write(bytes(-size % tarfile.BLOCKSIZE))
    manifest = json.dumps(
        {
            "format": _FORMAT,
            "schema": _SCHEMA,
            "images_sha256": digest.hexdigest(),
            "images_bytes": size,
            "images": [{"name": image.name, "digest": image.digest} for image in images],
        },
        indent=1,
    ).encode()
    _member(file, _MANIFEST, len(manifest))
    file.write(manifest + bytes(-len(manifest) % tarfile.BLOCKSIZE))
    file.write(bytes(2 * tarfile.BLOCKSIZE))
    file.seek(0)
    _member(file, _IMAGES, size)


def _member(file: IO[bytes], name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    # GNU's header holds any size in one block; the default format may need two.
    file.write(info.tobuf(tarfile.GNU_FORMAT))


def import_images(client: docker.DockerClient, source: Path) -> tuple[Carried, ...]:
    """Check the file, then load it. Raises BadInput for a file that is foreign, cut short or altered."""
    try:
        with tarfile.open(source, mode="r:") as file:
            manifest = _manifest(file, source)
            images = _verified(file, manifest, source)
            try:
                for event in client.api.load_image(images):
                    if "error" in event:
                        raise RigError(f"The engine did not load {source}.", evidence=str(event["error"])[:300])
            except (DockerException, RequestException) as error:
                raise RigError(f"The engine did not load {source}.", evidence=str(error)[:300]) from error
    except (tarfile.TarError, EOFError) as error:
        raise _foreign(source, str(error)) from error
    except OSError as error:
        raise BadInput(f"{source} cannot be read.", evidence=str(error)) from error
    listed = tuple(Carried(str(i["name"]), str(i["digest"])) for i in manifest["images"])
    _check_arrival(client, listed)
    return listed


def _manifest(file: tarfile.TarFile, source: Path) -> Mapping[str, Any]:
    names = file.getnames()
    if names != [_IMAGES, _MANIFEST]:
        raise _foreign(source, f"it holds {', '.join(names[:5]) or 'nothing'}")
    member = file.getmember(_MANIFEST)
    reader = file.extractfile(member)
    if reader is None or member.size > _LARGEST_MANIFEST_BYTES:
        raise _foreign(source, "its manifest is not one")
    try:
        manifest = json.loads(reader.read())
        known = manifest["format"] == _FORMAT and manifest["schema"] == _SCHEMA
        sound = all(isinstance(i["name"], str) and isinstance(i["digest"], str) for i in manifest["images"])
    except (ValueError, KeyError, TypeError) as error:
        raise _foreign(source, f"its manifest is not one: {error}") from error
    if not (known and sound):
        raise _foreign(source, "its manifest is of another kind or version")
    result: Mapping[str, Any] = manifest
    return result


def _verified(file: tarfile.TarFile, manifest: Mapping[str, Any], source: Path) -> IO[bytes]:
    images = file.extractfile(_IMAGES)
    if images is None:
        raise _foreign(source, f"{_IMAGES} is not a file")
    digest = hashlib.file_digest(images, "sha256").hexdigest()  # type: ignore[arg-type]  # it is a binary file
    if digest != manifest.get("images_sha256"):
        raise BadInput(
            f"{source} was altered: its images are not those it was written with.",
            evidence=f"sha256 {digest}, expected {manifest.get('images_sha256')}",
            next_step="copy it again",
        )
    images.seek(0)
    return images


def _check_arrival(client: docker.DockerClient, listed: tuple[Carried, ...]) -> None:
    by_tag = local_images(client).by_tag
    for image in listed:
        found = by_tag.get(image.name)
        if found is None or found["Id"] != image.digest:
            raise RigError(
                f"{image.name} is not the image that was exported.",
                evidence=f"{found['Id'] if found else 'absent'}, expected {image.digest}",
                next_step="sim images ensure",
            )


def _foreign(source: Path, why: str) -> BadInput:
    return BadInput(
        f"{source} is no file of sim images export, or was cut short.",
        evidence=why,
        next_step="sim images export FILE on a machine that has the images",
    )
