"""The expected side of every comparison, computed from the document alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.checks import tables
from sim.images.model import ResolvedImage
from sim.plan.pods import build_plan
from sim.runtime.fake.images import fake_images
from sim.scenario import Evidence
from sim.topology.load import load_topology
from sim.verdict import Fidelity


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    topology = load_topology()
    return Evidence((), topology, "staging", fake_images(topology))


def _image(documented: str) -> ResolvedImage:
    return ResolvedImage("mysql", documented, "r", "d", "mysql", "9.7.4", Fidelity.SAME_SOFTWARE)


def test_the_document_names_exactly_the_servers_that_are_planned(evidence: Evidence) -> None:
    """A server planned but not expected, or expected but never planned, would go unjudged."""
    plan = build_plan(evidence.topology, "staging", evidence.images, "192.0.2.0/24")
    planned = {server.name: server.kind for server in plan.servers if server.kind != "alert-sink"}
    assert dict(tables.kinds(evidence)) == planned
    assert tables.main_namespace(evidence) == plan.namespace == "e-commerce-staging"


def test_every_documented_limit_belongs_to_a_server(evidence: Evidence) -> None:
    """Limits are documented for databases, broker, object store, cache and Prometheus."""
    kinds = {tables.kinds(evidence)[name] for name in tables.resources(evidence)}
    assert kinds == {"mysql", "rabbitmq", "object-store", "redis", "prometheus"}


@pytest.mark.parametrize(
    ("version", "documented", "same_line"),
    [
        ("8.0.44", "mysql:8.0", True),
        ("8.0.44-0ubuntu0.22.04.1", "mysql:8.0", True),
        ("8.4.1", "mysql:8.0", False),
        ("80.0.1", "mysql:8.0", False),
        ("7.0.15", "redis:7-alpine", True),
        ("3.12.14", "rabbitmq:3.12-management", True),
        ("3.1.2", "rabbitmq:3.12-management", False),
        ("RELEASE.2025-01-01", "minio/minio:latest", False),
        ("", "mysql:8.0", False),
    ],
)
def test_a_version_is_of_the_documented_line_by_the_numbers_of_the_tag(
    version: str, documented: str, same_line: bool
) -> None:
    """A tag pins as many numbers as it has; one that pins none proves nothing about any version."""
    assert tables.is_documented_version(version, _image(documented)) is same_line


def test_only_an_image_that_is_not_the_documented_one_is_an_excuse(evidence: Evidence) -> None:
    """And it names both what ran and what is documented."""
    assert tables.not_the_documented_image(evidence, "mysql") == ""
    other = replace(evidence, images={**evidence.images, "mysql": _image("mysql:8.0")})
    assert tables.not_the_documented_image(other, "mysql") == "mysql 9.7.4 ran, mysql:8.0 is documented"
