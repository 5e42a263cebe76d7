"""The rendered Compose project, brought up by Compose itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.preparing import Wanted, images_for, planner, read_document
from sim.runtime.engine import connect
from tests.compose_project import compose_runner, write_project

ONLY = ("auth", "redis", "minio", "prometheus", "alertmanager")


@pytest.mark.parametrize("initialised", [False, True], ids=["initialising itself", "initialised"])
def test_a_rendered_project_comes_up_healthy(tmp_path: Path, *, initialised: bool) -> None:
    """Every kind of server becomes healthy under Compose, from the files alone."""
    document = read_document(None)
    wanted = Wanted(only=ONLY)
    images = images_for(document.topology, wanted, print, golden=initialised)
    plan = planner(document, wanted, images)("10.0.0.0/24")
    write_project(tmp_path, plan, initialised=initialised, probe_interval="1s")
    with compose_runner(connect(), tmp_path) as project:
        code, said = project.call("up", "--wait", "--wait-timeout", "180")
        assert code == 0, said[-3000:]
        code, listed = project.call("ps", "--format", "json")
        rows = [json.loads(line) for line in listed.splitlines() if line.startswith("{")]
        assert {row["Service"] for row in rows} == {server.name for server in plan.servers}
        checked = {server.name for server in plan.servers if server.healthcheck}
        assert {row["Service"] for row in rows if row["Health"] == "healthy"} == checked
