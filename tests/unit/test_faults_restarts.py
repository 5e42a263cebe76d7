"""Restart, crash loop, rolling changes, drain, zone loss, and faults composed and timed."""

from __future__ import annotations

import pytest

from sim.errors import RigError
from sim.faults.crash_loop import CrashLoop
from sim.faults.drain import EVICTION, Drain
from sim.faults.pause import Pause
from sim.faults.restart import Restart
from sim.faults.rolling import ROLLED, Rolling
from sim.faults.together import Timed, Together, course
from sim.faults.zone_loss import ZoneLoss
from sim.history import Outcome
from sim.plan.zones import zones
from tests.unit.staging import StubbornControl, phases, platform_stage, stage

_NODES = tuple(f"rabbitmq-cluster-server-{n}" for n in range(3))
_OK = [("inject", Outcome.OK), ("heal", Outcome.OK)]


def _serving(_: str) -> bool:
    return True


def test_a_restart_is_seen_by_when_the_server_started() -> None:
    """Same server, later start; one that did not start anew had no restart."""
    played = stage(StubbornControl())
    with Restart("redis", lambda: True).inject(played) as effective:
        assert effective
    assert phases(played) == _OK
    played = stage(StubbornControl(ignores=frozenset({"stop", "start"})))
    with Restart("redis", lambda: True).inject(played) as effective:
        assert not effective


def test_a_crash_loop_turns_until_it_is_healed() -> None:
    """At least two deaths inside, none afterwards, and the record counts them."""
    played, platform = platform_stage()
    deaths: list[str] = []
    platform.processes.died.append(deaths.append)
    with CrashLoop("redis", lambda: platform.processes.answers("redis")).inject(played) as effective:
        assert effective
    assert len(deaths) >= 2
    assert platform.processes.answers("redis")
    assert list(played.history)[-1].detail["crashes"] == len(deaths)
    assert phases(played) == _OK


def test_a_crash_loop_without_deaths_is_on_record_as_failed() -> None:
    """An engine that refuses to kill makes no loop."""
    played = stage(StubbornControl(refuses=frozenset({"kill"})))
    with CrashLoop("redis", lambda: True).inject(played) as effective:
        assert not effective
    assert phases(played)[0] == ("inject", Outcome.FAILED)


def test_a_rolling_restart_has_one_server_away_at_a_time() -> None:
    """The next goes only when the last serves again and the gate says yes."""
    played, platform = platform_stage()
    away: list[int] = []
    platform.processes.died.append(lambda _: away.append(sum(not platform.processes.answers(n) for n in _NODES)))
    asked: list[str] = []

    def may_stop(node: str) -> bool:
        asked.append(node)
        return asked.count(node) > 1

    with Rolling(_NODES, platform.processes.answers, may_stop).inject(played) as effective:
        assert effective
    assert away == [1, 1, 1]
    assert [o.target for o in played.history if o.op == ROLLED] == list(_NODES)
    assert all(asked.count(node) == 2 for node in _NODES)


def test_a_gate_that_never_opens_stops_the_roll() -> None:
    """Without its yes nothing is restarted, and the record says what was waited for."""
    played, _ = platform_stage()
    with Rolling(_NODES, _serving, lambda _: False, deadline_s=1.0).inject(played) as effective:
        assert not effective
    assert "may be stopped" in next(o for o in played.history if o.op == "fault").detail["evidence"]


def test_a_rolling_image_change_goes_back_to_the_plans_image() -> None:
    """Another digest on every server inside, the plan's afterwards."""
    played, platform = platform_stage()
    before = {node: platform.control.state(node).image_digest for node in _NODES}
    with Rolling(_NODES, platform.processes.answers, change_image=True).inject(played) as effective:
        assert effective
        assert all(platform.control.state(node).image_digest != before[node] for node in _NODES)
    assert {node: platform.control.state(node).image_digest for node in _NODES} == before
    assert phases(played) == _OK


