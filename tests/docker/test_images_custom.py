"""Real services' images, as their users name them."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from sim.errors import RigError
from sim.images.custom import resolve_custom
from sim.images.ensure import ensure_images
from sim.images.model import ResolvedImage
from sim.images.recipe import context_tar
from sim.runtime.engine import connect
from sim.verdict import Fidelity

NAME = "sim-custom-test/auth"


@pytest.fixture(scope="module")
def client() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="module")
def pause(client: docker.DockerClient) -> ResolvedImage:
    return ensure_images(["pause"], say=print, client=client)["pause"]


@pytest.fixture
def tagged(client: docker.DockerClient, pause: ResolvedImage) -> Iterator[str]:
    """An image that is here under another name."""
    client.api.tag(pause.digest, NAME, "2.1")
    try:
        yield f"{NAME}:2.1"
    finally:
        client.api.remove_image(f"{NAME}:2.1")


def test_image_that_is_here_is_used_without_asking_a_registry(
    client: docker.DockerClient, tagged: str, pause: ResolvedImage
) -> None:
    """By its tag and by its content id alike, recorded as the user's own and by digest."""
    for reference, version in ((tagged, "2.1"), (pause.digest, pause.digest[7:19]), (pause.digest[7:19], None)):
        image = resolve_custom(client, "auth-service", reference, offline=True)
        assert (image.component, image.reference, image.digest) == ("service:auth-service", reference, pause.digest)
        assert image.fidelity is Fidelity.DOCUMENTED
        assert version is None or image.version == version
        container = client.containers.create(image.reference, labels={"sim.task": "test"})
        container.remove()


def test_makers_version_label_is_the_version(client: docker.DockerClient, pause: ResolvedImage) -> None:
    """What the maker says counts before the tag."""
    with context_tar(
        {}, {"Dockerfile": f"FROM {pause.digest}\nLABEL org.opencontainers.image.version=7.3\n"}
    ) as context:
        for _ in client.api.build(fileobj=context, custom_context=True, rm=True, tag=f"{NAME}:labelled", decode=True):
            pass
    try:
        assert resolve_custom(client, "auth-service", f"{NAME}:labelled", offline=True).version == "7.3"
    finally:
        client.api.remove_image(f"{NAME}:labelled")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [(f"{NAME}:absent", "not asked \\(offline\\)"), ("sha256:" + "0" * 64, "no image of this id")],
)
def test_image_that_cannot_be_had_names_service_and_reason(
    client: docker.DockerClient, reference: str, reason: str
) -> None:
    """Offline no registry is asked; an id is never looked for in one."""
    with pytest.raises(RigError, match=f"No image {reference} for auth-service: .*{reason}"):
        resolve_custom(client, "auth-service", reference, offline=True)
