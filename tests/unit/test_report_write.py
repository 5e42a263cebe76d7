"""A run's folder: unique, sortable, whole, and ``latest`` leading to it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sim.errors import BadInput, RigError
from sim.record import read_record
from sim.report.write import find_run, log_path, new_run_directory, point_latest, write_run
from tests.unit.report_sample import sample_record, sample_topology

NOW = datetime(2026, 11, 3, 9, 15, 2, tzinfo=UTC)


def test_names_sort_by_time(tmp_path: Path) -> None:
    """Later runs have greater names, also within one second, whatever the time zone."""
    directories = [new_run_directory(tmp_path, NOW + timedelta(seconds=s)) for s in (0, 0, 0, 1, 70, 86400)]
    names = [d.name for d in directories]
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    elsewhere = new_run_directory(tmp_path / "b", NOW.astimezone(timezone(timedelta(hours=5))))
    assert elsewhere.name == names[0]


def test_simultaneous_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    """Sixteen runs that begin at once get sixteen folders."""
    got: list[Path] = []
    barrier = threading.Barrier(16)

    def begin() -> None:
        barrier.wait()
        got.append(new_run_directory(tmp_path, NOW))

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({d.name for d in got}) == 16


def test_a_place_that_cannot_hold_reports_is_bad_input(tmp_path: Path) -> None:
    """A file where the folder should be is the user's to mend."""
    (tmp_path / "reports").write_text("in the way", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot hold reports"):
        new_run_directory(tmp_path / "reports", NOW)


def test_latest_leads_to_the_newest(tmp_path: Path) -> None:
    """It is moved from run to run and leaves nothing beside it."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path, tmp_path / name)
        assert find_run(tmp_path / "latest").resolve() == tmp_path / name
    assert {p.name for p in tmp_path.iterdir()} == {"one", "two", "latest"}


def test_latest_is_a_text_file_where_links_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems have no links: the name is written instead, and found again."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        point_latest(tmp_path, tmp_path / name)
    assert (tmp_path / "latest").read_text(encoding="utf-8") == "two\n"
    assert find_run(tmp_path / "latest") == tmp_path / "two"
    monkeypatch.undo()
    point_latest(tmp_path, tmp_path / "one")
    assert (tmp_path / "latest").is_symlink()


def test_a_folder_named_latest_is_not_overwritten(tmp_path: Path) -> None:
    """Something the user put there is named, and left alone."""
    (tmp_path / "one").mkdir()
    (tmp_path / "latest").mkdir()
    (tmp_path / "latest" / "mine").write_text("x", encoding="utf-8")
    with pytest.raises(RigError, match="latest"):
        point_latest(tmp_path, tmp_path / "one")
    assert {p.name for p in tmp_path.iterdir()} == {"one", "latest"}
    assert (tmp_path / "latest" / "mine").exists()


@pytest.mark.parametrize("name", ["none", "file", "latest"])
def test_what_is_no_run_is_bad_input(tmp_path: Path, name: str) -> None:
    """Nothing there, a file, a ``latest`` that leads nowhere or out of the folder."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "latest").write_text("../../gone", encoding="utf-8")
    with pytest.raises(BadInput, match="not a run's folder"):
        find_run(tmp_path / name)


def test_no_server_name_leads_out_of_the_folder() -> None:
    """A log's name is quoted, so that it stays in ``logs``."""
    assert log_path("auth-service-mysql") == "logs/auth-service-mysql.log"
    assert log_path("../../etc/x") == "logs/..%2F..%2Fetc%2Fx.log"


def test_a_run_is_written_whole(tmp_path: Path) -> None:
    """Record, JUnit, page and logs are there, nothing half-written beside them, and the record names the logs."""
    topology = sample_topology()
    written = write_run(tmp_path, sample_record(topology), (), {"b": "log b", "a": "log a"}, (), topology=topology)
    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {"record.json", "junit.xml", "index.html", "logs/a.log", "logs/b.log"}
    assert read_record(tmp_path / "record.json") == written
    assert written.failed_logs == ("a", "b")


def test_a_folder_that_is_gone_is_the_rigs_trouble(tmp_path: Path) -> None:
    """A disk that fails while the report is written is one message, not a traceback."""
    with pytest.raises(RigError, match="could not be written"):
        write_run(tmp_path / "gone", sample_record(sample_topology()), (), {}, (), topology=None)
