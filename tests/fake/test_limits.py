"""Every limits scenario end to end on the modelled platform; a server that needs more than it may is seen to die."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scenarios.limits import SCENARIOS
from sim.checks.limits import LIMITED
from sim.errors import RigError
from sim.history import Observation
from sim.judging import counts
from sim.scenario import Alone
from sim.verdict import Fidelity, Status
from tests.fake.platform_rehearsal import Scene

_BY_NAME = {scenario.name: replace(scenario, product_claim=False) for scenario in SCENARIOS}
"""Without the claim on the product: on these images of a model nothing else would be seen."""
_every_scenario = pytest.mark.parametrize("name", tuple(_BY_NAME))


@_every_scenario
def test_a_platform_that_fits_passes_and_is_as_it_was_before(name: str) -> None:
    """Three environments for each kind, none missed; limits are back and everything runs."""
    scene = Scene(_BY_NAME[name])
    before = {s.name: scene.platform.control.state(s.name) for s in scene.platform.plan.servers}
    result = scene.play()
    assert result.verdict is Status.PASS, (result.reason, result.evidence)
    tried = [o for o in scene.observations if o.op == LIMITED]
    assert len(tried) == 3 * (2 if name == "limits/services" else 1)
    for server, state in before.items():
        now = scene.platform.control.state(server)
        assert (now.state, now.memory_limit_bytes, now.cpu_limit_cores) == (
            "running",
            state.memory_limit_bytes,
            state.cpu_limit_cores,
        )


@_every_scenario
def test_a_server_that_needs_more_than_development_gives_is_seen_to_be_killed(name: str) -> None:
    """300 MiB under 256Mi: FAIL, by name and environment; the others' limits still hold."""
    scene = Scene(_BY_NAME[name])
    for server in scene.platform.plan.servers:
        scene.platform.processes[server.name].needs_bytes = 300 * 2**20
        scene.platform.processes[server.name].memory_limit_bytes = 2**30
    result = scene.play()
    assert result.verdict is Status.FAIL
    assert "under development's 256Mi" in result.reason
    assert "killed for want of memory" in result.reason
    assert not any("staging" in line and "killed" in line for line in result.evidence)


@_every_scenario
def test_a_server_that_never_serves_fails(name: str) -> None:
    """It runs, and nobody is answered within what a liveness probe allows."""
    scene = Scene(_BY_NAME[name])
    scene.platform.processes.boot_s = 1000.0
    result = scene.play()
    assert result.verdict is Status.FAIL
    assert "did not serve in time" in " ".join(result.evidence)


@_every_scenario
def test_limits_that_were_not_applied_prove_nothing(name: str) -> None:
    """An engine that ignores them leaves the claim open, with what it said."""
    scene = Scene(_BY_NAME[name])
    scene.platform.control.limit = lambda *_, **__: None  # type: ignore[method-assign]
    scene.platform.control.alone = _refused  # type: ignore[method-assign]
    result = scene.play()
    assert result.verdict is Status.UNKNOWN
    assert "not tried" in result.reason


@_every_scenario
def test_what_is_missing_or_spoiled_is_no_pass(name: str) -> None:
    """No history, an environment left out, nothing asked: UNKNOWN; stopped in the middle, answering little: FAIL."""
    scene = Scene(_BY_NAME[name])
    scene.play()
    seen = scene.observations
    assert scene.judged(()).verdict is Status.UNKNOWN
    assert scene.judged([o for o in seen if o.detail.get("environment") != "staging"]).verdict is Status.UNKNOWN

    def changed(**detail: object) -> list[Observation]:
        return [replace(o, detail={**o.detail, **detail}) if o.op == LIMITED else o for o in seen]

    assert scene.judged(changed(asked=0, answered=0)).verdict is Status.UNKNOWN
    assert scene.judged(changed(asked=10, answered=1)).verdict is Status.FAIL
    assert scene.judged(changed(state="exited", exit_code=1)).verdict is Status.FAIL
    assert scene.judged(changed(oom_killed=True)).verdict is Status.FAIL


_STOCK = "limits/mysql-stock"


@pytest.mark.parametrize(
    ("needed_mib", "contradiction"), [(300, "C5"), (600, ""), (100, "")], ids=["as known", "worse", "not at all"]
)
def test_only_what_the_document_is_known_to_contradict_itself_in_is_left_out(
    needed_mib: int, contradiction: str
) -> None:
    """Killed under development alone, as C5 says: a FAIL that does not count. Under staging, too: one that does."""
    scene = Scene(_BY_NAME[_STOCK])
    for server in scene.platform.plan.of_kind("mysql"):
        scene.platform.processes[server.name].needs_bytes = needed_mib * 2**20
        scene.platform.processes[server.name].memory_limit_bytes = 2**30
    result = scene.play()
    assert result.verdict is (Status.PASS if needed_mib < 256 else Status.FAIL)
    assert result.contradiction == contradiction
    assert counts(result, strict=False) is not bool(contradiction)
    assert counts(result, strict=True)


def test_a_death_of_another_kind_is_no_known_contradiction() -> None:
    """It ended by itself, or an environment was not tried: whatever it was, it counts."""
    scene = Scene(_BY_NAME[_STOCK])
    for server in scene.platform.plan.of_kind("mysql"):
        scene.platform.processes[server.name].needs_bytes = 300 * 2**20
        scene.platform.processes[server.name].memory_limit_bytes = 2**30
    assert scene.play().contradiction
    seen = scene.observations
    ended = [replace(o, detail={**o.detail, "oom_killed": False, "state": "exited"}) for o in seen]
    for other in (ended, [o for o in seen if o.detail.get("environment") != "staging"]):
        result = scene.judged(other)
        assert result.verdict is Status.FAIL
        assert not result.contradiction


def _refused(*_: object) -> Alone:
    raise RigError("The engine would not.")


def test_a_stand_in_proves_nothing_of_the_product() -> None:
    """How much memory other software needs says nothing of the documented one's."""
    scenario = next(s for s in SCENARIOS if s.name == "limits/object-store")
    scene = Scene(scenario)
    result = scene.play()
    stood_in = result.fidelity is Fidelity.STAND_IN
    assert result.verdict is (Status.UNKNOWN if stood_in else Status.PASS)
    assert result.product_claim
