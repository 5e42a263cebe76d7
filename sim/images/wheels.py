"""Python wheels from wherever this machine's own pip gets them: no index is named here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sim.images.resolution import NotHadError
from sim.images.tools import cache_folder, run_tool

_DEADLINE_S = 300
_PINNED = re.compile(r"^[A-Za-z0-9._-]+==", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# What the engine's machines and Python's wheels call the same processor.
_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
# Oldest last: a wheel for an older C library runs on Debian's newer one, too.
_PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")


def machine() -> str:
    """The processor as wheels name it."""
    found = platform.machine().lower()
    return _MACHINES.get(found, found)


def download_wheel(wheel: str, folder: Path, *, sha256: str | None) -> Path:
    """One wheel (``name==version``) into the folder. Raises NotHadError, also when it is not the locked file."""
    command = ["--no-deps", f"--platform=manylinux_2_28_{machine()}", "--dest", str(folder), wheel]
    _download(command, f"pip could not download {wheel}")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise NotHadError(f"pip gave {len(wheels)} wheels for {wheel}")
    found = _sha256(wheels[0])
    if sha256 is not None and found != sha256:
        raise NotHadError(f"{wheels[0].name} is not the locked file", f"sha256 {found}, locked {sha256}")
    return wheels[0]


def locked_wheels(requirements: Path, python: str, say: Callable[[str], None]) -> dict[str, Path]:
    """Every pinned library's wheel by its name, for that Python on this processor; downloaded once, then kept.

    The requirements must pin all there is to have, with hashes. Raises NotHadError.
    """
    text = requirements.read_text()
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    kept = cache_folder() / "wheels" / f"{key}-{python}-{machine()}"
    if not _sound(kept, text):
        count = len(_PINNED.findall(text))
        say(f"downloading {count} Python wheels")
        try:
            _fill(kept, requirements, python)
        except OSError as error:
            raise NotHadError(f"wheels cannot be kept in {kept.parent}", str(error)) from error
        if not _sound(kept, text):
            raise NotHadError(f"pip did not give the {count} wheels of {requirements.name}", _listed(kept))
    return {path.name: path for path in sorted(kept.glob("*.whl"))}


def _fill(kept: Path, requirements: Path, python: str) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    platforms = [f"--platform={name}_{machine()}" for name in _PLATFORMS]
    with tempfile.TemporaryDirectory(prefix=kept.name, dir=kept.parent) as folder:
        command = ["--no-deps", "--require-hashes", f"--python-version={python}", "--implementation=cp", *platforms]
        _download([*command, "--dest", folder, "--requirement", str(requirements)], "pip could not download the wheels")
        shutil.rmtree(kept, ignore_errors=True)
        # Another rig may have put the same wheels there meanwhile.
        with suppress(OSError):
            Path(folder).rename(kept)


def _sound(kept: Path, requirements: str) -> bool:
    """Whether all of them are there, each as it was locked."""
    locked = set(_HASH.findall(requirements))
    found = list(kept.glob("*.whl"))
    return len(found) == len(_PINNED.findall(requirements)) and all(_sha256(path) in locked for path in found)


def _listed(folder: Path) -> str:
    return ", ".join(path.name for path in sorted(folder.glob("*.whl"))) or "none came"


def _download(arguments: list[str], failure: str) -> None:
    common = ["download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    run_tool([*_pip(), *common, *arguments], _DEADLINE_S, failure, dict(os.environ))


def _pip() -> list[str]:
    """This environment's own, else the machine's. Raises NotHadError where there is neither."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise NotHadError("there is no pip to download it with")
    return [found]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
