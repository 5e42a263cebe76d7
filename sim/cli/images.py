"""``sim images``: what each server runs from, and how near that is to the document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli import options
from sim.errors import BadInput, RigError
from sim.images.lock import LOCK_FILE, Lock, load_lock, with_digests

if TYPE_CHECKING:
    from sim.images.model import ResolvedImage

_MIB = 1 << 20


def say(line: str) -> None:
    """Progress goes to standard error, one line at a time."""
    click.echo(line, err=True)


def lock_option(command: Any) -> Any:
    return click.option(
        "--lock",
        "lock_path",
        type=click.Path(path_type=Path),
        default=LOCK_FILE,
        metavar="FILE",
        help="An image lock of your own, in place of the project's.",
    )(command)


@click.group(invoke_without_command=True)
@click.pass_context
def images(context: click.Context) -> None:
    """Resolve, lock and carry the images the servers run from. Without a command: list."""
    if context.invoked_subcommand is None:
        context.invoke(list_images)


@images.command("list")
@lock_option
@options.json_option
def list_images(*, lock_path: Path = LOCK_FILE, as_json: bool = False) -> None:
    """Show what is present for each component, and its fidelity to the document."""
    from sim.images.ensure import resolve_present  # noqa: PLC0415 - the engine's library loads when one is used

    lock = load_lock(lock_path)
    present = resolve_present(lock=lock)
    if as_json:
        rows = [{"component": name, **_row(lock, name, present.get(name))} for name in lock.components]
        click.echo(json.dumps({"images": rows}, indent=2))
    else:
        _print_table(lock, present)


def _row(lock: Lock, name: str, image: ResolvedImage | None) -> dict[str, Any]:
    entry = lock.component(name)
    row: dict[str, Any] = {"documented": entry.documented, "locked_digest": entry.digest, "note": entry.note}
    if image is None:
        return {**row, "present": False}
    return {**row, "present": True, **{k: v for k, v in asdict(image).items() if k != "component"}}


def _print_table(lock: Lock, present: Mapping[str, ResolvedImage]) -> None:
    width = max(len(name) for name in lock.components)
    for name, entry in lock.components.items():
        image = present.get(name)
        if image is None:
            state = "absent (only when asked for)" if entry.optional else "absent: sim images ensure"
            click.echo(f"· {name:<{width}}  {state}")
        else:
            click.echo(f"✓ {name:<{width}}  {image.software} {image.version}  [{image.fidelity}]  {image.reference}")
            if image.reason:
                click.echo(f"  {'':<{width}}  {image.reason}")


@images.command()
@click.argument("components", nargs=-1, metavar="[COMPONENT]…")
@lock_option
@click.option("--offline", is_flag=True, help="Ask no image registry; packages may still be fetched for local builds.")
@click.option("--from-source", "from_source", multiple=True, metavar="NAME", help="Build NAME (minio) from source.")
@options.json_option
def ensure(
    *, components: tuple[str, ...], lock_path: Path, offline: bool, from_source: tuple[str, ...], as_json: bool
) -> None:
    """Have the images: present, documented, from a mirror, or built here; all of a stack's by default."""
    from sim.images.ensure import ensure_images  # noqa: PLC0415 - the engine's library loads when one is used

    lock = load_lock(lock_path)
    wanted = components or lock.servers
    found = ensure_images(wanted, say=say, offline=offline, from_source=frozenset(from_source), lock=lock)
    if as_json:
        click.echo(json.dumps({"images": [asdict(image) for image in found.values()]}, indent=2))
        return
    _print_table(lock.model_copy(update={"components": {name: lock.component(name) for name in found}}), found)


@images.command("lock")
@click.argument("components", nargs=-1, metavar="[COMPONENT]…")
@lock_option
def lock_digests(*, components: tuple[str, ...], lock_path: Path) -> None:
    """Ask the registries for each image's digest and write it into the lock."""
    from sim.images.registry import Registries  # noqa: PLC0415 - the engine's library loads when one is used
    from sim.images.resolution import NotHadError  # noqa: PLC0415
    from sim.runtime.engine import connect  # noqa: PLC0415

    lock = load_lock(lock_path)
    for name in components:
        lock.component(name)
    entries = {"base": lock.base, **lock.components} if not components else {n: lock.components[n] for n in components}
    registries = Registries(connect(), say)
    registries.ask(r for entry in entries.values() for r in (entry.image, *entry.mirrors) if r)
    digests: dict[str, str] = {}
    refusals: dict[str, str] = {}
    for name, entry in entries.items():
        for reference in (entry.image, *entry.mirrors) if entry.image else ():
            try:
                digests[name] = registries.digest(str(reference))
            except NotHadError as refusal:
                refusals[name] = f"{reference}: {refusal.reason}"
                continue
            say(f"{name}: {reference} is {digests[name]}")
            break
    if digests:
        _write(lock_path, with_digests(lock_path.read_text(), digests))
    left = [f"{name} ({reason})" for name, reason in refusals.items() if name not in digests]
    if left:
        raise RigError(f"Not locked: {', '.join(left)}.", next_step="run it again where a registry answers")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise BadInput(f"{path} cannot be written.", evidence=str(error), next_step="--lock FILE") from error


@images.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@lock_option
def export(*, file: Path, lock_path: Path) -> None:
    """Write all images a stack runs from into FILE, for a machine that reaches nothing."""
    from sim.images.archive import carried, export_images  # noqa: PLC0415 - as above
    from sim.images.ensure import resolve_present  # noqa: PLC0415
    from sim.runtime.engine import connect  # noqa: PLC0415

    lock, client = load_lock(lock_path), connect()
    listed = carried(client, lock, resolve_present(client=client, lock=lock))
    size = export_images(client, listed, file)
    click.echo(f"{file}: {len(listed)} images, {size / _MIB:.0f} MiB")


@images.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_file(*, file: Path) -> None:
    """Load what ``sim images export`` wrote, after checking that it arrived whole."""
    from sim.images.archive import import_images  # noqa: PLC0415 - as above
    from sim.runtime.engine import connect  # noqa: PLC0415

    loaded = import_images(connect(), file)
    click.echo(f"{file}: {len(loaded)} images loaded")
