"""Pulls, mirrors, digests and rate limits, against a real registry on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest
import requests
from click.testing import CliRunner
from docker.errors import ImageNotFound

from sim.cli.images import images
from sim.errors import RigError
from sim.images.custom import resolve_custom
from sim.images.ensure import ensure_images, resolve_present
from sim.images.lock import LOCK_FILE, Lock, load_lock, parse_lock, with_digests
from sim.images.model import ResolvedImage
from sim.images.registry import ASK_TIMEOUT_S, Registries
from sim.runtime.engine import connect
from sim.verdict import Fidelity

ABSENT_DIGEST = "sha256:" + "0" * 64
RECIPE = "{recipe: pause, software: pause, fidelity: same-software, from: this project}"


@dataclass(frozen=True)
class Registry:
    """``image`` is what it serves under ``repository:1``; another image is under ``repository:2``."""

    client: docker.DockerClient
    host: str
    repository: str
    digest: str

    def lock(self, image: str, mirrors: tuple[str, ...] = (), digest: str = "null") -> Lock:
        return parse_lock(self.text(image, mirrors, digest), "test lock")

    def text(self, image: str, mirrors: tuple[str, ...] = (), digest: str = "null") -> str:
        text = LOCK_FILE.read_text()
        return (
            f"{text[: text.index('components:')]}components:\n  thing:\n"
            f"    image: {image}\n    section: '5'\n    software: pause\n"
            f"    digest: {digest}\n    mirrors: [{', '.join(mirrors)}]\n    version: [/bin/busybox]\n"
            f"    build: [{RECIPE}]\n"
        )

    def ensure(self, lock: Lock) -> tuple[ResolvedImage, list[str]]:
        """As a blank engine would: what earlier calls left under our names is forgotten first."""
        self.forget()
        said: list[str] = []
        return ensure_images(["thing"], say=said.append, client=self.client, lock=lock)["thing"], said

    def forget(self) -> None:
        for image in self.client.api.images():
            for tag in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())):
                if tag.startswith(("sim/thing:", f"{self.host}/")):
                    with suppress(ImageNotFound):  # the last tag takes its digest's name along
                        self.client.api.remove_image(tag)


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    client = connect()
    ours = ensure_images(["registry", "pause"], say=print, client=client)
    container = client.containers.run(
        ours["registry"].reference, detach=True, ports={"5000/tcp": ("127.0.0.1", None)}, labels={"sim.task": "test"}
    )
    try:
        container.reload()
        host = f"127.0.0.1:{container.ports['5000/tcp'][0]['HostPort']}"
        _await_http(f"http://{host}/v2/")
        repository = f"{host}/library/thing"
        client.api.tag(ours["pause"].digest, repository, "1")
        pushed = [e["aux"]["Digest"] for e in client.api.push(repository, "1", stream=True, decode=True) if "aux" in e]
        client.api.remove_image(f"{repository}:1")
        found = Registry(client, host, repository, pushed[0])
        try:
            yield found
        finally:
            found.forget()
    finally:
        container.remove(force=True, v=True)


def _await_http(url: str, deadline_s: float = 15) -> None:
    end_s = time.monotonic() + deadline_s
    while True:
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            assert time.monotonic() < end_s, f"{url} did not answer"
            time.sleep(0.05)
        else:
            return


def test_documented_image_is_pulled_and_its_version_measured(registry: Registry) -> None:
    """By tag while no digest is locked, which is said; the version comes from running it."""
    image, _ = registry.ensure(registry.lock(f"{registry.repository}:1"))
    assert (image.fidelity, image.version, image.documented) == (
        Fidelity.DOCUMENTED,
        "1.37.0",
        f"{registry.repository}:1",
    )
    assert "no digest is locked" in image.reason
    assert image.digest == registry.client.api.inspect_image(image.reference)["Id"]


def test_locked_digest_is_what_is_pulled(registry: Registry, tmp_path: Path) -> None:
    """``sim images lock`` writes the registry's own digest; by it the result is the document's image."""
    path = tmp_path / "lock.yaml"
    path.write_text(registry.text(f"{registry.repository}:1"))
    done = CliRunner().invoke(images, ["lock", "thing", "--lock", str(path)])
    assert done.exit_code == 0, done.output
    lock = load_lock(path)
    assert lock.component("thing").digest == registry.digest
    image, _ = registry.ensure(lock)
    assert (image.fidelity, image.reason) == (Fidelity.DOCUMENTED, "")


def test_present_image_is_used_without_asking_the_registry(registry: Registry) -> None:
    """A second run says nothing and pulls nothing."""
    lock = registry.lock(f"{registry.repository}:1", digest=registry.digest)
    first, _ = registry.ensure(lock)
    said: list[str] = []
    again = ensure_images(["thing"], say=said.append, client=registry.client, lock=lock)["thing"]
    assert (again, said) == (first, [])
    assert resolve_present(["thing"], client=registry.client, lock=lock) == {"thing": first}


def test_image_pulled_by_hand_is_adopted_without_asking_anyone(registry: Registry) -> None:
    """It is there under its documented name: its registry may be gone."""
    gone = "127.0.0.1:1/library/thing"
    built, _ = registry.ensure(registry.lock(f"{gone}:1"))
    assert built.fidelity is Fidelity.SAME_SOFTWARE
    registry.client.api.tag(built.digest, gone, "1")
    said: list[str] = []
    try:
        lock = registry.lock(f"{gone}:1")
        image = ensure_images(["thing"], say=said.append, client=registry.client, lock=lock)["thing"]
    finally:
        registry.client.api.remove_image(f"{gone}:1")
    assert (image.fidelity, image.digest) == (Fidelity.DOCUMENTED, built.digest)
    assert not any("answer" in line for line in said)


def test_mirror_serves_where_the_documented_registry_is_down(registry: Registry) -> None:
    """With the locked digest it is the document's image; without, only the same software."""
    dead = "127.0.0.1:1/library/thing:1"
    image, said = registry.ensure(registry.lock(dead, (f"{registry.repository}:1",), registry.digest))
    assert image.fidelity is Fidelity.DOCUMENTED
    assert any("127.0.0.1:1 (does not answer)" in line for line in said)
    image, _ = registry.ensure(registry.lock(dead, (f"{registry.repository}:1",)))
    assert image.fidelity is Fidelity.SAME_SOFTWARE
    assert "which no digest identifies" in image.reason


