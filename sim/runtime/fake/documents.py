"""Configuration files as the modelled servers read them."""

from __future__ import annotations

import functools
from typing import Any

import yaml


@functools.lru_cache(maxsize=64)
def read_yaml(text: str) -> Any:
    """Replicas share one file, and so do the platforms of many tests: read once, and never changed by a reader."""
    return yaml.safe_load(text)
