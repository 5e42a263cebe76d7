"""Reads a topology file into the model, or says in one message what is wrong with it and where."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from sim.errors import BadInput
from sim.topology.marked_yaml import MarkedDocument, read_marked
from sim.topology.model import Topology
from sim.topology.problems import Mark, Problem, refuse
from sim.topology.references import reference_findings
from sim.topology.shape import fit_model

PACKAGED = "ecommerce.yaml"
MAX_FILE_BYTES = 2**20
_COPY_HINT = "start from a copy of the packaged sim/topology/ecommerce.yaml"


def load_topology(path: Path | None = None) -> Topology:
    """The validated topology; the packaged platform when ``path`` is None. Raises BadInput."""
    return parse_topology(topology_text(path), PACKAGED if path is None else str(path))


def topology_text(path: Path | None = None) -> str:
    """The file's text; the packaged platform's when ``path`` is None. Raises BadInput."""
    if path is None:
        return resources.files("sim.topology").joinpath(PACKAGED).read_text(encoding="utf-8")
    try:
        # A device or a pipe has no size to check first, so at most one byte more than allowed is read.
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file.", next_step=_COPY_HINT) from error
    except IsADirectoryError as error:
        raise BadInput(f"{path}: is a directory; expected a topology file.", next_step=_COPY_HINT) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    return _decode(content, str(path))


def parse_topology(text: str, source: str) -> Topology:
    """``source`` is how messages name the file. Raises BadInput."""
    document = read_marked(text)
    problems = document.problems or _kind_problems(document)
    if problems:
        refuse(source, text, problems)
    shaped = fit_model(document)
    if isinstance(shaped, list):
        refuse(source, text, shaped)
    dangling = [
        Problem(spot.key if finding.at_key else spot.value, finding.path, finding.message)
        for finding in reference_findings(shaped)
        for spot in [document.spot(finding.path)]
    ]
    if dangling:
        refuse(source, text, dangling)
    return shaped


def _decode(content: bytes, source: str) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise BadInput(f"{source}: larger than {MAX_FILE_BYTES // 2**20} MiB; expected a topology file.")
    if b"\0" in content:
        at = content.index(b"\0")
        raise BadInput(f"{source}: a binary file (a zero byte at offset {at}); expected YAML text.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - (before.rfind(b"\n") + 1) + 1
        found = f"not UTF-8 text (byte 0x{content[error.start]:02x})"
        raise BadInput(f"{source}:{line}:{column}: {found}; expected YAML text in UTF-8.") from error


def _kind_problems(document: MarkedDocument) -> list[Problem]:
    if isinstance(document.data, dict):
        return []
    if document.data is None:
        return [Problem(Mark(1, 1), (), "the file is empty: expected a topology, starting with 'schema: 1'")]
    spot = document.spot(())
    return [Problem(spot.value, (), f"expected a mapping of keys to values, found {spot.written}")]