def test_a_drain_stops_where_a_budget_forbids_it() -> None:
    """The pod whose application would fall below its budget stays; the others go; all serve afterwards."""
    played, platform = platform_stage()
    pods = ("auth-service-0", "redis", "products-service-0")
    names = [s.name for s in played.plan.servers if s.app in {"auth-service", "redis", "products-service"}]
    assert names, pods
    budget = {"auth-service": 2}
    with Drain("node-1", tuple(names), budget, platform.processes.answers).inject(played) as effective:
        assert effective
        states = {name: platform.control.state(name).state for name in names}
    auth = next(name for name in names if name.startswith("auth"))
    assert states == {name: "running" if name == auth else "exited" for name in names}
    refused = [o for o in played.history if o.op == EVICTION and o.outcome is Outcome.FAILED]
    assert [(o.target, o.detail["available"], o.detail["least"]) for o in refused] == [(auth, 1, 2)]
    assert all(platform.processes.answers(name) for name in names)


def test_a_drain_of_nothing_had_no_effect() -> None:
    """A node without pods proves nothing about drains."""
    played, _ = platform_stage()
    with Drain("node-1", (), {}, _serving).inject(played) as effective:
        assert not effective


def test_zones_keep_replicas_apart_and_lose_all_their_pods_at_once() -> None:
    """Each broker in a zone of its own; every pod in exactly one; a lost zone is wholly down and comes wholly back."""
    played, platform = platform_stage()
    found = zones(played.plan, played.topology.spread)
    where = {server: zone for zone, servers in found.items() for server in servers}
    assert sorted(where) == sorted(s.name for s in played.plan.servers)
    assert len({where[node] for node in _NODES}) == 3
    zone = where[_NODES[0]]
    with ZoneLoss(zone, found[zone], platform.processes.answers).inject(played) as effective:
        assert effective
        assert not any(platform.processes.answers(server) for server in found[zone])
        assert all(platform.processes.answers(s) for s in where if where[s] != zone)
    assert all(platform.processes.answers(server) for server in where)


def test_an_unspread_platform_has_one_zone() -> None:
    """No documented spread, no zones to lose."""
    played, _ = platform_stage()
    spread = played.topology.spread.model_copy(update={"over_zones": False})
    assert [len(servers) for servers in zones(played.plan, spread).values()] == [len(played.plan.servers)]


def test_composed_faults_heal_together_also_when_one_refuses() -> None:
    """All are in force inside; one without effect makes the whole without effect; every one is healed."""
    control = StubbornControl()
    played = stage(control)
    with Together((Pause("redis"), Pause("minio"))).inject(played) as effective:
        assert effective
        assert {control.state(name).state for name in ("redis", "minio")} == {"paused"}
    assert {control.state(name).state for name in ("redis", "minio")} == {"running"}
    played = stage(StubbornControl(refuses=frozenset({"pause"})))
    with Together((Pause("redis"), Pause("minio"))).inject(played) as effective:
        assert not effective


def test_a_healing_that_fails_is_raised_when_all_were_tried() -> None:
    """One server that stays frozen does not keep the other so."""
    control = StubbornControl()
    unpause = control.unpause

    def stubborn(server: str) -> None:
        if server != "redis":
            unpause(server)

    control.unpause = stubborn  # type: ignore[method-assign]
    with pytest.raises(RigError, match="redis"), Together((Pause("redis"), Pause("minio"))).inject(stage(control)):
        pass
    assert control.state("minio").state == "running"


def test_timed_faults_come_and_go_in_their_time() -> None:
    """Each from its time for its time, as the record's times say; the course says when it is over."""
    played = stage(StubbornControl())
    with course(played, [Timed(Pause("redis"), 1.0, 2.0), Timed(Pause("minio"), 2.0, 3.0)]) as done:
        assert done.wait(5)
    times = {(o.target, o.detail["phase"]): o.t_s for o in played.history}
    assert times["redis", "inject"] >= 1.0
    assert times["redis", "heal"] >= 3.0
    assert times["minio", "heal"] >= 5.0
    assert times["minio", "inject"] < times["redis", "heal"]


def test_leaving_a_course_heals_what_is_in_force_and_drops_what_is_to_come() -> None:
    """Nothing stays, nothing starts any more."""
    control = StubbornControl()
    played = stage(control)
    timed = [Timed(Pause("redis"), 0.0, 1e6), Timed(Pause("minio"), 1e6, 1.0)]

    def cut_short() -> None:
        with course(played, timed):
            while control.state("redis").state != "paused":
                played.clock.sleep_s(0.1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cut_short()
    assert control.state("redis").state == "running"
    assert {o.target for o in played.history} == {"redis"}
