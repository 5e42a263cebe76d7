"""More pods of one Deployment: alike, each with a name and an address nobody else has."""

from __future__ import annotations

import ipaddress

import pytest

from sim.errors import RigError
from sim.plan.pods import build_plan
from sim.plan.replicas import pods_of, with_replicas
from sim.runtime.fake.images import fake_images
from sim.topology.load import load_topology

_TOPOLOGY = load_topology()
_PLAN = build_plan(_TOPOLOGY, "development", fake_images(_TOPOLOGY), "192.0.2.0/24")
_APP = "products-service"


def test_more_pods_are_like_the_first_but_for_name_and_address() -> None:
    """The Service's names lead to all of them, a pod's own name to it alone."""
    pods = pods_of(with_replicas(_PLAN, _APP, 4), _APP)
    first, *more = pods
    assert [pod.name for pod in more] == [f"{_APP}-{n}" for n in (1, 2, 3)]
    for number, pod in enumerate(more, start=1):
        assert (pod.image, pod.environment, pod.kind, pod.after) == (
            first.image,
            first.environment,
            first.kind,
            first.after,
        )
        own = [a for a in pod.aliases if a not in first.aliases]
        assert own == [f"{_APP}-{number}.{_APP}.{first.namespace}.svc.cluster.local"]
        assert len(pod.aliases) == len(first.aliases)


def test_addresses_are_of_the_network_and_nobody_elses() -> None:
    """Whoever is there keeps theirs."""
    plan = with_replicas(_PLAN, _APP, 12)
    addresses = [server.address for server in plan.servers]
    assert len(set(addresses)) == len(addresses) == len(_PLAN.servers) + 11
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network(plan.subnet) for a in addresses)
    assert plan.servers[: len(_PLAN.servers)] == _PLAN.servers


def test_pods_that_are_there_are_not_taken_away() -> None:
    """Fewer than there are change nothing."""
    assert with_replicas(_PLAN, _APP, 0) == _PLAN


def test_a_full_network_and_an_unknown_deployment_are_refused() -> None:
    """One has no room, the other nothing to be like."""
    with pytest.raises(RigError, match="no address left"):
        with_replicas(_PLAN, _APP, 400)
    with pytest.raises(KeyError):
        with_replicas(_PLAN, "nobody", 2)
