"""What is wrong with a topology file: where, what was expected, what was found; told as one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from sim.errors import BadInput

Path = tuple[str | int, ...]

_LISTED_PROBLEMS = 10
_EXCERPT_WIDTH = 100
_SHOWN_WIDTH = 60


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file, counted from one as editors do."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    mark: Mark
    path: Path
    message: str


def spell_path(path: Path) -> str:
    """``("broker", "exchanges", 1, "type")`` → ``broker.exchanges[1].type``."""
    spelled = ""
    for part in path:
        spelled += f"[{part}]" if isinstance(part, int) else f".{shown(part, quoted=False)}"
    return spelled.removeprefix(".")


def shown(text: str, *, quoted: bool = True, width: int = _SHOWN_WIDTH) -> str:
    """``text`` as a message may show it: on one line, and not all of a very long one."""
    flat = " ".join(text.split())
    clipped = flat if len(flat) <= width else f"{flat[:width]}…"
    return f"'{clipped}'" if quoted else clipped


def near(name: str, options: Iterable[str]) -> str | None:
    """The option ``name`` was probably meant to be: the same but for case and dashes, else the closest spelling."""
    known = list(options)
    bare = {_bare(option): option for option in known}
    if _bare(name) in bare:
        return bare[_bare(name)]
    matches = difflib.get_close_matches(name[:_EXCERPT_WIDTH], known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def suggest(name: str, options: Iterable[str]) -> str:
    """``; did you mean 'auth'?``, or else what there is to choose from."""
    known = list(options)
    guess = near(name, known)
    if guess is not None:
        return f"; did you mean '{guess}'?"
    return f"; known: {', '.join(known)}" if known else "; there are none"


def refuse(source: str, text: str, problems: Sequence[Problem]) -> NoReturn:
    """Raises BadInput with the first problem in full, the next few as a list, and the number of the rest."""
    first, *others = sorted(problems, key=lambda problem: problem.mark)
    lines = [_spell(source, first), *_excerpt(text, first.mark)]
    if others:
        lines.append(f"{len(others)} more problem{'s' if len(others) > 1 else ''}:")
        lines += [f"  {_spell(source, problem)}" for problem in others[:_LISTED_PROBLEMS]]
    if len(others) > _LISTED_PROBLEMS:
        lines.append(f"  and {len(others) - _LISTED_PROBLEMS} not listed")
    raise BadInput("\n".join(lines))


def _spell(source: str, problem: Problem) -> str:
    where = f"{source}:{problem.mark.line}:{problem.mark.column}: "
    return f"{where}{spell_path(problem.path)}: {problem.message}" if problem.path else f"{where}{problem.message}"


def _excerpt(text: str, mark: Mark) -> tuple[str, ...]:
    lines = text.splitlines()
    if not 1 <= mark.line <= len(lines):
        return ()
    start = max(0, mark.column - 1 - _EXCERPT_WIDTH // 2) if mark.column > _EXCERPT_WIDTH else 0
    line = "".join(c if c.isprintable() else " " for c in lines[mark.line - 1][start : start + _EXCERPT_WIDTH])
    number = str(mark.line)
    return (f"  {number} | {line}", f"  {' ' * len(number)} | {' ' * (mark.column - 1 - start)}^")


def _bare(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