def test_another_digest_than_the_locked_one_is_not_accepted(registry: Registry) -> None:
    """A tag that moved is refused with the reason, and the local recipe steps in."""
    image, said = registry.ensure(registry.lock(f"{registry.repository}:1", digest=ABSENT_DIGEST))
    assert image.fidelity is Fidelity.SAME_SOFTWARE
    assert image.reference.startswith("sim/thing:")
    assert any("no image of this digest" in line for line in said)


def test_image_the_registry_lacks_leads_on(registry: Registry) -> None:
    """An answer of "no such image" is a reason, and does not rule the registry out for others."""
    image, said = registry.ensure(registry.lock(f"{registry.host}/no/such:1", (f"{registry.repository}:1",)))
    assert any("no such image" in line for line in said)
    assert image.reference.startswith("sim/thing:pulled-")


def test_rate_limit_leads_to_the_next_mirror_and_is_said(registry: Registry) -> None:
    """429 rules a registry out for the run; a mirror with the locked digest is as good."""
    with _rate_limited() as limited:
        lock = registry.lock(f"{limited}/library/thing:1", (f"{registry.repository}:1",), registry.digest)
        image, said = registry.ensure(lock)
    assert image.fidelity is Fidelity.DOCUMENTED
    assert any("429" in line and limited in line for line in said)


def test_silent_registry_is_asked_once_within_five_seconds(registry: Registry) -> None:
    """It accepts and never answers: one question serves all components, and the local recipes go on."""
    with _silence() as (silent, connections):
        began_s = time.monotonic()
        registries = Registries(registry.client, lambda _line: None)
        registries.ask([f"{silent}/library/{name}:1" for name in ("a", "b", "c")])
        asked_s = time.monotonic() - began_s
        assert asked_s < 5
        assert asked_s > ASK_TIMEOUT_S - 1, "it gave up without waiting"
        seen = len(connections)
        assert seen >= 1
        assert registries.refusal(f"{silent}/library/d:1") == "does not answer"
        assert len(connections) == seen
        image, _ = registry.ensure(registry.lock(f"{silent}/library/thing:1"))
    assert image.fidelity is Fidelity.SAME_SOFTWARE


def test_offline_asks_nobody(registry: Registry) -> None:
    """A reachable registry is left alone, and the recipe is used."""
    registry.forget()
    image = ensure_images(
        ["thing"], say=print, offline=True, client=registry.client, lock=registry.lock(f"{registry.repository}:1")
    )["thing"]
    assert image.fidelity is Fidelity.SAME_SOFTWARE


def test_users_own_image_is_pulled_from_its_registry(registry: Registry) -> None:
    """A real service's image that is not here comes by its tag; its content is what the registry serves."""
    registry.forget()
    said: list[str] = []
    name = f"{registry.repository}:1"
    image = resolve_custom(registry.client, "auth-service", name, offline=False, say=said.append)
    assert (image.reference, image.version) == (name, "1")
    assert registry.client.api.inspect_image(name)["Id"] == image.digest
    assert said == [f"pulling {name}"]
    with pytest.raises(RigError, match="the registry has no such image"):
        resolve_custom(registry.client, "auth-service", f"{registry.repository}:absent", offline=False)


def test_nothing_to_be_had_is_one_error_with_every_reason(registry: Registry) -> None:
    """The error names the registry's answer and the recipe's failure, and no half image keeps our name."""
    lock = registry.lock(f"{registry.host}/no/such:1")
    component = lock.component("thing").model_copy(update={"version": ("/bin/nothing",)})
    registry.forget()
    with pytest.raises(RigError, match=r"(?s)no such image.*recipe pause"):
        ensure_images(
            ["thing"],
            say=lambda _line: None,
            client=registry.client,
            lock=lock.model_copy(update={"components": {"thing": component}}),
        )
    tags = [tag for image in registry.client.api.images() for tag in image["RepoTags"] or ()]
    assert not [tag for tag in tags if tag.startswith("sim/thing:")]


def test_packaged_lock_can_be_locked_from_text() -> None:
    """Every component with an image has a line for its digest."""
    text = LOCK_FILE.read_text()
    names = [name for name, entry in load_lock().components.items() if entry.image]
    assert with_digests(text, dict.fromkeys(["base", *names], ABSENT_DIGEST)).count(ABSENT_DIGEST) == len(names) + 1


@contextmanager
def _rate_limited() -> Iterator[str]:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}'
            self.send_response(200 if self.path == "/v2/" else 429)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _silence() -> Iterator[tuple[str, list[socket.socket]]]:
    """A listener that accepts and says nothing, with the connections it has had."""
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                try:
                    connections.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", connections
        finally:
            over.set()
            thread.join()
            for connection in connections:
                connection.close()
