"""Migration files are split as MySQL would, ordered, and known by their content."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from sim.services.catalogue import SERVICE_MODULES
from sim.services.chassis.migrations import MigrationRefused, read_migrations, statements_of


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("", []),
        ("; ;\n", []),
        ("A; B", ["A", "B"]),
        ("A 'x;y'; B", ["A 'x;y'", "B"]),
        ('A "x;\\";y"; B', ['A "x;\\";y"', "B"]),
        ("A 'it''s;'; B", ["A 'it''s;'", "B"]),
        ("A `a;b`; B", ["A `a;b`", "B"]),
        ("-- no; not this\nA; # nor; this\nB", ["A", "B"]),
        ("A /* ; */ B;", ["A   B"]),
        ("SELECT 1--1;", ["SELECT 1--1"]),
        ("A -- it's\n; B", ["A", "B"]),
    ],
)
def test_statements_end_at_semicolons_outside_quotes_and_comments(text: str, statements: list[str]) -> None:
    """Quotes protect, comments vanish, two dashes need a blank."""
    assert list(statements_of(text)) == statements


def _package(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> str:
    name = f"migrations_{folder.name.replace('-', '_')}"
    (folder / name).mkdir()
    (folder / name / "__init__.py").touch()
    for file, text in files.items():
        (folder / name / file).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    return name


def test_files_are_taken_in_the_order_of_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the file system says; other files are left alone."""
    files = {"0010_b.sql": "B;", "0002_a.sql": "A; A;", "notes.txt": "x"}
    migrations = read_migrations(_package(tmp_path, monkeypatch, **files))
    assert [(migration.name, migration.statements) for migration in migrations] == [
        ("0002_a.sql", ("A", "A")),
        ("0010_b.sql", ("B",)),
    ]
    assert len({migration.checksum for migration in migrations}) == 2


def test_a_file_without_a_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place would be a guess."""
    with pytest.raises(MigrationRefused, match=r"later\.sql"):
        read_migrations(_package(tmp_path, monkeypatch, **{"later.sql": "A;"}))


@pytest.mark.parametrize("key", sorted(SERVICE_MODULES))
def test_every_services_migrations_can_be_read(key: str) -> None:
    """Named rightly, with something in each; a service with events has a database."""
    service = import_module(f"{SERVICE_MODULES[key]}.service").SERVICE
    assert service.migrations or not service.events
    if service.migrations:
        migrations = read_migrations(service.migrations)
        assert migrations
        assert all(migration.statements for migration in migrations)
