"""Measured costs of requests: what each component's processors spent on each kind of visit, and where and when."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sim.errors import BadInput
from sim.record import plain, read_text

SCHEMA = 1
DEFAULT_FILE = "measured.json"
_AGAIN = "sim capacity --calibrate measures anew"


@dataclass(frozen=True, slots=True)
class Visit:
    """One kind of visit: its weight in the mix, its requests, the pauses between them; then what one request costs.

    ``cpu_s`` by deployment, the mean of this visit's requests, work done later included. ``machine_cpu_s`` is what all
    of them and the generator beside them spent on it.
    """

    weight: float
    requests: float
    think_s: float
    sampled: int
    cpu_s: Mapping[str, float]
    machine_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Of the whole mix at the low rate of the measurement, in seconds."""

    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """``idle_cores`` and ``memory_bytes`` by deployment, of one pod at rest; ``fidelity`` by component."""

    measured_at: str
    host: str
    cores: int
    environment: str
    fidelity: Mapping[str, str]
    rate_per_s: float
    latency: Latency
    visits: Mapping[str, Visit]
    idle_cores: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    machine_idle_cores: float = 0.0
    notes: tuple[str, ...] = ()
    schema: int = field(default=SCHEMA)

    @property
    def requests_per_visit(self) -> float:
        weights = sum(v.weight for v in self.visits.values())
        return sum(v.weight * v.requests for v in self.visits.values()) / weights

    @property
    def think_s_per_request(self) -> float:
        """The pause that comes before a request, on average over the mix."""
        weights = sum(v.weight for v in self.visits.values())
        return sum(v.weight * v.think_s for v in self.visits.values()) / weights / self.requests_per_visit

    def shares(self) -> Mapping[str, float]:
        """Of all requests, how many belong to each kind of visit."""
        requests = {name: v.weight * v.requests for name, v in self.visits.items()}
        return {name: count / sum(requests.values()) for name, count in requests.items()}

    def cpu_s(self) -> Mapping[str, float]:
        """What one request of the mix costs each deployment."""
        spent: dict[str, float] = {}
        for name, share in self.shares().items():
            for deployment, cpu_s in self.visits[name].cpu_s.items():
                spent[deployment] = spent.get(deployment, 0.0) + share * cpu_s
        return spent

    def machine_cpu_s(self) -> float:
        return sum(share * self.visits[name].machine_cpu_s for name, share in self.shares().items())

    def to_json(self) -> str:
        return json.dumps(plain(self), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def parse_calibration(text: str, source: str) -> Calibration:
    """Raises BadInput naming ``source`` and what is wrong with it."""
    try:
        found = _adapter().validate_json(text)
    except (ValidationError, RecursionError) as error:
        raise BadInput(f"{source}: no calibration ({_first_problem(error)}).", next_step=_AGAIN) from error
    if found.schema != SCHEMA:
        raise BadInput(f"{source}: its schema is {found.schema}; this sim reads {SCHEMA}.", next_step=_AGAIN)
    wrong = _nonsense(found)
    if wrong:
        raise BadInput(f"{source}: no calibration ({wrong}).", next_step=_AGAIN)
    return found


def _first_problem(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".lstrip(": ")


def _nonsense(found: Calibration) -> str:
    if not found.visits or not any(v.weight > 0 for v in found.visits.values()):
        return "no visits with a weight"
    for name, visit in found.visits.items():
        if visit.requests < 1 or visit.weight < 0 or visit.think_s < 0:
            return f"visits.{name}: requests, weight or think_s below what is possible"
        if any(not 0 <= cost < 3600 for cost in visit.cpu_s.values()):
            return f"visits.{name}.cpu_s: a cost that none can be"
    return "" if any(found.cpu_s().values()) else "nothing costs anything"


def read_calibration(path: Path) -> Calibration:
    return parse_calibration(read_text(path), str(path))


def default_calibration() -> Calibration:
    """The one that comes with sim, measured on the stand-ins; its host and date are in it."""
    text = resources.files("sim.capacity").joinpath(DEFAULT_FILE).read_text(encoding="utf-8")
    return parse_calibration(text, DEFAULT_FILE)


@functools.cache
def _adapter() -> TypeAdapter[Calibration]:
    return TypeAdapter(Calibration)
