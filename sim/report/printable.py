"""Text from servers and logs, made fit to show: no terminal escapes, no controls, nothing XML or UTF-8 cannot carry."""

from __future__ import annotations

import re

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u202a-\u202e\u2066-\u2069"  # direction overrides: they make a line read as another
    "\ud800-\udfff\ufffe\uffff]"  # what UTF-8 or XML cannot carry
)
_MARK = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """``text`` without colour codes, every other unfit character replaced by a visible mark."""
    return _UNFIT.sub(_MARK, _ESCAPE_SEQUENCE.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """``text`` fit to show, on one line."""
    return " ".join(printable(text).split())


def tail(text: str, lines: int, columns: int) -> str:
    """The last ``lines`` of a log, each at most ``columns`` long, saying what was left out."""
    kept = printable(text).rstrip("\n").split("\n")
    left_out = len(kept) - lines
    shown = [
        line if len(line) <= columns else f"{line[:columns]} … {len(line) - columns} more" for line in kept[-lines:]
    ]
    if left_out > 0:
        shown.insert(0, f"… {left_out} earlier lines are in the log file")
    return "\n".join(shown)
