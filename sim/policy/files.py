"""Manifest files of a folder: found, read within bounds, and split into documents that know where they stand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import BadInput
from sim.topology.marked_yaml import MarkedDocument, read_marked_documents
from sim.topology.problems import Mark, Problem, spell_path

SUFFIXES = (".yaml", ".yml", ".json")
MAX_FILE_BYTES = 4 * 2**20
# Of one document; the largest custom resource definitions have a fifth of that, and a third.
MAX_VALUES = 100_000
MAX_DEPTH = 100
MAX_FILES = 5_000
_LISTED_PROBLEMS = 100
# What a file that is no YAML must not hold to be passed over: the kinds that decide the table.
_KINDS = "NetworkPolicy|Namespace|Pod|Deployment|ReplicaSet|StatefulSet|DaemonSet|Job|CronJob|ReplicationController"
_RELEVANT = re.compile(rf"""\bkind["']?\s*:\s*["']?(?:{_KINDS}|\w*List)\b""")
_TEMPLATE = re.compile(r"^[- ]*\{\{", re.MULTILINE)


@dataclass(slots=True)
class Faults:
    """Everything that is wrong with a folder's files, told as one error."""

    root: Path
    next_step: str = ""
    _lines: list[tuple[str, Mark, str]] = field(default_factory=list)

    def add(self, file: Path, mark: Mark, message: str) -> None:
        self._lines.append((self.shown(file), mark, message))

    def add_document(self, file: Path, title: str, problems: list[Problem]) -> None:
        for problem in problems:
            path = f"{spell_path(problem.path)}: " if problem.path else ""
            self.add(file, problem.mark, f"{title}: {path}{problem.message}")

    def shown(self, file: Path) -> str:
        return os.path.relpath(file, self.root if self.root.is_dir() else self.root.parent)

    def raise_any(self) -> None:
        """Raises BadInput when there are any, in the order of files and lines."""
        if not self._lines:
            return
        lines = [f"  {file}:{mark.line}:{mark.column}: {message}" for file, mark, message in sorted(self._lines)]
        more = len(lines) - _LISTED_PROBLEMS
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        tail = [f"  and {more} not listed"] if more > 0 else []
        raise BadInput(
            "\n".join([f"{self.root}: {count} in its manifests:", *lines[:_LISTED_PROBLEMS], *tail]),
            next_step=self.next_step,
        )


@dataclass(frozen=True, slots=True)
class FileDocument:
    """``number`` counts a file's documents from one, empty ones left out."""

    file: Path
    number: int
    marked: MarkedDocument


def found_files(root: Path) -> list[Path]:
    """Every manifest file under ``root``, in order; hidden folders left out. Raises BadInput."""
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder.", next_step="name a folder of Kubernetes manifests")
    files: list[Path] = []
    for folder, names, members in os.walk(root, onerror=_unreadable):
        names[:] = sorted(name for name in names if not name.startswith("."))
        files += (Path(folder, name) for name in sorted(members) if _is_manifest(name))
        if len(files) > MAX_FILES:
            raise BadInput(f"{root}: more than {MAX_FILES} manifest files.", next_step="name a smaller folder")
    return files


def read_documents(file: Path, faults: Faults, passed_over: list[Path] | None = None) -> Iterator[FileDocument]:
    """The documents of ``file``; with ``passed_over``, what is no YAML and holds no kind that matters goes there."""
    text = read_text(file, faults)
    if text is None:
        return
    number = 0
    for marked in read_marked_documents(text, max_values=MAX_VALUES, max_depth=MAX_DEPTH):
        if marked.data is None and not marked.problems:
            continue
        number += 1
        if marked.problems and passed_over is not None and not _RELEVANT.search(text):
            passed_over.append(file)
            return
        if marked.problems and _TEMPLATE.search(text):
            hint = "a template: render it first, for example with 'helm template'"
            marked.problems[:] = [Problem(marked.problems[0].mark, (), hint)]
        yield FileDocument(file, number, marked)


def read_text(file: Path, faults: Faults) -> str | None:
    """None, and a fault, for what cannot be read as text."""
    start = Mark(1, 1)
    try:
        if not file.is_file():  # a pipe or a device would have no end, or no beginning
            faults.add(file, start, "not a regular file")
            return None
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        faults.add(file, start, f"cannot be read: {error.strerror}")
        return None
    if len(content) > MAX_FILE_BYTES:
        faults.add(file, start, f"larger than {MAX_FILE_BYTES // 2**20} MiB")
    elif b"\0" in content:
        faults.add(file, start, f"a binary file (a zero byte at offset {content.index(0)}): expected YAML or JSON")
    else:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = content[: error.start]
            mark = Mark(before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1)
            faults.add(file, mark, f"not UTF-8 text (byte 0x{content[error.start]:02x})")
    return None


def _is_manifest(name: str) -> bool:
    return (name.endswith(SUFFIXES) or name == "Kustomization") and not name.startswith(".")


def _unreadable(error: OSError) -> None:
    raise BadInput(f"{error.filename}: cannot be read: {error.strerror}.") from error
