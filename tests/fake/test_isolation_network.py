"""Every scenario of the network's wall end to end on modelled pods."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from scenarios.isolation import NETWORK
from scenarios.isolation.edges import SCENARIOS as EDGES
from scenarios.isolation.rooms import SCENARIOS as ROOMS
from sim.checks.edge_observations import CANARY
from sim.checks.edge_observations import EDGES as EDGES_OP
from sim.checks.under_policies import NAME
from sim.runtime.fake.platform import FakePlatform
from sim.scenario import Scenario
from sim.verdict import Status
from tests.fake.drill_rehearsal import Drill, Sabotage, judged, rehearse
from tests.fake.network_sabotages import SABOTAGES, nothing_in_force

BY_NAME: Mapping[str, Scenario] = {scenario.name: scenario for scenario in NETWORK}
NAMES = tuple(BY_NAME)
_SMALL = tuple(name for name in NAMES if not name.startswith("isolation/edges"))
_OF_STACK = tuple(s.name for s in EDGES if s.name in _SMALL)
_CONTROLLED = tuple(name for name in NAMES if name != "isolation/names-under-policies")
"""Names are asked for with and without the rule for them, which is their control."""
_REAL_TIME = 1.0


def _rehearse(name: str, spoil: Sabotage | None = None) -> Drill:
    return rehearse(BY_NAME[name], spoil, speed=_REAL_TIME)


@pytest.fixture(scope="module")
def drills() -> Mapping[str, Drill]:
    """Each scenario once on a network that does what the policies say."""
    return {name: _rehearse(name) for name in NAMES}


_every_scenario = pytest.mark.parametrize("name", NAMES)
_small_ones = pytest.mark.parametrize("name", _SMALL)


def test_claims_are_sentences_that_cite_a_source() -> None:
    """One claim each, and where it is from; thirty cases of semantics and the platform's own edges."""
    assert len(ROOMS) >= 30
    assert len(EDGES) >= 10
    assert all(s.claim.endswith(".") and s.section and s.source for s in NETWORK)


@_every_scenario
def test_policies_that_are_in_force_pass(name: str, drills: Mapping[str, Drill]) -> None:
    """Every edge as expected, none unprobed, some of them closed unless nothing is denied."""
    result = drills[name].result
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
    assert result.numbers["breaches"] == 0


@pytest.mark.parametrize("name", _CONTROLLED)
def test_the_control_was_seen_both_ways(name: str, drills: Mapping[str, Drill]) -> None:
    """Closed on purpose and opened again, and the evidence says so."""
    assert [o.detail["phase"] for o in drills[name].of(CANARY)] == ["closed", "open"]
    assert sum(line.startswith("control:") for line in drills[name].result.evidence) == 2


@pytest.mark.parametrize(("name", "spoil"), [(n, spoil) for n, many in SABOTAGES.items() for spoil in many])
def test_a_breach_fails_and_is_named(name: str, spoil: Sabotage) -> None:
    """What the policies close and is open, or the other way round, is the platform's failure, edge by edge."""
    result = _rehearse(name, spoil).result
    assert result.verdict is Status.FAIL, (result.reason, result.evidence[:5])
    assert result.evidence


def test_no_scenario_is_without_a_sabotage() -> None:
    """A scenario that nothing was seen to fail would be taken on trust."""
    assert set(SABOTAGES) == set(NAMES)


@_every_scenario
def test_an_empty_history_is_unknown(name: str) -> None:
    """Nothing observed proves nothing."""
    assert judged(BY_NAME[name], ()).verdict is Status.UNKNOWN


@_small_ones
def test_an_edge_that_was_not_probed_is_unknown(name: str, drills: Mapping[str, Drill]) -> None:
    """One pair of pods missing, first, middle or last, and the table is not whole."""
    seen = drills[name].observations
    pairs = [o for o in seen if o.op in {EDGES_OP, NAME}]
    for missing in (pairs[0], pairs[len(pairs) // 2], pairs[-1]):
        result = judged(BY_NAME[name], [o for o in seen if o is not missing])
        assert result.verdict is Status.UNKNOWN, missing


@_small_ones
@pytest.mark.parametrize("answered", [0, 3, 100])
def test_a_prober_that_dies_is_unknown(name: str, answered: int) -> None:
    """From the start, during the control, half-way: never a wall that stands."""

    def fell(platform: FakePlatform) -> None:
        platform.control.flaws.prober_lives = answered

    assert _rehearse(name, fell).result.verdict is Status.UNKNOWN


@pytest.mark.parametrize("name", sorted(set(_SMALL) & set(_CONTROLLED)))
@pytest.mark.parametrize("phase", ["open", "closed"])
def test_a_control_that_was_not_seen_makes_it_unknown(name: str, phase: str, drills: Mapping[str, Drill]) -> None:
    """A probe that saw only one of the two has shown nothing."""
    result = judged(BY_NAME[name], [o for o in drills[name].observations if o.detail.get("phase") != phase])
    assert result.verdict is Status.UNKNOWN
    assert phase in result.reason


def test_a_network_where_nothing_gets_through_is_unknown() -> None:
    """Silence everywhere is a broken network, not a perfect wall."""

    def cut(platform: FakePlatform) -> None:
        platform.control.flaws.replies_lost = True

    for name in ("isolation/policy-default-deny-both", "isolation/own-database-only"):
        assert _rehearse(name, cut).result.verdict is Status.UNKNOWN


@pytest.mark.parametrize("name", _OF_STACK)
def test_a_dead_target_is_down_not_blocked(name: str) -> None:
    """Every server killed: pods are there, nothing serves, and nobody is blamed."""

    def kill(platform: FakePlatform) -> None:
        for spec in platform.plan.servers:
            platform.control.kill(spec.name)

    result = _rehearse(name, kill).result
    assert result.verdict is Status.UNKNOWN
    assert "down" in result.reason


def test_a_paused_server_is_down_too() -> None:
    """Its port accepts and then says nothing."""
    result = _rehearse("isolation/cache-edges", lambda p: p.control.pause("redis")).result
    assert result.verdict is Status.UNKNOWN
    assert "silent" in result.reason


@pytest.mark.parametrize("name", _OF_STACK)
def test_without_policies_nothing_is_judged(name: str) -> None:
    """A stack raised with --no-policies is open by order, which tells nothing of the policies."""

    def off(platform: FakePlatform) -> None:
        platform.control.policies = None

    result = _rehearse(name, off).result
    assert result.verdict is Status.UNKNOWN
    assert "--no-policies" in result.reason


def test_policies_of_ones_own_are_judged_by_the_document() -> None:
    """An emptied folder of policies is enforced as it is, and fails."""

    def emptied(platform: FakePlatform) -> None:
        platform.control.policies = ()

    assert _rehearse("isolation/own-database-only", emptied).result.verdict is Status.FAIL


def test_a_breach_names_the_edge_and_the_side_that_should_have_held() -> None:
    """Source, target, protocol, port, direction."""
    result = _rehearse("isolation/cache-edges", nothing_in_force).result
    wanted = "e-commerce-dev/sav-service → e-commerce-dev/redis TCP 6379: denied by the policies (egress and ingress)"
    lines = "\n".join(result.evidence)
    assert "denied by the policies" in lines
    assert wanted.partition(":")[2][:24] in lines


@pytest.mark.parametrize("name", ["isolation/policy-expressions", "isolation/broker-ports"])
def test_the_stack_is_left_under_its_own_policies(name: str) -> None:
    """What was tried is gone."""
    drill = _rehearse(name)
    assert drill.platform.control.policies == drill.platform.plan.policies
