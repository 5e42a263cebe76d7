"""From a document to an order: images at hand, plan made, budget checked; nothing started yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import RigError
from sim.images.model import ResolvedImage
from sim.plan.budget import budget, does_not_fit
from sim.plan.model import Plan, ServerKind
from sim.plan.mysql import server_flags
from sim.plan.pods import COMPONENTS, build_plan
from sim.topology.load import parse_topology, topology_text
from sim.topology.model import EnvironmentName, Topology
from sim.verdict import Fidelity

if TYPE_CHECKING:
    import docker

    from sim.runtime.stack import Order

Say = Callable[[str], None]
_ANY_SUBNET = "10.0.0.0/24"
_UNRESOLVED = {c: ResolvedImage(c, "", "", "", c, "0", Fidelity.DOCUMENTED) for c in COMPONENTS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked to have up. ``only`` are services or servers; ``kinds`` the kinds some scenarios need."""

    topology_path: Path | None = None
    environment: EnvironmentName = "development"
    only: tuple[str, ...] = ()
    kinds: frozenset[ServerKind] | None = None
    environment_limits: bool = False
    enforce_limits: bool = True
    name: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A topology as read: its text is kept with the stack and with every run."""

    text: str
    topology: Topology


def read_document(path: Path | None) -> Document:
    """Read and validate a topology. Raises BadInput before anything else happens."""
    text = topology_text(path)
    return Document(text, parse_topology(text, str(path) if path else "the packaged topology"))


def planner(document: Document, wanted: Wanted, images: Mapping[str, ResolvedImage]) -> Callable[[str], Plan]:
    """The plan for any subnet. Components without an image are those no wanted server runs."""
    known = {**_UNRESOLVED, **images}

    def plan_on(subnet: str) -> Plan:
        return build_plan(
            document.topology,
            wanted.environment,
            known,
            subnet,
            only=wanted.only,
            kinds=wanted.kinds,
            environment_limits=wanted.environment_limits,
        )

    return plan_on


def check_names(document: Document, wanted: Wanted) -> None:
    """Raises BadInput for a name the document does not have, before an engine is even looked for."""
    planner(document, wanted, {})(_ANY_SUBNET)


def prepare(client: docker.DockerClient, document: Document, wanted: Wanted, say: Say) -> Order:
    """Images, plan and budget. Raises BadInput for unknown names, RigError when an image or memory is lacking."""
    from sim.runtime.stack import Order  # noqa: PLC0415 - the engine's libraries load only when one is used

    images = images_for(document.topology, wanted, say)
    plan_on = planner(document, wanted, images)
    check_budget(client, plan_on(_ANY_SUBNET))
    return Order(wanted.name, document.text, plan_on, wanted.enforce_limits)


def images_for(topology: Topology, wanted: Wanted, say: Say, *, golden: bool = True) -> Mapping[str, ResolvedImage]:
    """Every image the wanted servers need, the databases' with an initialised data directory when ``golden``."""
    from sim.images.ensure import ensure_images  # noqa: PLC0415

    images = dict(ensure_images(_components(topology, wanted), say=say))
    if golden and "mysql" in images:
        from sim.images.golden import golden_mysql  # noqa: PLC0415

        flags = server_flags(images["mysql"], topology.database_server.args)
        images["mysql"] = golden_mysql(images["mysql"], flags, say)
    return images


def _components(topology: Topology, wanted: Wanted) -> Sequence[str]:
    """The plan decides which, drawn up once before any image is known."""
    plan = planner(Document("", topology), wanted, {})(_ANY_SUBNET)
    return (*sorted({server.kind for server in plan.servers}), "pause")


def check_budget(client: docker.DockerClient, plan: Plan) -> None:
    """Raises RigError with the table when the plan does not fit the host's free memory."""
    from sim.runtime.host import available_memory_bytes  # noqa: PLC0415

    available_bytes, cpus = available_memory_bytes(client)
    found = budget(plan, available_bytes, cpus)
    if not found.fits:
        raise RigError(
            does_not_fit(found),
            evidence="\n" + found.table(),
            next_step="sim up --only auth,orders for a part of it, or free some memory (sim sweep)",
        )
