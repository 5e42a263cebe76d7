"""A run's folder: a fresh one for each run, filled once, and ``latest`` pointing to it.

Every file is written beside its name and moved there, so that a reader never meets half of one.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sim.errors import BadInput, RigError
from sim.history import Observation, read_history
from sim.record import HISTORY_FILE, RECORD_FILE, Record
from sim.report.histograms import write_histograms
from sim.report.html import render_html
from sim.report.junit import render_junit
from sim.report.redact import redact, redact_file, redact_value
from sim.topology.model import Topology

PAGE_FILE = "index.html"
JUNIT_FILE = "junit.xml"
LOGS_FOLDER = "logs"
LATEST = "latest"

_MOST_RUNS_A_SECOND = 1000


def new_run_directory(reports_dir: Path, now: datetime) -> Path:
    """Create and return a folder that no other run has, named so that names sort by time. ``now`` has a time zone."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    try:
        reports_dir.mkdir(parents=True, exist_ok=True)
        for attempt in range(_MOST_RUNS_A_SECOND):
            directory = reports_dir / (f"{stamp}-{attempt:03d}" if attempt else stamp)
            # Making the folder is the lock: of two runs in one second, one gets it and the other the next.
            with contextlib.suppress(FileExistsError):
                directory.mkdir()
                return directory
    except OSError as error:
        raise BadInput(
            f"{reports_dir} cannot hold reports ({error.strerror}).", next_step="give a writable folder with --report"
        ) from error
    raise RigError(f"{reports_dir} already holds {_MOST_RUNS_A_SECOND} runs of {stamp}.")


def write_run(
    directory: Path,
    record: Record,
    observations: Iterable[Observation],
    logs: Mapping[str, str],
    secrets: Iterable[str],
    *,
    topology: Topology | None,
) -> Record:
    """Write ``record.json``, ``junit.xml``, ``index.html`` and ``logs/``; return the record as written.

    ``logs`` are those of the servers that failed. ``secrets`` are scrubbed from every text and stored nowhere; a
    history already written is scrubbed too, so it must be closed by now. Without ``topology`` the page has no picture.
    """
    hidden = tuple(secrets)
    clean_logs = {name: redact(text, hidden) for name, text in logs.items()}
    clean = redact_value(replace(record, failed_logs=tuple(sorted(clean_logs))), hidden)
    try:
        redact_file(directory / HISTORY_FILE, hidden)
        if clean_logs:
            (directory / LOGS_FOLDER).mkdir(exist_ok=True)
        for name, text in clean_logs.items():
            _write(directory / log_path(name), text)
        if (directory / HISTORY_FILE).exists():
            write_histograms(directory, read_history(directory / HISTORY_FILE))
        _write(directory / RECORD_FILE, clean.to_json())
        _write(directory / JUNIT_FILE, render_junit(clean))
        page = render_html(clean, topology, observations, clean_logs, {name: log_path(name) for name in clean_logs})
        _write(directory / PAGE_FILE, redact(page, hidden))
    except OSError as error:
        raise RigError(
            f"the report could not be written to {directory} ({error.strerror}).", next_step="free some disk space"
        ) from error
    return clean


def log_path(server: str) -> str:
    """Where a server's log is, within the run's folder; no name can lead out of it."""
    return f"{LOGS_FOLDER}/{quote(server, safe='')}.log"


def point_latest(reports_dir: Path, run_dir: Path) -> None:
    """Make ``latest`` lead to ``run_dir``, in one step; a text file with its name where links cannot be made."""
    pointer = reports_dir / LATEST
    beside = reports_dir / f".{LATEST}-{uuid.uuid4().hex}"
    try:
        try:
            beside.symlink_to(run_dir.name, target_is_directory=True)
        except (OSError, NotImplementedError):
            beside.write_text(f"{run_dir.name}\n", encoding="utf-8")
        os.replace(beside, pointer)  # noqa: PTH105 - its atomicity is the point
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RigError(
            f"{pointer} could not be pointed to {run_dir.name} ({error.strerror}).",
            next_step=f"remove {pointer}: it is for the rig to make",
        ) from error


def find_run(path: Path) -> Path:
    """The folder of a run, also by a ``latest`` that is a text file. Raises BadInput for anything else."""
    if path.is_file() and path.name == LATEST:
        name = path.read_text(encoding="utf-8", errors="replace").strip()
        path = path.parent / Path(name).name
    if not path.is_dir():
        raise BadInput(
            f"{path} is not a run's folder.", next_step="give a folder that `sim run` wrote, such as reports/latest"
        )
    return path


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.part")
    beside.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    os.replace(beside, path)  # noqa: PTH105 - its atomicity is the point
