"""The lock file: each component's image, its digest, its mirrors, and how to build it where none is to be had."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from sim.errors import BadInput
from sim.images.reference import REFERENCE
from sim.topology.marked_yaml import MarkedDocument, read_marked
from sim.topology.problems import Problem, refuse, suggest
from sim.verdict import Fidelity

LOCK_FILE = Path(__file__).with_name("lock.yaml")
RECIPES = Path(__file__).with_name("recipes")
_LARGEST_BYTES = 1_000_000

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Reference = Annotated[str, StringConstraints(pattern=REFERENCE)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
# Within the project, never out of it.
InnerPath = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(/[A-Za-z0-9_.-]*[A-Za-z0-9_-])+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BuildEntry(_Strict):
    """One local recipe.

    ``from`` says in words what it is made of. ``on_request`` is what ``--from-source`` must name for it to be built.
    ``files`` (below the package) join the recipe's own; what ``wheel`` or ``go_module`` gives joins them as ``put``.
    ``sources`` (files and folders of the package) join under their own paths, ``sim/…``. ``requirements`` is a file of
    the recipe that pins Python libraries by hash; their wheels for ``python`` join under ``wheels/``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    recipe: Name
    software: str
    fidelity: Fidelity
    made_from: str
    version: tuple[str, ...] = ()
    on_request: Name | None = None
    files: tuple[InnerPath, ...] = ()
    sources: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z_]+(/[a-z_]+)*(\.py)?$")], ...] = ()
    requirements: Annotated[str, StringConstraints(pattern=r"^[a-z-]+\.txt$")] | None = None
    python: Annotated[str, StringConstraints(pattern=r"^3\.[0-9]+$")] | None = None
    wheel: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*$")] | None = None
    wheel_sha256: Mapping[str, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]] = {}
    go_module: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(/[A-Za-z0-9._-]+)+@v[0-9A-Za-z.+-]+$")] | None
    ) = None
    go_ldflags: Annotated[str, StringConstraints(pattern=r"^-X [A-Za-z0-9./_-]+=[A-Za-z0-9.:_-]+$")] | None = None
    put: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from(cls, data: object) -> object:
        if isinstance(data, dict) and "from" in data:
            return {("made_from" if key == "from" else key): value for key, value in data.items()}
        return data

    @model_validator(mode="after")
    def _fetched_is_put(self) -> BuildEntry:
        if (self.put is None) != (self.wheel is None and self.go_module is None):
            raise ValueError("'put' names the file that 'wheel' or 'go_module' gives: give both or neither")
        if (self.python is None) != (self.requirements is None):
            raise ValueError("'python' is the version whose wheels 'requirements' asks for: give both or neither")
        return self


class Component(_Strict):
    """One thing to run. ``image`` None: it only ever is a local build. ``version`` is the command that tells it."""

    image: Reference | None = None
    section: str | None = None
    software: str
    digest: Digest | None = None
    mirrors: tuple[Reference, ...] = ()
    note: str = ""
    version: tuple[str, ...]
    optional: bool = False
    build: tuple[BuildEntry, ...] = ()

    @property
    def documented(self) -> str:
        """The document's own image, empty where it names none."""
        return self.image if self.image and self.section else ""

    @model_validator(mode="after")
    def _obtainable(self) -> Component:
        if self.image is None and (self.mirrors or self.digest):
            raise ValueError("'mirrors' and 'digest' are an image's: give 'image', too")
        if self.image is None and not self.build:
            raise ValueError("expected an 'image' or a 'build'")
        return self


class Lock(_Strict):
    """``schema`` is the file's format; it changes when a key changes its meaning."""

    schema_: Literal[1]
    base: Component
    components: Mapping[Name, Component]

    @model_validator(mode="before")
    @classmethod
    def _schema(cls, data: object) -> object:
        if isinstance(data, dict) and "schema" in data:
            return {("schema_" if key == "schema" else key): value for key, value in data.items()}
        return data

    @property
    def servers(self) -> tuple[str, ...]:
        """The components a stack needs."""
        return tuple(name for name, entry in self.components.items() if not entry.optional)

    def component(self, name: str) -> Component:
        """Raises BadInput for a name the lock does not have."""
        if name not in self.components:
            raise BadInput(f"No component {name!r} in the image lock{suggest(name, self.components)}")
        return self.components[name]


def load_lock(path: Path = LOCK_FILE) -> Lock:
    """Read and validate. Raises BadInput that names file, line and path."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise BadInput(f"{path} is too large for an image lock ({path.stat().st_size} bytes).")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The image lock {path} cannot be read.", evidence=str(error)) from error
    return parse_lock(text, str(path))


def parse_lock(text: str, source: str) -> Lock:
    """``source`` names the text in messages. Raises BadInput with every problem's line, column and path."""
    document = read_marked(text)
    if document.problems:
        refuse(source, text, document.problems)
    try:
        lock = Lock.model_validate(document.data, strict=False)
    except ValidationError as error:
        refuse(source, text, list(_problems(error, document)))
    unknown = list(_cross_checks(lock, document))
    if unknown:
        refuse(source, text, unknown)
    return lock


def _problems(error: ValidationError, document: MarkedDocument) -> Iterator[Problem]:
    for detail in error.errors():
        path = tuple({"schema_": "schema", "made_from": "from"}.get(str(p), p) for p in detail["loc"] if p != "[key]")
        spot = document.spot(path)
        unknown = detail["type"] == "extra_forbidden"
        message = "unknown key" if unknown else detail["msg"].removeprefix("Value error, ")
        if not unknown and detail["type"] not in {"missing", "value_error"}:
            message += f"; found {spot.written}"
        yield Problem(spot.key if unknown else spot.value, path, message)


def _cross_checks(lock: Lock, document: MarkedDocument) -> Iterator[Problem]:
    entries = {("base",): lock.base} | {("components", name): entry for name, entry in lock.components.items()}
    if len(lock.base.build) != 1:
        yield Problem(document.spot(("base",)).value, ("base", "build"), "expected one recipe for the base")
    for place, component in entries.items():
        for index, entry in enumerate(component.build):
            path = (*place, "build", index, "recipe")
            if not (RECIPES / entry.recipe / "Dockerfile").is_file():
                known = [folder.name for folder in RECIPES.iterdir() if folder.is_dir()]
                message = f"no recipe '{entry.recipe}'{suggest(entry.recipe, known)}"
                yield Problem(document.spot(path).value, path, message)


def with_digests(text: str, digests: Mapping[str, str]) -> str:
    """The lock's text with these components' digests (``base`` is the base's), every other character as it was.

    Raises BadInput for a component whose ``digest`` is not written: there is no place to put one.
    """
    document = read_marked(text)
    lines = text.splitlines(keepends=True)
    for name, digest in digests.items():
        path: tuple[str, ...] = ("base", "digest") if name == "base" else ("components", name, "digest")
        if path not in document.spots:
            raise BadInput(f"The image lock has no line for {'.'.join(path)}.", next_step=f"add digest: null to {name}")
        mark = document.spots[path].value
        line = lines[mark.line - 1]
        lines[mark.line - 1] = line[: mark.column - 1] + re.sub(r"^[^\s#]+", digest, line[mark.column - 1 :])
    return "".join(lines)
