"""Options several commands share, worded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from sim.errors import BadInput
from sim.policy.objects import NetworkPolicy

Command = TypeVar("Command", bound=Callable[..., Any])

ENVIRONMENTS = ("development", "staging", "production")


def topology_option(command: Command) -> Command:
    return click.option(
        "--topology",
        "topology_path",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A topology of your own, in place of the documented one.",
    )(command)


def environment_option(command: Command) -> Command:
    return click.option(
        "--env",
        "environment",
        type=click.Choice(ENVIRONMENTS),
        default="development",
        show_default=True,
        help="Whose namespace, replicas, limits and storage to use.",
    )(command)


def limits_option(command: Command) -> Command:
    return click.option(
        "--limits",
        type=click.Choice(("component", "environment", "none")),
        default="component",
        show_default=True,
        help="Memory and CPU limits: each component's documented ones (of services, the environment's memory); the"
        " environment's on all; or none.",
    )(command)


def image_option(command: Command) -> Command:
    return click.option(
        "--image",
        "images",
        multiple=True,
        metavar="NAME=REF",
        help="Run a service's real image (auth-service=registry/auth:1.2) in place of its stand-in; repeatable.",
    )(command)


def policies_option(command: Command) -> Command:
    given = click.option(
        "--policies",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Enforce the NetworkPolicy manifests in DIR instead of the documented policies.",
    )
    off = click.option("--no-policies", is_flag=True, help="Enforce no network policy: every pod reaches every other.")
    return given(off(command))


def given_policies(policies: Path | None, *, none: bool) -> tuple[NetworkPolicy, ...] | None:
    """What ``--policies`` names; None without it. Raises BadInput for manifests an API server would refuse."""
    if policies is None:
        return None
    if none:
        raise BadInput("--policies gives policies and --no-policies takes them away.", next_step="leave one out")
    from sim.policy.loading import load_manifests  # noqa: PLC0415 - most commands read no manifest

    return load_manifests(policies).cluster.policies


def named_images(given: Sequence[str]) -> Mapping[str, str]:
    """``("auth-service=registry/auth:1.2",)`` by name. Raises BadInput for anything else, or one name twice."""
    found: dict[str, str] = {}
    for pair in given:
        name, _, reference = pair.partition("=")
        if not name.strip() or not reference.strip():
            raise BadInput(f"{pair!r} gives no service an image.", next_step="--image auth-service=registry/auth:1.2")
        if name in found:
            raise BadInput(f"{name} is given two images.", next_step="leave one of them out")
        found[name] = reference
    return found


def stack_option(command: Command) -> Command:
    return click.option("--stack", metavar="ID", help="Which stack, when several are up. Default: the only one.")(
        command
    )


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def split_names(text: str) -> tuple[str, ...]:
    """``auth,orders`` → ``("auth", "orders")``. Raises BadInput for commas alone, which would mean everything."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if text.strip() and not names:
        raise BadInput(f"{text!r} names nothing.", next_step="names with commas between them, such as auth,orders")
    return names
