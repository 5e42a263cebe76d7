"""Reads a topology file into the model, or says in one message what is wrong with it and where."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from sim.errors import BadInput
from sim.topology.model import Topology

PACKAGED = "ecommerce.yaml"


def topology_text(path: Path | None = None) -> str:
    """The file's text; the packaged platform when ``path`` is None."""
    if path is None:
        return resources.files("sim.topology").joinpath(PACKAGED).read_text(encoding="utf-8")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {error}") from error


def load_topology(path: Path | None = None) -> Topology:
    """The validated topology; the packaged platform when ``path`` is None. Raises BadInput."""
    return parse_topology(topology_text(path), PACKAGED if path is None else str(path))


def parse_topology(text: str, source: str) -> Topology:
    """``source`` is how messages name the file. Raises BadInput."""
    try:
        document = yaml.safe_load(text)
        return Topology.model_validate_json(json.dumps(document), strict=True, by_alias=True, by_name=False)
    except (yaml.YAMLError, ValidationError) as error:
        raise BadInput(f"{source}: {error}") from error
