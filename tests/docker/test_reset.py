"""A stack spoilt in every way is reset to what it was when it came up: looked at by protocol, not by report."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.errors import EXIT_BAD_INPUT, EXIT_PASS, EXIT_UNKNOWN
from sim.runtime import freshness, pledges, state
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached
from sim.servers.mysql_admin import LocalAdmin
from sim.servers.object_store_setup import public_read

STACK = "reset-test"
DATABASE = "auth-service-mysql"


def sim(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sim", *words], check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The service auth with all it needs, and the store, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        subprocess.run([sys.executable, "-m", "sim", "up", "--only", "auth,minio", "--stack", STACK], check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([sys.executable, "-m", "sim", "down", "--stack", STACK], check=True)


def rows(stack: LiveStack, statement: str) -> list[tuple[str, ...]]:
    """Run by root at the database of auth, whose schema is ``{}`` in the statement; the rows it gave."""
    spec = stack.plan.server(DATABASE)
    password = stack.secrets[spec.facts["root_password_secret"]]
    return list(LocalAdmin(DATABASE, password, stack.engine.execute).rows(statement.format(spec.facts["schema"])))


def spoil(stack: LiveStack) -> None:
    """Whatever people, scenarios and faults can leave behind.

    Rows deleted, added and changed, a table dropped and one added, numbers burnt; messages, queues, users, objects,
    keys, a policy; a fault in force by hand, rules that nobody wrote down, and a server dead.
    """
    rows(
        stack,
        "DELETE FROM {0}.role_has_permissions; DELETE FROM {0}.users; UPDATE {0}.roles SET name = CONCAT(name, '-x')",
    )
    rows(
        stack,
        "CREATE TABLE {0}.intruder (id INT PRIMARY KEY); INSERT INTO {0}.intruder VALUES (1); DROP TABLE {0}.inbox",
    )
    rows(stack, "INSERT INTO {0}.permissions (name, guard_name, description) VALUES ('sin', 'api', 'mortal')")
    broker = stack.servers.broker()
    broker.declare_queue("sim.left")
    broker.declare_queue("sim.transient", {"x-queue-type": "classic", "x-expires": 600_000})
    publisher = broker.publisher(1)
    dead_letters = next(name for name in broker.depths() if name.endswith(".dead-letter"))
    for queue in ("sim.left", dead_letters):
        assert publisher.publish("", queue, b"left").outcome == "OK"
    publisher.close()
    broker.delete_queue(next(name for name in broker.depths() if name.startswith("newsletters")))
    node = broker.nodes[0]
    assert stack.engine.execute(node, ("rabbitmqctl", "add_user", "mallory", "mallory"))[0] == 0
    store = stack.servers.object_store()
    for bucket in store.buckets():
        store.put(bucket, "left/behind.txt", b"left")
        store.put(bucket, "left/behind.txt", b"left again")
        store.put(bucket, "deleted.txt", b"left")
        store.delete(bucket, "deleted.txt")
    store.make_bucket("intruder")
    store.put("intruder", "left.txt", b"left")
    store.set_policy("sav", public_read("sav"))
    stack.servers.cache().set("left", "behind")
    table = (
        "table inet sim_fault_0badc0ffee00 { chain input { type filter hook input priority -300; tcp dport 1 drop; }; }"
    )
    assert stack.engine.in_network("redis", ("nft", "-f", "-"), table)[0] == 0
    assert sim("fault", "inject", "pause", "redis", "--stack", STACK).returncode == 0
    stack.control.kill("alertmanager-0" if "alertmanager-0" in {s.name for s in stack.plan.servers} else DATABASE)


def fresh_things(stack: LiveStack) -> dict[str, Any]:
    """What was there when the stack came up, by each server's own protocol."""
    broker, store = stack.servers.broker(), stack.servers.object_store()
    tables = [name for (name,) in rows(stack, "SHOW TABLES FROM {}")]
    return {
        "tables": {name: rows(stack, f"SELECT COUNT(*) FROM {{}}.{name}") for name in tables},  # noqa: S608 - its own
        "roles": rows(stack, "SELECT * FROM {}.roles"),
        "admin": rows(stack, "SELECT * FROM {}.users"),
        "counters": rows(stack, "SHOW CREATE TABLE {}.permissions"),
        "queues": dict(sorted(broker.depths().items())),
        "users": broker.users(),
        "exchanges": broker.exchanges(stack.plan.of_kind("rabbitmq")[0].facts["vhost"]),
        "objects": {bucket: store.keys(bucket, "") for bucket in store.buckets()},
        "policies": {bucket: bool(store.policy(bucket)) for bucket in store.buckets()},
        "states": stack.engine.states(),
    }


