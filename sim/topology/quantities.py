"""Kubernetes quantities as numbers: memory in bytes, CPU in cores, durations in seconds.

Source: Kubernetes "Resource units" (``Ki Mi Gi Ti``, ``m``) and Prometheus durations (``ms s m h d``).
"""

from __future__ import annotations

import re

_MEMORY_UNITS = {
    "": 1,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
}
_DURATION_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LOOKALIKES = {
    "KB": "Ki",
    "kB": "Ki",
    "MB": "Mi",
    "GB": "Gi",
    "TB": "Ti",
    "KiB": "Ki",
    "MiB": "Mi",
    "GiB": "Gi",
    "TiB": "Ti",
}


def parse_memory_bytes(value: object) -> int:
    """``512Mi`` → 536870912. Raises ValueError naming the unit meant when a look-alike (``512MB``) is given."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f"expected a memory quantity such as 512Mi or 2Gi, got {value!r}")
    number, unit = match.groups()
    if unit in _LOOKALIKES:
        raise ValueError(f"unknown memory unit {unit!r}: write {number}{_LOOKALIKES[unit]} for {value}")
    if unit not in _MEMORY_UNITS:
        raise ValueError(f"unknown memory unit {unit!r}: expected one of Ki, Mi, Gi, Ti")
    return int(float(number) * _MEMORY_UNITS[unit])


def parse_cpu_cores(value: object) -> float:
    """``500m`` → 0.5, ``2`` → 2.0. Raises ValueError otherwise."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f"expected a CPU quantity such as 500m or 2, got {value!r}")
    number, milli = match.groups()
    return float(number) / 1000 if milli else float(number)


def parse_duration_s(value: object) -> float:
    """``30s`` → 30.0, ``120h`` → 432000.0. A bare number is refused: its unit would be a guess."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError(f"expected a duration with its unit such as 30s, 5m or 120h, got {value!r}")
    number, unit = match.groups()
    return float(number) * _DURATION_UNITS_S[unit]


def format_memory(size_bytes: int) -> str:
    """The shortest exact Kubernetes spelling, ``536870912`` → ``512Mi``."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size_bytes and size_bytes % _MEMORY_UNITS[unit] == 0:
            return f"{size_bytes // _MEMORY_UNITS[unit]}{unit}"
    return str(size_bytes)


def format_cpu(cores: float) -> str:
    """``0.5`` → ``500m``, ``2.0`` → ``2``."""
    return f"{cores:g}" if float(cores).is_integer() else f"{round(cores * 1000)}m"


def format_duration(seconds: float) -> str:
    """The largest exact unit Prometheus reads, ``432000`` → ``5d``."""
    for unit in ("d", "h", "m", "s"):
        size_s = _DURATION_UNITS_S[unit]
        if seconds >= size_s and seconds % size_s == 0:
            return f"{int(seconds // size_s)}{unit}"
    return f"{round(seconds * 1000)}ms"
