"""A document held against the model: each of pydantic's complaints as a sentence at its place in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sim.topology.fields import Frozen
from sim.topology.marked_yaml import MarkedDocument, Spot
from sim.topology.model import Topology
from sim.topology.problems import Path, Problem, near, shown, suggest

_PATTERNS = {
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "lower-case letters, digits and inner dashes",
    r"^[a-z][a-z0-9_]*$": "lower-case letters, digits and underscores, a letter first",
    r"^\d{1,2}$": 'a section number in quotes, such as "5"',
}
# By pydantic's kind of error; the placeholders are its own context.
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping of keys to values",
    "float_type": "a number",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_attributes_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "string_too_long": "at most {max_length} characters",
    "string_type": "text",
    "too_short": "at least one entry",
    "tuple_type": "a list",
}


def fit_model(document: MarkedDocument) -> Topology | list[Problem]:
    """The topology, or everything about the document that does not fit the model."""
    try:
        return Topology.model_validate_json(json.dumps(document.data), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        return _problems(error, document)


def _problems(error: ValidationError, document: MarkedDocument) -> list[Problem]:
    details = error.errors(include_url=False)
    # A misspelt key is unknown under one name and missing under the other: one mistake, told once.
    misspelt = {
        (*detail["loc"][:-1], near(str(detail["loc"][-1]), _known_keys(detail["loc"][:-1])))
        for detail in details
        if detail["type"] == "extra_forbidden"
    }
    return [
        _problem(detail, document)
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in misspelt)
    ]


def _problem(detail: ErrorDetails, document: MarkedDocument) -> Problem:
    path: Path = detail["loc"]
    kind = detail["type"]
    if path[-1:] == ("[key]",):
        path = path[:-1]
        spot = document.spot(path)
        name = str(path[-1])
        return Problem(spot.key, path, f"unknown key {shown(name)}: {_expectation(detail)}{_guess(name, detail)}")
    spot = document.spot(path)
    if kind == "missing":
        return Problem(document.spot(path[:-1]).key, path[:-1], f"the key '{path[-1]}' is missing")
    if kind == "extra_forbidden":
        name = str(path[-1])
        return Problem(spot.key, path, f"unknown key {shown(name)}{suggest(name, _known_keys(path[:-1]))}")
    if path == ("schema",):
        return Problem(spot.value, path, f"this version reads schema 1, found {spot.written}")
    return Problem(spot.value, path, _sentence(detail, spot))


def _sentence(detail: ErrorDetails, spot: Spot) -> str:
    message = _expectation(detail)
    if detail["type"] == "literal_error":
        return f"{message}, found {spot.written}{_guess(spot.written, detail)}"
    if detail["type"] == "string_type" and spot.written not in {"a mapping", "a list", "nothing"}:
        return f"{message}, found {spot.written}; put it in quotes"
    if detail["type"] == "int_type" and spot.written.strip("'").isdigit():
        return f"{message}, found the text {spot.written}; take the quotes away"
    if detail["type"] == "value_error" and not message.startswith("expected"):
        return message
    return f"{message}, found {spot.written}"


def _expectation(detail: ErrorDetails) -> str:
    kind: str = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return f"expected {_PATTERNS.get(pattern, f'text of the form {pattern}')}"
    return f"expected {_EXPECTED.get(kind, 'another value').format_map(context)}"


def _guess(written: str, detail: ErrorDetails) -> str:
    """The literal that was probably meant, from pydantic's ``'a', 'b' or 'c'``."""
    guess = near(written.strip("'"), re.findall(r"'([^']*)'", str(detail["ctx"]["expected"])))
    return f"; did you mean '{guess}'?" if guess else ""


def _known_keys(path: Path) -> tuple[str, ...]:
    """The keys the model has at ``path``, as a file spells them."""
    annotation: Any = Topology
    for part in path:
        model = _model(annotation)
        if model is not None:
            annotation = next((f.annotation for n, f in model.model_fields.items() if (f.alias or n) == part), None)
        else:  # an entry of a list or a mapping: the element type is the last argument that is not an ellipsis
            annotation = next((a for a in reversed(get_args(annotation)) if a is not ...), None)
    model = _model(annotation)
    return tuple(f.alias or n for n, f in model.model_fields.items()) if model else ()


def _model(annotation: Any) -> type[Frozen] | None:
    """``annotation`` itself, or the model in ``Model | None``."""
    for candidate in (annotation, *(a for a in get_args(annotation) if type(None) in get_args(annotation))):
        if isinstance(candidate, type) and issubclass(candidate, Frozen):
            return candidate
    return None
