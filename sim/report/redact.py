"""Secrets never reach a run's folder: every text that goes there passes here first.

The values are an argument and are kept nowhere.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from markupsafe import escape

MARK = "[redacted]"

MIN_LENGTH = 4
"""Shorter values are no secrets: replacing every ``a`` would hide the log and protect nothing."""

_PIECE_BYTES = 8 * 2**20

T = TypeVar("T")


def redact(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret replaced, also where it is escaped (URL, JSON, HTML) or in base64."""
    pattern = _pattern(secrets)
    return pattern.sub(MARK, text) if pattern else text


def redact_value(value: T, secrets: Iterable[str]) -> T:
    """A frozen value (dataclass, mapping, tuple, string) with every string in it redacted."""
    pattern = _pattern(secrets)
    return _walk(value, pattern) if pattern else value


def redact_file(path: Path, secrets: Iterable[str]) -> bool:
    """Rewrite a file line by line without its secrets, and say whether it had any; the last line of defence."""
    spellings = _spellings(secrets)
    if not spellings or not path.exists() or not _holds(path, spellings):
        return False
    pattern = _pattern_of(spellings)
    clean = path.with_name(f".{path.name}.clean")
    with (
        path.open(encoding="utf-8", errors="surrogateescape") as lines,
        clean.open("w", encoding="utf-8", errors="surrogateescape") as kept,
    ):
        kept.writelines(pattern.sub(MARK, line) for line in lines)
    os.replace(clean, path)  # noqa: PTH105 - its atomicity is the point
    return True


def _holds(path: Path, spellings: Iterable[str]) -> bool:
    """Plain searches in large pieces: for a history of a million lines five times as fast as one pattern."""
    wanted = [spelling.encode("utf-8", "surrogateescape") for spelling in spellings]
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            whole_lines = piece + file.readline()
            if any(spelling in whole_lines for spelling in wanted):
                return True
    return False


def _pattern(secrets: Iterable[str]) -> re.Pattern[str] | None:
    spellings = _spellings(secrets)
    return _pattern_of(spellings) if spellings else None


def _pattern_of(spellings: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join(re.escape(s) for s in longest_first))


def _spellings(secrets: Iterable[str]) -> frozenset[str]:
    spellings: set[str] = set()
    for secret in secrets:
        if len(secret) >= MIN_LENGTH:
            raw = secret.encode("utf-8", "surrogateescape")
            spellings |= {secret, quote(raw, safe=""), _base64(raw), html.escape(secret), str(escape(secret))}
            spellings |= {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return frozenset(spellings)


def _base64(raw: bytes) -> str:
    """Without its padding, so that it is found whatever follows."""
    return base64.b64encode(raw).decode("ascii").rstrip("=")


def _walk(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        # An enum's member is a string of ours, never a secret.
        return pattern.sub(MARK, value) if type(value) is str else value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _walk(getattr(value, f.name), pattern) for f in fields(value)})
    if isinstance(value, dict):
        return {_walk(key, pattern): _walk(item, pattern) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_walk(item, pattern) for item in value)
    return value
