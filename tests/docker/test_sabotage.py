"""A platform spoilt by hand is found out: the scenario that claims otherwise FAILs, and the program says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.errors import EXIT_PLATFORM_FAILED
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached
from sim.servers.object_store_setup import public_read

STACK = "sabotage"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The databases' owner auth, the broker and the store, up for this module, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        subprocess.run([sys.executable, "-m", "sim", "up", "--only", "auth,minio", "--stack", STACK], check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([sys.executable, "-m", "sim", "down", "--stack", STACK], check=True)


def verdicts(reports: Path, *patterns: str) -> tuple[int, dict[str, str]]:
    """Run scenarios on the kept stack: (exit code, scenario → verdict)."""
    command = [sys.executable, "-m", "sim", "run", "--reuse", "--stack", STACK, "--report", str(reports), *patterns]
    code = subprocess.run(command, check=False).returncode
    record = json.loads((reports / "latest" / "record.json").read_text())
    return code, {row["name"]: row["verdict"] for row in record["scenarios"]}


def test_a_dropped_database_fails_the_claim_about_schemas(stack: LiveStack, tmp_path: Path) -> None:
    """DROP DATABASE by root on one server: its scenario FAILs and the exit code is 1."""
    server = "auth-service-mysql"
    password = stack.secrets[stack.plan.server(server).facts["root_password_secret"]]
    code, said = stack.engine.execute(
        server, ("mysql", "-uroot", "-e", "DROP DATABASE auth_db"), {"MYSQL_PWD": password}
    )
    assert code == 0, said
    assert verdicts(tmp_path, "conformance/databases-own-schema") == (
        EXIT_PLATFORM_FAILED,
        {"conformance/databases-own-schema": "FAIL"},
    )


def test_a_private_bucket_made_public_fails_the_claim_about_it(stack: LiveStack, tmp_path: Path) -> None:
    """Anonymous reads allowed on the support bucket: its scenario FAILs, the public buckets' does not."""
    store = stack.servers.object_store()
    store.set_policy("sav", public_read("sav"))
    names = ("conformance/object-store-private-closed", "conformance/object-store-public-read")
    assert verdicts(tmp_path, *names) == (EXIT_PLATFORM_FAILED, {names[0]: "FAIL", names[1]: "PASS"})


def test_a_stopped_broker_node_fails_the_claim_about_the_cluster(stack: LiveStack, tmp_path: Path) -> None:
    """One node stopped: two nodes see two members where three are documented."""
    node = "rabbitmq-cluster-server-2"
    stack.control.stop(node)
    try:
        assert verdicts(tmp_path, "conformance/broker-cluster-members") == (
            EXIT_PLATFORM_FAILED,
            {"conformance/broker-cluster-members": "FAIL"},
        )
    finally:
        stack.control.start(node)
        stack.wait_ready(node)
