"""Local recipes: what a build is made of, and the key that changes when any of it does."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO

from sim.images.lock import RECIPES, BuildEntry

_PACKAGE = Path(__file__).parents[1]
_KEY_LENGTH = 16


def recipe_files(entry: BuildEntry) -> Mapping[str, Path]:
    """Name in the build context → file: the recipe's folder, and what it asks for of the project."""
    folder = RECIPES / entry.recipe
    found = {str(path.relative_to(folder)): path for path in _below(folder)}
    found |= {Path(name).name: _PACKAGE / name for name in entry.files}
    sources = (path for name in entry.sources for path in _below(_PACKAGE / name))
    return found | {str(path.relative_to(_PACKAGE.parent)): path for path in sources}


def _below(place: Path) -> Iterator[Path]:
    """The file itself, or a folder's files; not what the interpreter leaves there."""
    paths = sorted(place.rglob("*")) if place.is_dir() else [place]
    return (path for path in paths if path.is_file() and "__pycache__" not in path.parts)


def recipe_key(entry: BuildEntry, base_key: str) -> str:
    """Covers every file's name and content, the lock entry and the base below it."""
    lines = [f"base {base_key}", f"entry {entry.model_dump_json(exclude_defaults=True)}"]
    for name, path in sorted(recipe_files(entry).items()):
        lines.append(f"file {name} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return short_key(lines)


def short_key(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_KEY_LENGTH]


def context_tar(files: Mapping[str, Path], texts: Mapping[str, str] | None = None) -> IO[bytes]:
    """A build context on disk, rewound; the caller closes it. The same input gives the same bytes."""
    import tempfile  # noqa: PLC0415 - only where a build happens

    spool = tempfile.TemporaryFile(dir=large_temporary_folder())  # noqa: SIM115 - handed to the caller
    with tarfile.open(fileobj=spool, mode="w") as tar:
        for name, path in sorted(files.items()):
            _add(tar, name, path)
        for name, text in sorted((texts or {}).items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o644
            tar.addfile(info, io.BytesIO(text.encode()))
    spool.seek(0)
    return spool


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    info.size = path.stat().st_size
    info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    with path.open("rb") as file:
        tar.addfile(info, file)


def large_temporary_folder() -> Path | None:
    """Where hundreds of megabytes may lie for a while: /tmp is often in memory."""
    folder = Path("/var/tmp")  # noqa: S108 - files there are unnamed or in private folders
    return folder if folder.is_dir() else None
