"""Docker Compose, run from its own container, on a project rendered from the plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.models.containers import Container

from sim.images.ensure import ensure_images
from sim.plan.model import Plan
from sim.render.compose import render_compose, render_secrets
from sim.runtime.secrets import generate

_SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """A project's folder, and the container that runs Compose on it."""

    runner: Container
    directory: Path

    def call(self, *words: str) -> tuple[int, str]:
        """Run ``docker compose WORDS`` on the project: (exit code, what it said)."""
        result = self.runner.exec_run(["docker-compose", "--project-directory", str(self.directory), *words])
        return int(result.exit_code), result.output.decode(errors="replace")


def quick_probes(text: str, interval: str) -> str:
    """The project with every probe at ``interval``."""
    document: dict[str, Any] = yaml.safe_load(text)
    for service in document["services"].values():
        if "healthcheck" in service:
            service["healthcheck"]["interval"] = interval
            service["healthcheck"]["retries"] = 600
    return yaml.safe_dump(document, sort_keys=False)


def write_project(directory: Path, plan: Plan, *, initialised: bool, probe_interval: str | None = None) -> None:
    text = render_compose(plan, initialised=initialised)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "compose.yaml").write_text(quick_probes(text, probe_interval) if probe_interval else text)
    (directory / ".env").write_text(render_secrets(generate(plan.secret_names)))


@contextmanager
def compose_runner(client: docker.DockerClient, directory: Path) -> Iterator[ComposeProject]:
    """Compose is down again, whatever happened, when this ends."""
    image = ensure_images(["compose"], say=print)["compose"]
    runner = client.containers.run(
        image.reference,
        entrypoint=["sleep", "infinity"],
        detach=True,
        init=True,
        working_dir=str(directory),
        volumes={_SOCKET: {"bind": _SOCKET, "mode": "rw"}, str(directory): {"bind": str(directory), "mode": "rw"}},
    )
    project = ComposeProject(runner, directory)
    try:
        yield project
    finally:
        project.call("down", "-v", "-t", "0", "--remove-orphans")
        runner.remove(force=True)
