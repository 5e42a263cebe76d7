"""Libraries of the services' image: pinned, taken as they were locked or not at all, and kept."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from sim.images import recipe
from sim.images.candidate import candidates
from sim.images.lock import RECIPES, load_lock
from sim.images.recipe import recipe_files
from sim.images.resolution import NotHadError
from sim.images.wheels import locked_wheels

WHEEL = "thing-1.0-py3-none-any.whl"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds one wheel, and nothing else in the world; the user's cache is empty."""
    folder = tmp_path / "shop"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("thing.py", "VALUE = 1\n")
        wheel.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        wheel.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("thing-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def _requirements(shop: Path, sha256: str | None = None) -> Path:
    path = shop.parent / "requirements.txt"
    digest = sha256 or hashlib.sha256((shop / WHEEL).read_bytes()).hexdigest()
    path.write_text(f"thing==1.0 \\\n    --hash=sha256:{digest}\n")
    return path


def test_wheels_are_downloaded_once_and_kept(shop: Path) -> None:
    """The second time nobody is asked: the place they came from may be gone."""
    requirements, said = _requirements(shop), list[str]()
    first = locked_wheels(requirements, "3.13", said.append)
    (shop / WHEEL).unlink()
    assert locked_wheels(requirements, "3.13", said.append) == first
    assert list(first) == [WHEEL]
    assert said == ["downloading 1 Python wheels"]


def test_altered_wheel_in_the_cache_is_downloaded_anew(shop: Path) -> None:
    """What is kept is checked against the lock each time, so a damaged file never reaches an image."""
    requirements = _requirements(shop)
    kept = locked_wheels(requirements, "3.13", print)[WHEEL]
    sound = kept.read_bytes()
    kept.write_bytes(sound + b"x")
    assert locked_wheels(requirements, "3.13", print)[WHEEL].read_bytes() == sound


def test_wheel_that_is_not_the_locked_one_is_refused(shop: Path) -> None:
    """Another file under the same name and version does not get in, and is not kept."""
    requirements = _requirements(shop, "0" * 64)
    for _ in range(2):
        with pytest.raises(NotHadError, match="pip could not download the wheels") as caught:
            locked_wheels(requirements, "3.13", print)
        assert "hash" in caught.value.evidence.lower()


def test_no_way_to_a_wheel_tells_what_pip_said(shop: Path) -> None:
    """Without network: what was wanted, and pip's own last words as evidence."""
    requirements = _requirements(shop)
    (shop / WHEEL).unlink()
    with pytest.raises(NotHadError) as caught:
        locked_wheels(requirements, "3.13", print)
    assert "thing==1.0" in caught.value.evidence


def test_every_library_of_the_services_is_pinned_by_hash() -> None:
    """One version each, and at least one locked file."""
    text = (RECIPES / "service" / "requirements.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 10
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[0-9][^ ]* \\\n(\s+--hash=sha256:[0-9a-f]{64}( \\)?\n)+$", entry), entry


def test_service_image_is_made_of_the_services_and_nothing_else_of_the_project() -> None:
    """Code, migrations and the version; no compiled leftovers of this machine."""
    [build] = load_lock().component("service").build
    ours = {name for name in recipe_files(build) if name.startswith("sim/")}
    assert {"sim/__init__.py", "sim/services/__init__.py", "sim/services/contract/events.py"} <= ours
    assert any(name.endswith(".sql") for name in ours)
    assert all(name == "sim/__init__.py" or name.startswith("sim/services/") for name in ours)
    assert not [name for name in ours if "__pycache__" in name]


def test_service_image_is_another_when_a_service_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of a handler or of a migration makes a new key; the interpreter's leftovers do not."""
    package = tmp_path / "sim"
    (package / "services" / "orders").mkdir(parents=True)
    for name in ("__init__.py", "services/__init__.py", "services/orders/service.py"):
        (package / name).write_text("")
    monkeypatch.setattr(recipe, "_PACKAGE", package)

    def name() -> str:
        return candidates(load_lock(), "service")[0].name

    before = name()
    (package / "services" / "__pycache__").mkdir()
    (package / "services" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert name() == before
    (package / "services" / "orders" / "service.py").write_text("CHANGED = True\n")
    assert name() != before
