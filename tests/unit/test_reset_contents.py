"""What is compared and put back: tables, a broker's definitions, objects; and what a stack's folder remembers of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from sim.errors import EXIT_UNKNOWN, RigError
from sim.runtime import freshness
from sim.runtime.freshness import Fresh
from sim.servers import broker_contents, mysql_contents, object_contents
from sim.servers.mysql_contents import TableContents
from sim.servers.object_contents import StoredObject

_CREATE = "CREATE TABLE `users` (`id` int) ENGINE=InnoDB{} DEFAULT CHARSET=utf8mb4"


class _Schema:
    """A connection to a schema of tables, each a definition and a checksum; every statement is kept."""

    def __init__(self, tables: Mapping[str, tuple[str, int]]) -> None:
        self.tables = dict(tables)
        self.said: list[str] = []
        self._answer: Sequence[tuple[Any, ...]] = ()

    def cursor(self) -> _Schema:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def commit(self) -> None:
        """At once."""

    def execute(self, sql: str) -> None:
        self.said.append(sql)
        self._answer = ()
        if sql.startswith("SHOW FULL TABLES"):
            self._answer = [(name, "BASE TABLE") for name in self.tables]
        elif sql.startswith("CHECKSUM"):
            self._answer = [(f"db.{name}", checksum) for name, (_, checksum) in self.tables.items()]
        elif sql.startswith("SHOW CREATE TABLE"):
            name = sql.split("`")[1]
            self._answer = [(name, self.tables[name][0])]
        elif sql.startswith("SELECT COUNT"):
            self._answer = [(7,)]

    def fetchall(self) -> Sequence[tuple[Any, ...]]:
        return self._answer

    def changes(self) -> list[str]:
        return [sql for sql in self.said if not sql.startswith(("SET", "SHOW", "CHECKSUM", "SELECT"))]


def _table(counter: str = "", checksum: str = "1", rows: tuple[str, ...] = ()) -> TableContents:
    return TableContents(_CREATE.format(counter), checksum, ("id",), rows)


def test_a_table_is_as_it_was_by_definition_counter_and_checksum() -> None:
    """A row more, a burnt number, another column, a table too many or too few: each is seen."""
    fresh = {"users": _table(" AUTO_INCREMENT=3")}
    assert mysql_contents.unlike(fresh, {"users": _table(" AUTO_INCREMENT=3")}) == ()
    assert mysql_contents.unlike(fresh, {"users": _table(" AUTO_INCREMENT=3", checksum="2")}) == ("users",)
    assert mysql_contents.unlike(fresh, {"users": _table(" AUTO_INCREMENT=4")}) == ("users",)
    assert mysql_contents.unlike(fresh, {"users": _table(), "canary": _table()}) == ("canary", "users")
    assert mysql_contents.unlike(fresh, {}) == ("users",)


def test_only_what_changed_is_touched() -> None:
    """The untouched table is left alone, the changed one emptied, or made again with its counter; the new one goes."""
    fresh = {
        "users": _table(" AUTO_INCREMENT=9", rows=("(1)", "(2)")),
        "orders": _table(),
        "roles": _table(checksum="5"),
    }
    connection = _Schema(
        {
            "users": (_CREATE.format(" AUTO_INCREMENT=12"), 99),
            "orders": (_CREATE.format(""), 1),
            "roles": (_CREATE.format(""), 6),
            "sim_canary": ("CREATE TABLE x", 3),
        }
    )
    assert mysql_contents.put_back(connection, fresh) == (21, 2)
    assert connection.changes() == [
        "TRUNCATE TABLE `roles`",
        "DROP TABLE IF EXISTS `sim_canary`",
        "DROP TABLE IF EXISTS `users`",
        fresh["users"].create,
        "INSERT INTO `users` (`id`) VALUES (1), (2)",
    ]


def test_a_table_that_is_gone_or_another_is_made_again() -> None:
    """From its own definition, rows and all."""
    fresh = {"gone": _table(rows=("(1)",)), "other": _table()}
    connection = _Schema({"other": ("CREATE TABLE `other` (`id` text)", 1)})
    mysql_contents.put_back(connection, fresh)
    assert connection.changes() == [
        "DROP TABLE IF EXISTS `gone`",
        fresh["gone"].create,
        "INSERT INTO `gone` (`id`) VALUES (1)",
        "DROP TABLE IF EXISTS `other`",
        fresh["other"].create,
    ]


class _Management:
    """Definitions that can be taken away and imported."""

    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions = definitions
        self.removed: list[tuple[str, ...]] = []
        self.posted: list[tuple[str, ...]] = []

    def ask_any(self, *_path: str) -> dict[str, Any]:
        return self.definitions

    def find(self, *_path: str) -> list[dict[str, Any]]:
        return [{"routing_key": "k", "arguments": {}, "properties_key": "k~1"}]

    def remove(self, path: Sequence[str]) -> None:
        self.removed.append(tuple(path))

    def post(self, path: Sequence[str], _body: Mapping[str, Any]) -> None:
        self.posted.append(tuple(path))


def _queue(name: str, **arguments: object) -> dict[str, Any]:
    return {"name": name, "vhost": "/shop", "durable": True, "arguments": arguments}


def test_definitions_too_many_go_and_missing_ones_are_imported() -> None:
    """A drill's queue and binding and an intruder go; a changed queue goes and comes back with what is missing."""
    fresh = broker_contents.read(
        _Management({"queues": [_queue("orders"), _queue("mail")], "users": [{"name": "app", "tags": []}]})  # type: ignore[arg-type]
    )
    binding = {
        "vhost": "/shop",
        "source": "x",
        "destination": "orders",
        "destination_type": "queue",
        "routing_key": "k",
        "arguments": {},
    }
    now = _Management(
        {
            "queues": [_queue("orders"), _queue("mail", **{"x-max-length": 1}), _queue("sim.drill")],
            "users": [{"name": "app", "tags": []}, {"name": "mallory", "tags": ["administrator"]}],
            "bindings": [binding],
        }
    )
    assert broker_contents.put_back(now, fresh) == 4  # type: ignore[arg-type]
    assert now.removed == [
        ("bindings", "/shop", "e", "x", "q", "orders", "k~1"),
        ("queues", "/shop", "mail"),
        ("queues", "/shop", "sim.drill"),
        ("users", "mallory"),
    ]
    assert now.posted == [("definitions",)]
    assert broker_contents.unlike(fresh, fresh) == ()


