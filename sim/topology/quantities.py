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
# What people write for each unit, in lower case. Decimal and binary units differ by 2 to 10 %: none is taken silently.
_LOOKALIKES = {
    "b": "",
    "kb": "Ki",
    "mb": "Mi",
    "gb": "Gi",
    "tb": "Ti",
    "kib": "Ki",
    "mib": "Mi",
    "gib": "Gi",
    "tib": "Ti",
    "ki": "Ki",
    "mi": "Mi",
    "gi": "Gi",
    "ti": "Ti",
    "m": "Mi",
    "g": "Gi",
    "t": "Ti",
}
# Bounded, so that no run of digits becomes an infinity.
_NUMBER = r"[0-9]{1,15}(?:[.][0-9]{1,15})?"
_MAX_MEMORY_BYTES = 2**50
_MAX_CPU_CORES = 4096


def parse_memory_bytes(value: object) -> int:
    """``512Mi`` → 536870912. Raises ValueError naming the unit meant when a look-alike (``512MB``) is given."""
    match = re.fullmatch(rf"({_NUMBER})([A-Za-z]*)", _text(value))
    if match is None:
        raise ValueError("expected a memory quantity such as 512Mi or 2Gi")
    number, unit = match.groups()
    meant = _LOOKALIKES.get(unit.lower())
    if unit not in _MEMORY_UNITS:
        if meant is not None:
            raise ValueError(f"unknown memory unit '{unit}': write {number}{meant} for {number}{unit}")
        raise ValueError(f"unknown memory unit '{unit[:10]}': expected one of Ki, Mi, Gi, Ti")
    size_bytes = int(float(number) * _MEMORY_UNITS[unit])
    if not 0 < size_bytes <= _MAX_MEMORY_BYTES:
        raise ValueError("expected a memory quantity between 1 byte and 1024Ti")
    return size_bytes


def parse_cpu_cores(value: object) -> float:
    """``500m`` → 0.5, ``2`` → 2.0. Raises ValueError otherwise."""
    match = re.fullmatch(rf"({_NUMBER})(m?)", _text(value))
    if match is None:
        raise ValueError("expected a CPU quantity such as 500m or 2")
    number, milli = match.groups()
    cores = float(number) / 1000 if milli else float(number)
    if not 0.001 <= cores <= _MAX_CPU_CORES:
        raise ValueError(f"expected a CPU quantity between 1m and {_MAX_CPU_CORES}")
    return cores


def parse_duration_s(value: object) -> float:
    """``30s`` → 30.0, ``120h`` → 432000.0. A bare number is refused: its unit would be a guess."""
    match = re.fullmatch(rf"({_NUMBER})(ms|s|m|h|d)", _text(value))
    if match is None:
        raise ValueError("expected a duration with its unit such as 30s, 5m or 120h")
    number, unit = match.groups()
    return float(number) * _DURATION_UNITS_S[unit]


def _text(value: object) -> str:
    """Numbers as written, anything else that is not text as what no quantity matches."""
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""


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
