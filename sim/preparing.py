"""From a document to an order: images at hand, plan made, budget checked; nothing started yet."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import BadInput, RigError
from sim.images.model import ResolvedImage
from sim.plan.budget import budget, does_not_fit
from sim.plan.model import Plan, ServerKind
from sim.plan.mysql import server_flags
from sim.plan.pods import COMPONENTS, build_plan
from sim.plan.services import given_images
from sim.policy.objects import NetworkPolicy
from sim.topology.load import parse_topology, topology_text
from sim.topology.model import EnvironmentName, Topology
from sim.topology.names import deployment_names
from sim.verdict import Fidelity

if TYPE_CHECKING:
    import docker

    from sim.runtime.stack import Order

Say = Callable[[str], None]
_ANY_SUBNET = "10.0.0.0/24"


def _unresolved(component: str, reference: str = "") -> ResolvedImage:
    return ResolvedImage(component, reference, reference, "", component, "0", Fidelity.DOCUMENTED)


_UNRESOLVED = {component: _unresolved(component) for component in COMPONENTS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked to have up.

    ``only`` are services or servers; ``kinds`` the kinds some scenarios need; ``images`` real images by deployment, in
    place of stand-ins and of what the document gives; ``policies`` network policies in place of the document's.
    """

    topology_path: Path | None = None
    environment: EnvironmentName = "development"
    only: tuple[str, ...] = ()
    kinds: frozenset[ServerKind] | None = None
    environment_limits: bool = False
    enforce_limits: bool = True
    enforce_policies: bool = True
    name: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[NetworkPolicy, ...] | None = None


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
    real = {name: _unresolved(name, image) for name, image in real_images(document.topology, wanted).items()}
    known = {**_UNRESOLVED, **real, **images}

    def plan_on(subnet: str) -> Plan:
        plan = build_plan(
            document.topology,
            wanted.environment,
            known,
            subnet,
            only=wanted.only,
            kinds=wanted.kinds,
            environment_limits=wanted.environment_limits,
        )
        return plan if wanted.policies is None else replace(plan, policies=wanted.policies)

    return plan_on


def real_images(topology: Topology, wanted: Wanted) -> Mapping[str, str]:
    """Deployment → reference. What the user gives goes before what the document gives."""
    return {**given_images(topology), **wanted.images}


def check_names(document: Document, wanted: Wanted) -> None:
    """Raises BadInput for a name the document does not have, before an engine is even looked for."""
    deployments = deployment_names(document.topology)
    for name in wanted.images:
        if name not in deployments:
            near = [d for d in deployments if name and name in d] or difflib.get_close_matches(name, deployments, n=3)
            raise BadInput(
                f"No service is called {name!r}.",
                next_step=f"did you mean {', '.join(near)}?" if near else f"one of {', '.join(deployments)}",
            )
    plan = planner(document, wanted, {})(_ANY_SUBNET)
    for name in sorted(wanted.images.keys() - {server.app for server in plan.servers}):
        raise BadInput(
            f"An image for {name} would change nothing: this stack does not run it.", next_step="leave it out"
        )


def prepare(client: docker.DockerClient, document: Document, wanted: Wanted, say: Say) -> Order:
    """Images, plan and budget. Raises BadInput for unknown names, RigError when an image or memory is lacking."""
    return order_of(document, wanted, prepare_images(client, document, wanted, say))


def prepare_images(
    client: docker.DockerClient, document: Document, wanted: Wanted, say: Say, *, stacks: int = 1
) -> Mapping[str, ResolvedImage]:
    """All images at hand, for that many stacks, which fit. Raises RigError when an image or memory is lacking."""
    images = {**images_for(document.topology, wanted, say), **_real(client, document.topology, wanted, say)}
    check_budget(client, planner(document, wanted, images)(_ANY_SUBNET), stacks)
    return images


def order_of(document: Document, wanted: Wanted, images: Mapping[str, ResolvedImage]) -> Order:
    """What is to be raised, from these images."""
    from sim.runtime.stack import Order  # noqa: PLC0415 - the engine's libraries load only when one is used

    plan_on = planner(document, wanted, images)
    return Order(wanted.name, document.text, plan_on, wanted.enforce_limits, wanted.enforce_policies)


def _real(client: docker.DockerClient, topology: Topology, wanted: Wanted, say: Say) -> Mapping[str, ResolvedImage]:
    """The real images of the services this stack runs. Raises RigError for one that cannot be had."""
    plan = planner(Document("", topology), wanted, {})(_ANY_SUBNET)
    running = {server.app for server in plan.servers}
    given = {name: image for name, image in real_images(topology, wanted).items() if name in running}
    if not given:
        return {}
    from sim.images.custom import resolve_custom  # noqa: PLC0415 - only for those who have real images

    return {name: resolve_custom(client, name, image, offline=False, say=say) for name, image in given.items()}


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
    needed = {server.image.component for server in plan.servers}
    return (*sorted(needed & set(COMPONENTS)), "pause", "network-tools")


def check_budget(client: docker.DockerClient, plan: Plan, stacks: int = 1) -> None:
    """Raises RigError with the table when so many stacks of the plan do not fit the host's free memory."""
    from sim.runtime.host import available_memory_bytes  # noqa: PLC0415

    available_bytes, cpus = available_memory_bytes(client)
    found = budget(plan, available_bytes, cpus, stacks)
    if not found.fits:
        less = "sim up --only auth,orders for a part of it" if stacks == 1 else "a smaller --jobs"
        raise RigError(
            does_not_fit(found),
            evidence="\n" + found.table(),
            next_step=f"{less}, or free some memory (sim sweep)",
        )