def _version(key: str, tag: str, *, deleted: bool = False) -> Any:
    return SimpleNamespace(object_name=key, etag=f'"{tag}"', is_delete_marker=deleted)


@pytest.mark.parametrize(
    ("versions", "wrong"),
    [
        ({"b": [_version("k", "1")]}, ()),
        ({"b": [_version("k", "2")]}, (("b", "k"),)),
        ({"b": [_version("k", "1"), _version("k", "1")]}, (("b", "k"),)),
        ({"b": [_version("k", "1", deleted=True), _version("k", "1")]}, (("b", "k"),)),
        ({"b": [_version("k", "1"), _version("new", "1")]}, (("b", "new"),)),
        ({"b": []}, (("b", "k"),)),
        ({"b": [_version("k", "1")], "c": []}, (("c", ""),)),
        ({}, (("b", ""),)),
    ],
)
def test_objects_are_as_they_were_in_one_version_each(
    versions: Mapping[str, list[Any]], wrong: tuple[tuple[str, str], ...]
) -> None:
    """Another content, an older version, a delete marker, a key or bucket too many or too few: each is seen."""
    fresh = {"b": {"k": StoredObject("1", "aGVsbG8=", "text/plain")}}
    assert object_contents.unlike(fresh, object_contents.listed(versions)) == wrong
    assert fresh["b"]["k"].content == b"hello"


@pytest.fixture
def remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stack called dev."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = tmp_path / "sim" / "stacks" / "dev"
    place.mkdir(parents=True)
    return place


def test_what_is_kept_is_read_again_and_private(remembered: Path) -> None:
    """Rows, definitions and objects come back as they went; nobody else may read them."""
    fresh = Fresh(
        {"auth-service-mysql": {"users": _table(rows=("('Zoë', X'00ff', NULL)",))}},
        {"queues": [_queue("orders")]},
        {"b": {"k": StoredObject("1", "aGVsbG8=", "text/plain")}},
    )
    freshness.save("dev", fresh)
    assert freshness.load("dev") == fresh
    assert (remembered / "fresh.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [None, "", "{", '{"databases": 3}'])
def test_without_a_readable_memory_there_is_no_reset(remembered: Path, content: str | None) -> None:
    """The rig cannot tell what fresh was: it says so, and what to do."""
    if content is not None:
        (remembered / "fresh.json").write_text(content)
    with pytest.raises(RigError) as caught:
        freshness.load("dev")
    assert caught.value.next_step == "sim down --stack dev, then sim up"
    assert caught.value.exit_code == EXIT_UNKNOWN


@pytest.mark.usefixtures("remembered")
def test_a_reset_begun_and_not_ended_lets_nobody_judge() -> None:
    """From its beginning to its end, and after the process has died in between."""
    freshness.refuse_half_reset("dev")
    freshness.begin("dev")
    freshness.begin("dev")
    with pytest.raises(RigError, match="neither used nor fresh") as caught:
        freshness.refuse_half_reset("dev")
    assert caught.value.next_step == "sim reset --stack dev"
    freshness.end("dev")
    freshness.end("dev")
    freshness.refuse_half_reset("dev")