def assert_fresh(stack: LiveStack, before: dict[str, Any]) -> None:
    now = fresh_things(stack)
    for what, was in before.items():
        assert now[what] == was, f"{what}: {_differing(was, now[what])}"


def _differing(was: Any, now: Any) -> Any:
    if not isinstance(was, dict) or not isinstance(now, dict):
        return was, now
    return {k: (was.get(k), now.get(k)) for k in {*was, *now} if was.get(k) != now.get(k)}


@pytest.fixture(scope="module")
def before(stack: LiveStack) -> dict[str, Any]:
    found = fresh_things(stack)
    assert found["admin"]
    assert not any(found["queues"].values())
    return found


def test_everything_spoilt_is_as_it_was(stack: LiveStack, before: dict[str, Any]) -> None:
    """Seeded rows are back with their ids and hashes, what was added is gone, whoever was broken is whole."""
    spoil(stack)
    done = sim("reset", "--stack", STACK, "--json")
    assert done.returncode == EXIT_PASS, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told["fresh"]
    assert told["unseen"] == []
    kinds = {part["kind"] for part in told["parts"]}
    assert kinds == {"faults", "database", "broker", "objects", "cache", "services"}
    assert told["canaries"] == len([p for p in told["parts"] if p["kind"] not in {"faults", "services"}])
    assert all(part["found"] and not part["left"] for part in told["parts"] if part["kind"] != "services")
    stack = attached(connect(), STACK)
    assert_fresh(stack, before)
    assert stack.servers.cache().get("left") is None
    assert pledges.pledged(STACK) == ()
    assert "sim_fault" not in stack.engine.in_network("redis", ("nft", "list", "ruleset"))[1]
    assert stack.servers.object_store().versions("sav", "left/behind.txt") == ()


def test_a_reset_of_a_fresh_stack_changes_nothing_and_says_so(stack: LiveStack, before: dict[str, Any]) -> None:
    """Twice is once. Within a terminal's width."""
    done = sim("reset", "--stack", STACK)
    assert done.returncode == EXIT_PASS, done.stderr
    assert f"stack {STACK} is as it was when it came up" in done.stdout
    assert "all seen, none left" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert_fresh(stack, before)


def test_a_reset_killed_half_way_is_finished_by_the_next(
    stack: LiveStack, before: dict[str, Any], tmp_path: Path
) -> None:
    """Killed outright it lets nobody judge on that stack; the same command again makes it whole."""
    rows(stack, "DELETE FROM {}.users")
    process = subprocess.Popen([sys.executable, "-m", "sim", "reset", "--stack", STACK])
    ends_s = time.monotonic() + 20
    while not freshness.is_half_reset(STACK):
        assert time.monotonic() < ends_s
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run = sim("run", "conformance/broker-plugins", "--reuse", "--stack", STACK, "--report", str(tmp_path))
    assert run.returncode == EXIT_UNKNOWN
    assert "neither used nor fresh" in run.stderr
    assert "Traceback" not in run.stderr
    assert "Half reset" in sim("status", "--stack", STACK).stdout
    again = sim("reset", "--stack", STACK)
    assert again.returncode == EXIT_PASS, again.stderr + again.stdout
    assert not freshness.is_half_reset(STACK)
    assert_fresh(stack, before)


def test_what_cannot_be_reset_says_why(stack: LiveStack, tmp_path: Path) -> None:
    """A stack that is not there, one in use, one whose first state nobody wrote down: no traceback, a next step."""
    absent = sim("reset", "--stack", "elsewhere")
    assert (absent.returncode, "elsewhere" in absent.stderr) == (EXIT_BAD_INPUT, True)
    with state.ownership(STACK):
        busy = sim("reset", "--stack", STACK)
    assert (busy.returncode, "in use" in busy.stderr) == (EXIT_UNKNOWN, True)
    memory = state.folder(STACK) / "fresh.json"
    memory.rename(tmp_path / "fresh.json")
    try:
        unknown = sim("reset", "--stack", STACK)
    finally:
        (tmp_path / "fresh.json").rename(memory)
    assert (unknown.returncode, f"sim down --stack {STACK}" in unknown.stderr) == (EXIT_UNKNOWN, True)
    assert not freshness.is_half_reset(STACK)
    assert stack.servers.cache().version()
