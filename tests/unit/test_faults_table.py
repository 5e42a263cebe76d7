"""The table of faults: each can be asked for by name, and what makes no sense is refused in one message."""

from __future__ import annotations

import pytest

from sim.errors import BadInput
from sim.faults.table import FAULTS, Ask, budgets, made
from sim.history import Outcome
from tests.unit.staging import phases, platform_stage

_NODE, _OTHER = "rabbitmq-cluster-server-0", "rabbitmq-cluster-server-1"


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_asked_for_and_heals(name: str) -> None:
    """By its name and a target alone, with the options' defaults, on the modelled platform."""
    stage, platform = platform_stage()
    target = "zone-a" if FAULTS[name].of_zone else _NODE
    fault = made(Ask(name, (target,)), stage.plan, stage.topology, platform.processes.answers)
    with fault.inject(stage) as effective:
        assert effective, list(stage.history)
    assert {outcome for _, outcome in phases(stage)} == {Outcome.OK}
    assert platform.control.pledges == []


def test_all_pods_of_an_application_can_be_named_at_once() -> None:
    """The cluster's own name means its three nodes, which are frozen and thawed together."""
    stage, platform = platform_stage()
    fault = made(Ask("pause", ("rabbitmq-cluster",)), stage.plan, stage.topology, platform.processes.answers)
    with fault.inject(stage) as effective:
        assert effective
        assert not platform.broker.alive()
    assert len(platform.broker.alive()) == 3


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (Ask("partiton", (_NODE,)), "partition"),
        (Ask("pause", ("rediss",)), "redis"),
        (Ask("pause", (_NODE,), options={"percent": 5.0}), "--percent"),
        (Ask("bandwidth", (_NODE,), options={"delay_s": 5.0}), "--delay"),
        (Ask("pause", (_NODE,), against=(_OTHER,)), "--against"),
        (Ask("partition", (_NODE,), against=(_NODE,)), "both sides"),
        (Ask("partition", ("rabbitmq-cluster",), against=(_OTHER,)), "both sides"),
        (Ask("zone-loss", (_NODE,)), "zone-a"),
        (Ask("drain", ("zone-a", "zone-b")), "one zone"),
    ],
)
def test_what_makes_no_sense_is_refused(ask: Ask, said: str) -> None:
    """Unknown names with near ones, options that would change nothing, a server against itself."""
    stage, platform = platform_stage()
    with pytest.raises(BadInput) as refused:
        made(ask, stage.plan, stage.topology, platform.processes.answers)
    assert said in str(refused.value)


def test_nobody_left_to_be_cut_off_from_is_refused() -> None:
    """A partition needs another side."""
    stage, platform = platform_stage()
    everyone = tuple(server.name for server in stage.plan.servers)
    with pytest.raises(BadInput, match="Nobody is left"):
        made(Ask("partition", everyone), stage.plan, stage.topology, platform.processes.answers)


def test_budgets_are_those_of_the_document_by_application() -> None:
    """Section 12 shows one, of auth."""
    stage, _ = platform_stage()
    assert budgets(stage.topology) == {"auth-service": 2}
