"""``sim render``: what is drilled, in the form others deploy it. Derived from the topology, never written by hand."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sim.cli import options
from sim.cli.progress import say
from sim.errors import BadInput
from sim.preparing import Document, Wanted, images_for, planner, read_document
from sim.render.compose import render_compose, render_secrets
from sim.render.documented import documented_images
from sim.render.policies import policy_files
from sim.render.prometheus import render_prometheus
from sim.render.scenario_table import render_scenarios
from sim.topology.model import EnvironmentName

_ANY_SUBNET = "10.0.0.0/24"


@click.group()
def render() -> None:
    """Write what is derived: Compose, Prometheus, network policies, the services' contract, the scenarios."""


@render.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@options.topology_option
@options.environment_option
@click.option(
    "--local", is_flag=True, help="With this machine's images, databases initialised, instead of the documented ones."
)
def compose(*, directory: Path, topology_path: Path | None, environment: EnvironmentName, local: bool) -> None:
    """Write compose.yaml and .env: fresh secrets, beside those that are there already."""
    document = read_document(topology_path)
    wanted = Wanted(topology_path, environment)
    images = images_for(document.topology, wanted, say) if local else documented_images(document.topology)
    plan = planner(document, wanted, images)(_ANY_SUBNET)
    _write(directory / "compose.yaml", render_compose(plan, initialised=local), 0o644)
    _keep_secrets(directory / ".env", plan.secret_names)


@render.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@options.topology_option
@options.environment_option
def prometheus(*, directory: Path, topology_path: Path | None, environment: EnvironmentName) -> None:
    """Write prometheus.yml, rules.yml and alertmanager.yml."""
    document: Document = read_document(topology_path)
    images = documented_images(document.topology)
    plan = planner(document, Wanted(topology_path, environment), images)(_ANY_SUBNET)
    for name, content in render_prometheus(plan).items():
        _write(directory / name, content, 0o644)


@render.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@options.topology_option
@options.environment_option
def policies(*, directory: Path, topology_path: Path | None, environment: EnvironmentName) -> None:
    """Write the network policies: manifests that kubectl takes, one file a namespace."""
    document = read_document(topology_path)
    images = documented_images(document.topology)
    plan = planner(document, Wanted(topology_path, environment), images)(_ANY_SUBNET)
    for name, content in policy_files(plan.policies).items():
        _write(directory / name, content, 0o644)


@render.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@options.topology_option
def contract(*, directory: Path, topology_path: Path | None) -> None:
    """Write CONTRACT.md: what an image put in a service's place must keep to."""
    from sim.render.contract_page import render_contract  # noqa: PLC0415 - only this command reads every route

    _write(directory / "CONTRACT.md", render_contract(read_document(topology_path).topology), 0o644)


@render.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def scenarios(*, directory: Path) -> None:
    """Write README.md, the table of all scenarios."""
    from scenarios import SCENARIOS  # noqa: PLC0415 - only this command needs them

    _write(directory / "README.md", render_scenarios(SCENARIOS), 0o644)


def _keep_secrets(path: Path, names: tuple[str, ...]) -> None:
    """Those that are there stay; those that a newer project needs join them. Compose would take them for empty."""
    from sim.runtime.secrets import generate  # noqa: PLC0415 - only when there is something to write

    try:
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}).", next_step="remove it, or name another folder") from error
    present = {line.partition("=")[0] for line in kept.splitlines()}
    missing = [name for name in names if name not in present]
    if missing:
        gap = "\n" if kept and not kept.endswith("\n") else ""
        _write(path, f"{kept}{gap}{render_secrets(generate(missing))}", 0o600)


def _write(path: Path, content: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror}).", next_step="name a writable folder") from error
    say(f"wrote {path}")
