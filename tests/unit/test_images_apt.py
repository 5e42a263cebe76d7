"""Which package mirror the local builds use."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.images.apt import debian_mirror


def _apt(folder: Path, **files: str) -> Path:
    (folder / "sources.list.d").mkdir()
    for name, text in files.items():
        place = folder / "sources.list" if name == "list" else folder / "sources.list.d" / name.replace("_", ".")
        place.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "mirror"),
    [
        ({"list": "deb http://mirror.example/debian/ bookworm main\n"}, "http://mirror.example/debian"),
        ({"list": "# deb http://old.example/debian stable main\n"}, ""),
        (
            {"list": "deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian trixie main contrib # ours\n"},
            "https://m.example/debian",
        ),
        ({"list": "deb http://s.example/debian-security bookworm-security main\n"}, ""),
        ({"list": "deb http://m.example/debian bookworm-updates main\n"}, ""),
        ({"list": "deb http://archive.ubuntu.com/ubuntu noble main\n"}, ""),
        (
            {"list": "deb cdrom:[Debian]/ bookworm main\ndeb-src http://m.example/debian bookworm main\n"},
            "",
        ),
        ({"list": "deb http://third.example/debian ./\n"}, ""),
        (
            {
                "debian_sources": "Types: deb\n# a comment\nURIs: http://m.example/debian\n"
                "Suites: bookworm bookworm-updates\nComponents: main\n"
            },
            "http://m.example/debian",
        ),
        (
            {"a_sources": "Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: sid\nComponents: main\n"},
            "",
        ),
        (
            {
                "a_sources": "Types: deb-src deb\nURIs:\n http://one.example/debian\n http://two.example/debian\n"
                "Suites: sid\nComponents: main\n"
            },
            "http://one.example/debian",
        ),
        ({}, ""),
    ],
)
def test_mirror_is_the_machines_own(files: dict[str, str], mirror: str, tmp_path: Path) -> None:
    """Both of apt's formats are read; only an archive that has Debian's main suites will do."""
    assert debian_mirror(_apt(tmp_path, **files)) == mirror


def test_unreadable_configuration_means_debians_own(tmp_path: Path) -> None:
    """A machine without apt names none: the base image's own is used then."""
    assert debian_mirror(tmp_path / "none") == ""
