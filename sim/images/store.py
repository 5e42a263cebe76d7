"""The images the engine has, read once and asked often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docker.errors import DockerException
from requests.exceptions import RequestException

from sim.errors import RigError
from sim.images.candidate import Candidate
from sim.images.reference import repository_of
from sim.images.resolution import Found

if TYPE_CHECKING:
    import docker

LABEL_COMPONENT = "sim.image"
LABEL_VERSION = "sim.version"
# On containers that only help to make an image; a server inherits the labels above from its own.
LABEL_TASK = "sim.task"


@dataclass(frozen=True, slots=True)
class LocalImages:
    """What was there when it was read. ``by_tag``: every name with its image's attributes."""

    by_tag: Mapping[str, Mapping[str, Any]]

    def present(self, candidate: Candidate) -> Found | None:
        """A build under its exact name; a pulled image under its name and the version measured in it."""
        if candidate.build is not None:
            image = self.by_tag.get(candidate.name)
            version = (image.get("Labels") or {}).get(LABEL_VERSION, "") if image else ""
            return Found(candidate.name, str(image["Id"]), version) if image and version else None
        for tag, image in self.by_tag.items():
            if tag.startswith(candidate.name + "-"):
                return Found(tag, str(image["Id"]), tag.removeprefix(candidate.name + "-"))
        return None

    def pulled_before(self, candidate: Candidate) -> str | None:
        """The content id of what ``candidate`` would pull, when someone pulled it already."""
        if candidate.digest is None:
            image = self.by_tag.get(candidate.pull)
            return str(image["Id"]) if image else None
        wanted = f"{repository_of(candidate.pull)}@{candidate.digest}"
        for image in self.by_tag.values():
            if wanted in (image.get("RepoDigests") or ()):
                return str(image["Id"])
        return None


def local_images(client: docker.DockerClient) -> LocalImages:
    """Raises RigError when the engine does not answer."""
    try:
        images = client.api.images()
    except (DockerException, RequestException) as error:
        raise RigError(
            "The engine does not list its images.", evidence=str(error)[:300], next_step="sim doctor"
        ) from error
    by_tag: dict[str, Mapping[str, Any]] = {}
    for image in images:
        tags = [tag for tag in image.get("RepoTags") or () if not tag.startswith("<none>")]
        for tag in tags or [str(image["Id"])]:
            # Podman spells out a registry for names that have none.
            by_tag[tag.removeprefix("localhost/").removeprefix("docker.io/library/").removeprefix("docker.io/")] = image
    return LocalImages(by_tag)
