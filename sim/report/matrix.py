"""The isolation matrix: who may log in where, by the document, and what each server answered.

Read from ``login`` observations with ``detail`` ``{"user", "owner", "code"}``: ``owner`` says that the document lets
the user in, ``code`` is the server's answer, 0 for yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sim.history import Observation
from sim.report.svg import box, clipped, drawing, element, text

LOGIN = "login"
REFUSALS = frozenset({"1044", "1045", "1130", "1142", "1227", "1698"})
"""MySQL's ways of refusing an account, a host or a schema; anything else is no answer to the question asked."""

_CELL_WIDTH = 66.0
_CELL_HEIGHT = 34.0
_LABEL_WIDTH = 150.0
_HEADER_HEIGHT = 40.0
_SYMBOLS = {"as-documented": "✓", "breach": "✗", "unknown": "?"}
_MEANINGS = {"as-documented": "as documented", "breach": "not as documented", "unknown": "no answer that tells"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One user on one server. ``state`` is ``as-documented``, ``breach`` or ``unknown``."""

    user: str
    server: str
    owner: bool
    code: str

    @property
    def state(self) -> str:
        if self.code == "0":
            return "as-documented" if self.owner else "breach"
        if self.code in REFUSALS:
            return "breach" if self.owner else "as-documented"
        return "unknown"

    def __str__(self) -> str:
        expected = "let in" if self.owner else "refused"
        seen = "let in" if self.code == "0" else f"answered {self.code or 'nothing'}"
        return f"{self.user} on {self.server}: documented {expected}, {seen}"


def cells(observations: Iterable[Observation]) -> dict[tuple[str, str], Cell]:
    """The worst answer for each pair, a breach before an unknown before the documented one."""
    badness = {"as-documented": 0, "unknown": 1, "breach": 2}
    table: dict[tuple[str, str], Cell] = {}
    for observation in observations:
        if observation.op == LOGIN and {"user", "owner"} <= observation.detail.keys():
            detail = observation.detail
            cell = Cell(
                str(detail["user"]), observation.target, bool(detail["owner"]), str(detail.get("code", "")).strip()
            )
            known = table.get((cell.user, cell.server))
            if known is None or badness[cell.state] > badness[known.state]:
                table[cell.user, cell.server] = cell
    return table


def isolation_matrix(table: dict[tuple[str, str], Cell]) -> Markup:
    """Users down, servers across; an outlined cell is one the document lets in."""
    users = list(dict.fromkeys(user for user, _ in table))
    servers = list(dict.fromkeys(server for _, server in table))
    suffix = common_suffix(servers)
    parts = [
        text(
            _LABEL_WIDTH + (column + 0.5) * _CELL_WIDTH,
            _HEADER_HEIGHT - 10,
            clipped(server.removesuffix(suffix), 12),
            "label",
            "middle",
        )
        for column, server in enumerate(servers)
    ]
    if suffix:
        parts.append(text(_LABEL_WIDTH + 4, 12, f"on <name>{suffix}", "label quiet"))
    for row, user in enumerate(users):
        y = _HEADER_HEIGHT + row * _CELL_HEIGHT
        parts.append(text(_LABEL_WIDTH - 10, y + _CELL_HEIGHT / 2 + 4, clipped(user, 22), "label", "end"))
        for column, server in enumerate(servers):
            parts.append(_drawn(table.get((user, server)), _LABEL_WIDTH + column * _CELL_WIDTH, y, user, server))
    return drawing(
        _LABEL_WIDTH + len(servers) * _CELL_WIDTH + 4,
        _HEADER_HEIGHT + len(users) * _CELL_HEIGHT + 4,
        summary(table),
        *parts,
    )


def summary(table: dict[tuple[str, str], Cell]) -> str:
    """The matrix in a sentence or a few."""
    breaches = [cell for cell in table.values() if cell.state == "breach"]
    unknowns = sum(cell.state == "unknown" for cell in table.values())
    said = f"{len(table) - len(breaches) - unknowns} of {len(table)} pairs answered as documented"
    said += f", {unknowns} gave no answer that tells" if unknowns else ""
    named = "; ".join(str(cell) for cell in breaches[:5])
    return f"{said}. Not as documented: {named}." if breaches else f"{said}."


def common_suffix(names: Sequence[str]) -> str:
    """What all names end in, from a hyphen on: it is said once instead of in every heading."""
    if len(names) < 2:
        return ""
    parts = [name.split("-") for name in names]
    shared = 0
    while all(len(p) > shared + 1 and p[-shared - 1] == parts[0][-shared - 1] for p in parts):
        shared += 1
    return "-" + "-".join(parts[0][-shared:]) if shared else ""


def _drawn(cell: Cell | None, x: float, y: float, user: str, server: str) -> Markup:
    if cell is None:
        title = f"{user} on {server}: not tried"
        return element("g", box(x + 2, y + 2, _CELL_WIDTH - 4, _CELL_HEIGHT - 4, "cell untried", title=title, radius=4))
    classes = f"cell {cell.state}{' owner' if cell.owner else ''}"
    return element(
        "g",
        element("title", f"{cell} ({_MEANINGS[cell.state]})"),
        box(x + 2, y + 2, _CELL_WIDTH - 4, _CELL_HEIGHT - 4, classes, radius=4),
        text(x + _CELL_WIDTH / 2, y + 17, _SYMBOLS[cell.state], f"glyph {cell.state}", "middle"),
        text(x + _CELL_WIDTH / 2, y + 27, clipped(cell.code or "-", 8), "code", "middle"),
    )
