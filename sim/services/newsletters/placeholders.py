"""``{{name}}`` in templates: which variables a text asks for, and the text with their values."""

from __future__ import annotations

import html as markup
import re
from collections.abc import Mapping
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{\{([a-z][a-z0-9_]{0,39})\}\}")
_BRACES: Final = re.compile(r"\{\{|\}\}")
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f]+")


class InvalidPlaceholder(Exception):  # noqa: N818 - a state of a text somebody typed
    """Double braces that are no variable; ``near`` is the text around the first of them."""

    def __init__(self, near: str) -> None:
        super().__init__(near)
        self.near = near


def variables_of(text: str) -> frozenset[str]:
    """Raises InvalidPlaceholder where braces make no variable: ``{{ name }}``, ``{{Name}}``, ``{{name``."""
    found = frozenset(_PLACEHOLDER.findall(text))
    rest = _PLACEHOLDER.sub(lambda match: " " * len(match[0]), text)
    stray = _BRACES.search(rest)
    if stray:
        raise InvalidPlaceholder(text[max(0, stray.start() - 10) : stray.end() + 20])
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """Values go in as they are, once: a value that looks like a variable stays as it is. Unknown ones: empty."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), text)


def filled_line(text: str, values: Mapping[str, str]) -> str:
    """For a heading: no value can break the line and begin another heading."""
    return _BREAKS.sub(" ", filled(text, values)).strip()


def filled_html(text: str, values: Mapping[str, str]) -> str:
    """No value can become markup."""
    return filled(text, {name: markup.escape(value) for name, value in values.items()})
