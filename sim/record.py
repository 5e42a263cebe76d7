"""One run as it is kept: where it ran, which images stood in, what was claimed and what came of it.

``record.json`` is a contract: fields may be added, none is renamed without a new ``SCHEMA``. The same record always
gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Self

from pydantic import TypeAdapter, ValidationError

from sim.errors import BadInput
from sim.images.model import ResolvedImage
from sim.plan.model import Departure
from sim.topology.model import Contradiction
from sim.verdict import Fidelity, Status

SCHEMA = 1
RECORD_FILE = "record.json"
HISTORY_FILE = "history.jsonl"
TOPOLOGY_FILE = "topology.yaml"

_RUN_AGAIN = "run the scenarios again; a record is never edited by hand"


@dataclass(frozen=True, slots=True)
class Host:
    """The machine and engine that ran the stack."""

    cpus: int
    memory_bytes: int
    kernel: str
    engine: str
    python: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image: what the document names, what ran, how near the one is to the other. ``used`` is the reference run."""

    component: str
    documented: str
    used: str
    digest: str
    fidelity: Fidelity
    software: str = ""
    version: str = ""
    reason: str = ""

    @classmethod
    def of(cls, image: ResolvedImage) -> Self:
        return cls(
            component=image.component,
            documented=image.documented,
            used=image.reference,
            digest=image.digest,
            fidelity=image.fidelity,
            software=image.software,
            version=image.version,
            reason=image.reason,
        )

    def resolved(self) -> ResolvedImage:
        """The image again, as a judge is shown it."""
        return ResolvedImage(
            component=self.component,
            documented=self.documented,
            reference=self.used,
            digest=self.digest,
            software=self.software,
            version=self.version,
            fidelity=self.fidelity,
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server of a stack. ``ports`` are its published loopback ports by name; ``ready_at_s`` counts from start.

    ``stack`` is told where a run had several, of which each has a server of that name.
    """

    name: str
    kind: str
    namespace: str
    app: str
    state: str
    address: str
    ports: Mapping[str, int]
    fidelity: Fidelity
    section: str
    ready_at_s: float | None = None
    stack: str = ""


@dataclass(frozen=True, slots=True)
class StartupSpan:
    """When a server was created, started and ready, in seconds since the start-up began; None when it never was.

    ``stack`` is told where a run had several; each counts from its own beginning.
    """

    server: str
    create_s: float
    start_s: float | None = None
    ready_s: float | None = None
    stack: str = ""


@dataclass(frozen=True, slots=True)
class ContradictionRow:
    """Where the document contradicts itself or today's software, what was taken, and what was seen of it."""

    id: str
    what: str
    default: str
    section: str
    evidence: tuple[str, ...] = ()

    @classmethod
    def of(cls, contradiction: Contradiction, *evidence: str) -> Self:
        return cls(contradiction.id, contradiction.what, contradiction.default, contradiction.section, evidence)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """One claim, judged. ``began_s`` and ``ended_s`` are the first and last observation, since the run began.

    ``stack`` is where it was rehearsed, told where a run had several. ``contradiction`` is the document's own
    that a FAIL bears out, and all that went wrong.
    """

    name: str
    claim: str
    section: str
    verdict: Status
    fidelity: Fidelity
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[str, ...] = ()
    beyond_fidelity: bool = False
    contradiction: str = ""
    product_claim: bool = False
    needs: tuple[str, ...] = ()
    source: str = ""
    observations: int = 0
    began_s: float = 0.0
    ended_s: float = 0.0
    stack: str = ""

    @property
    def group(self) -> str:
        return self.name.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Record:
    """One run. ``durations`` are seconds by phase (``images_s``, ``up_s``, ``scenarios_s``, ``down_s``).

    ``stack`` is where it was rehearsed; of several, the first, and ``stacks`` are all of them.
    """

    run_id: str
    started_at: str
    environment: str
    seed: int
    runtime: str
    host: Host
    images: tuple[ImageRow, ...]
    scenarios: tuple[ScenarioResult, ...]
    verdict: Status
    strict: bool = False
    stack: str = ""
    stacks: tuple[str, ...] = ()
    platform: str = ""
    version: str = ""
    servers: tuple[ServerRow, ...] = ()
    timeline: tuple[StartupSpan, ...] = ()
    departures: tuple[Departure, ...] = ()
    contradictions: tuple[ContradictionRow, ...] = ()
    failed_logs: tuple[str, ...] = ()
    durations: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """The contract's document: sorted keys, two spaces, a newline at the end."""
        document = {"schema": SCHEMA, **plain(self)}
        return json.dumps(document, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """A record, or any part of one, as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def parse_record(text: str, source: str) -> Record:
    """Read a record. Raises BadInput naming ``source`` and what is wrong with it."""
    try:
        raw = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{source}: not a JSON document ({error}).", next_step=_RUN_AGAIN) from error
    if not isinstance(raw, dict) or "schema" not in raw:
        raise BadInput(f'{source}: not a record of a run (no "schema").', next_step=_RUN_AGAIN)
    schema = raw["schema"]
    if schema != SCHEMA:
        newer = isinstance(schema, int) and schema > SCHEMA
        raise BadInput(
            f"{source}: its schema is {schema!r}; this sim reads schema {SCHEMA}.",
            next_step="read it with the newer sim that wrote it" if newer else _RUN_AGAIN,
        )
    try:
        return _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        raise BadInput(f"{source}: not a record of a run ({_first_problem(error)}).", next_step=_RUN_AGAIN) from error


def read_record(path: Path) -> Record:
    """Read a record file. Raises BadInput naming the file when it is missing, unreadable or not a record."""
    return parse_record(read_text(path), str(path))


def read_text(path: Path) -> str:
    """A run's file as text. Raises BadInput when there is none, or when it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BadInput(
            f"{path} does not exist.", next_step="give a folder that `sim run` wrote, such as reports/latest"
        ) from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text (byte {error.start}).", next_step=_RUN_AGAIN) from error


@functools.cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problems[0]["loc"]).lstrip(".")
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{where}: {problems[0]['msg']}{more}"
