"""A real service's image in the place of its stand-in, as its user named it: by tag, by digest or by content id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from docker.errors import DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException

from sim.errors import BadInput, RigError
from sim.images.model import ResolvedImage
from sim.images.reference import REFERENCE, repository_of
from sim.images.registry import Registries
from sim.images.resolution import NotHadError
from sim.verdict import Fidelity

if TYPE_CHECKING:
    import docker

_NAME = re.compile(REFERENCE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CONTENT_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_VERSION_LABEL = "org.opencontainers.image.version"


def component_of(deployment: str) -> str:
    """What the image of a real service is called among the components."""
    return f"service:{deployment}"


def resolve_custom(
    client: docker.DockerClient,
    deployment: str,
    reference: str,
    *,
    offline: bool,
    say: Callable[[str], None] = lambda _line: None,
) -> ResolvedImage:
    """The image as the engine has it, pulled where it has not; ``offline`` asks no registry.

    It counts as the documented one: the document's services are private, and this is who owns them speaking. Raises
    BadInput for what is no reference, RigError when the image cannot be had.
    """
    name = reference.strip()
    if not (_is_reference(name) or _CONTENT_ID.fullmatch(name)):
        raise BadInput(
            f"{reference!r} is no image reference for {deployment}.",
            next_step=f"{deployment}=registry/repository:tag, …@sha256:…, or the id of an image that is here",
        )
    found = _inspected(client, name) or _pulled(client, deployment, name, offline=offline, say=say)
    return ResolvedImage(
        component=component_of(deployment),
        documented=name,
        reference=name,
        digest=str(found["Id"]),
        software=deployment,
        version=_version(found, name),
        fidelity=Fidelity.DOCUMENTED,
        reason="named by its user",
    )


def _is_reference(name: str) -> bool:
    bare, at, digest = name.partition("@")
    return _NAME.fullmatch(bare) is not None and (not at or _DIGEST.fullmatch(digest) is not None)


def _inspected(client: docker.DockerClient, name: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = client.api.inspect_image(name)
    except (ImageNotFound, NotFound):
        return None
    except (DockerException, RequestException) as error:
        raise RigError(
            "The engine does not tell its images.", evidence=str(error)[:300], next_step="sim doctor"
        ) from error
    return found


def _pulled(
    client: docker.DockerClient, deployment: str, name: str, *, offline: bool, say: Callable[[str], None]
) -> Mapping[str, Any]:
    if name.startswith("sha256:"):
        raise _not_had(deployment, name, "the engine has no image of this id")
    # Without a tag the engine would pull every one there is.
    wanted = name if "@" in name or repository_of(name) != name else f"{name}:latest"
    try:
        content_id = Registries(client, say, offline).pull(wanted)
    except NotHadError as refusal:
        raise _not_had(deployment, name, refusal.reason, refusal.evidence) from refusal
    found = _inspected(client, content_id)
    if found is None:
        raise _not_had(deployment, name, "it was pulled, and is gone again")
    return found


def _not_had(deployment: str, name: str, reason: str, evidence: str = "") -> RigError:
    return RigError(
        f"No image {name} for {deployment}: {reason}.",
        evidence=evidence,
        next_step="name one that is here (docker images), reach its registry, or leave it out to run the stand-in",
    )


def _version(image: Mapping[str, Any], name: str) -> str:
    """As its maker says; else its tag, else the beginning of its content id."""
    labelled = ((image.get("Config") or {}).get("Labels") or {}).get(_VERSION_LABEL)
    bare = name.partition("@")[0]
    tag = "" if _CONTENT_ID.fullmatch(name) else bare[len(repository_of(bare)) + 1 :]
    return str(labelled or tag or str(image["Id"]).removeprefix("sha256:")[:12])
