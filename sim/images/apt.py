"""Which Debian package mirror this machine uses, read from its own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_APT = Path("/etc/apt")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")
_OTHER_SUITE = re.compile(r"-(?:security|updates|backports|proposed)|/")


def debian_mirror(apt: Path = _APT) -> str:
    """The first http(s) mirror of Debian's main archive, without a trailing slash; empty where there is none.

    An Ubuntu or third-party archive is passed over: the recipes name Debian's suites.
    """
    for uri, suite, components in _entries(apt):
        if _is_debian(uri) and "main" in components and not _OTHER_SUITE.search(suite):
            return uri.rstrip("/")
    return ""


def _is_debian(uri: str) -> bool:
    """Mirrors keep the archive under ``…/debian``; only there are all of its suites."""
    return uri.startswith(("http://", "https://")) and uri.rstrip("/").endswith("/debian")


def _entries(apt: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]
    for path in lists:
        yield from _one_line(_lines(path))
    for path in sorted((apt / "sources.list.d").glob("*.sources")):
        yield from _deb822(_lines(path))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _one_line(lines: Iterable[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for line in lines:
        found = _ONE_LINE.match(line.partition("#")[0].strip())
        if found:
            yield found["uri"], found["suite"], tuple(found["components"].split())


def _deb822(lines: Iterable[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    stanza: dict[str, str] = {}
    key = ""
    for line in [*lines, ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            yield from _of_stanza(stanza)
            stanza, key = {}, ""
        elif line[0] in " \t":
            stanza[key] = f"{stanza.get(key, '')} {line.strip()}"
        else:
            name, _, value = line.partition(":")
            key = name.strip().lower()
            stanza[key] = value.strip()


def _of_stanza(stanza: dict[str, str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if "deb" not in stanza.get("types", "").split() or stanza.get("enabled", "yes").lower() == "no":
        return
    for uri in stanza.get("uris", "").split():
        for suite in stanza.get("suites", "").split():
            yield uri, suite, tuple(stanza.get("components", "").split())
