"""``sim policy``: what network policies allow, computed from manifests alone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sim.policy.loading import Manifests, load_manifests
from sim.policy.matrix import matrix_text, wrapped
from sim.policy.table import expected_table, table_document


@click.group()
def policy() -> None:
    """What network policies allow: computed from manifests, no cluster and no engine needed."""


@policy.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document: every edge, and the rule that decides it.")
def table(*, directory: Path, as_json: bool) -> None:
    """Print the expected table of the manifests in DIR: who may reach whom, on which port.

    DIR is any folder (or file) of Kubernetes manifests: YAML of one or many documents, lists, JSON, kustomizations.
    Namespaces, pods, workloads and NetworkPolicies count; other kinds are passed over. Invalid ones are refused.
    """
    manifests = load_manifests(directory)
    expected = expected_table(manifests.cluster)
    if as_json:
        document = table_document(expected) | {"ignored": dict(manifests.ignored), "notes": list(manifests.notes)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(matrix_text(expected), nl=False)
    for line in _remarks(manifests):
        click.echo(line)


def _remarks(manifests: Manifests) -> list[str]:
    notes = list(manifests.notes)
    if manifests.ignored:
        notes.append(f"passed over: {', '.join(f'{count} {kind}' for kind, count in manifests.ignored.items())}")
    return ["", "Notes", *(wrapped(note) for note in notes)] if notes else []
