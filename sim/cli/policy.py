"""``sim policy``: what network policies allow, computed from manifests or from the document alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from sim.cli import options
from sim.errors import BadInput
from sim.plan.cluster import cluster_of
from sim.policy.imagining import with_imagined
from sim.policy.loading import Manifests, load_manifests
from sim.policy.matrix import matrix_text, wrapped
from sim.policy.table import expected_table, table_document
from sim.preparing import Wanted, planner, read_document
from sim.render.documented import documented_images
from sim.topology.model import EnvironmentName

_ANY_SUBNET = "10.0.0.0/24"


@click.group()
def policy() -> None:
    """What network policies allow: computed from manifests, no cluster and no engine needed."""


@policy.command()
@click.argument("directory", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@options.topology_option
@options.environment_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document: every edge, and the rule that decides it.")
def table(*, directory: Path | None, topology_path: Path | None, environment: EnvironmentName, as_json: bool) -> None:
    """Print the expected table: who may reach whom, on which port. Without DIR, of the documented platform.

    DIR is any folder (or file) of Kubernetes manifests: YAML of one or many documents, lists, JSON, kustomizations.
    Namespaces, pods, workloads and NetworkPolicies count; other kinds are passed over. Invalid ones are refused.
    """
    if directory is not None and topology_path is not None:
        raise BadInput("DIR and --topology name two platforms.", next_step="give one of them")
    manifests = _documented(topology_path, environment) if directory is None else load_manifests(directory)
    expected = expected_table(manifests.cluster)
    if as_json:
        document = table_document(expected) | {"ignored": dict(manifests.ignored), "notes": list(manifests.notes)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(matrix_text(expected), nl=False)
    for line in _remarks(manifests):
        click.echo(line)


def _documented(topology_path: Path | None, environment: EnvironmentName) -> Manifests:
    document = read_document(topology_path)
    images = documented_images(document.topology)
    plan = planner(document, Wanted(topology_path, environment), images)(_ANY_SUBNET)
    cluster, imagined = with_imagined(cluster_of(plan))
    notes = (f"selected by policies, not started here: {', '.join(imagined)}",) if imagined else ()
    return Manifests(cluster, (), {}, notes)


def _remarks(manifests: Manifests) -> Sequence[str]:
    notes = list(manifests.notes)
    if manifests.ignored:
        notes.append(f"passed over: {', '.join(f'{count} {kind}' for kind, count in manifests.ignored.items())}")
    return ["", "Notes", *(wrapped(note) for note in notes)] if notes else []
