"""What a folder's kustomizations say about its files: which are resources, of which namespace, and which are not.

Only ``resources`` (with the older ``bases``, and ``components``), ``namespace``, ``commonLabels`` and ``labels`` with
``includeSelectors`` are interpreted. Each kustomization that no other refers to is one build, as ``kustomize build``
makes it: two overlays that put one base into two namespaces give its objects twice. What else could change pods or
policies, and files beside a kustomization that it does not list, are named in ``notes``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sim.policy.fields import Field
from sim.policy.files import Faults, read_documents
from sim.policy.manifests import read_labels
from sim.policy.syntax import dns_label_fault
from sim.topology.marked_yaml import Plain

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_REFERRING = ("resources", "bases", "components")
# Keys that leave selectors, labels, ports and rules as they are.
_HARMLESS = frozenset(
    {
        "apiVersion",
        "buildMetadata",
        "commonAnnotations",
        "commonLabels",
        "configMapGenerator",
        "generatorOptions",
        "images",
        "kind",
        "labels",
        "metadata",
        "namespace",
        "openapi",
        "secretGenerator",
        "sortOptions",
        *_REFERRING,
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read; ``namespace`` is what its objects are moved to, None for where they say.

    ``labels`` are put on its objects, on pods, and into selectors.
    """

    file: Path
    namespace: str | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Kustomization:
    file: Path
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)  # of other kustomizations
    inputs: set[Path] = field(default_factory=set)  # patches and what generators read: no resources


def sources_of(files: Sequence[Path], faults: Faults) -> tuple[list[Source], list[str]]:
    """``files`` and what their kustomizations refer to, each with its namespace; and the notes."""
    reader = _Reader(faults)
    for file in files:
        if file.name in NAMES:
            reader.read(file.parent.resolve(), file)
    known = reader.known
    referred = {folder for kustomization in known.values() for folder in kustomization.folders}
    sources: dict[Source, None] = {}
    for folder in known:
        if folder not in referred:
            sources.update(dict.fromkeys(_built(known, folder, None, {})))
    spoken_for = {source.file.resolve() for source in sources}
    spoken_for |= {file for kustomization in known.values() for file in kustomization.inputs}
    rest = [file for file in files if file.name not in NAMES and file.resolve() not in spoken_for]
    unlisted = [file for file in rest if file.parent.resolve() in known]
    sources.update(dict.fromkeys(Source(file) for file in rest if file not in unlisted))
    if unlisted:
        reader.notes.append(f"not listed in the kustomization beside it: {', '.join(map(faults.shown, unlisted))}")
    return list(sources), reader.notes


def _built(
    known: dict[Path, _Kustomization], folder: Path, namespace: str | None, labels: dict[str, str]
) -> Iterator[Source]:
    """Depth first; what is outside goes before what is inside. ``_Reader`` has refused what refers to itself."""
    kustomization = known[folder]
    outer, all_labels = namespace or kustomization.namespace, kustomization.labels | labels
    for inner in kustomization.folders:
        yield from _built(known, inner, outer, all_labels)
    yield from (Source(file, outer, tuple(sorted(all_labels.items()))) for file in kustomization.files)


class _Reader:
    """Follows references from one kustomization to the next, also out of the folder that was named."""

    def __init__(self, faults: Faults) -> None:
        self.known: dict[Path, _Kustomization] = {}
        self.notes: list[str] = []
        self._faults = faults
        self._open: list[Path] = []

    def read(self, folder: Path, file: Path) -> None:
        if folder in self.known:
            return
        kustomization = self.known[folder] = _Kustomization(file)
        self._open.append(folder)
        for document in read_documents(file, self._faults):
            root = Field(document.marked, (), document.marked.data)
            self._take(kustomization, folder, root)
            self._faults.add_document(file, "kustomization", document.marked.problems)
        self._open.pop()

    def _take(self, kustomization: _Kustomization, folder: Path, root: Field) -> None:
        members = root.mapping()
        kustomization.namespace = root.child("namespace").text(dns_label_fault)
        for key in _REFERRING:
            for entry in root.child(key).items():
                self._refer(kustomization, folder, entry)
        kustomization.labels = read_labels(root.child("commonLabels"))
        for entry in root.child("labels").items():
            if entry.child("includeSelectors").data is True:
                kustomization.labels |= read_labels(entry.child("pairs"))
            elif entry.child("includeTemplates").data is True:
                self.notes.append(f"{self._faults.shown(kustomization.file)}: labels of templates not interpreted")
        others = [member.data for key, member in members.items() if key not in _REFERRING]
        for text in _texts(others):
            path = _existing(folder, text.rpartition("=")[2])
            if path is not None and path.is_file():
                kustomization.inputs.add(path)
        uninterpreted = sorted(set(members) - _HARMLESS)
        if uninterpreted:
            self.notes.append(f"{self._faults.shown(kustomization.file)}: {', '.join(uninterpreted)} not interpreted")

    def _refer(self, kustomization: _Kustomization, folder: Path, entry: Field) -> None:
        text = entry.text()
        if text is None:
            return
        path = _existing(folder, text)
        if path is None and _is_remote(text):
            self.notes.append(f"{self._faults.shown(kustomization.file)}: {text} is remote, not fetched")
        elif path is None:
            entry.refuse(f"'{text}': no such file or folder")
        elif path.is_file():
            kustomization.files.append(path)
        elif path in self._open:
            entry.refuse(f"'{text}': refers back to itself")
        else:
            inner = next((path / name for name in NAMES if (path / name).is_file()), None)
            if inner is None:
                entry.refuse(f"'{text}': a folder without a kustomization.yaml")
                return
            self.read(path, inner)
            kustomization.folders.append(path)


def _existing(folder: Path, text: str) -> Path | None:
    try:
        path = (folder / text).resolve()
        return path if text and path.exists() else None
    except (OSError, ValueError, RuntimeError):  # longer than a path may be, a zero byte, a loop of links
        return None


def _is_remote(text: str) -> bool:
    return "://" in text or "?ref=" in text or text.startswith(("git@", "github.com/"))


def _texts(values: Iterable[Plain]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)
        elif isinstance(value, dict):
            yield from _texts(value.values())
