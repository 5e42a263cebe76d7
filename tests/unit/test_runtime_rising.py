"""Bringing servers up, on an engine that is a table and a clock that nobody waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from sim.errors import NotReady, RigError
from sim.plan.model import Plan, ServerSpec
from sim.runtime.rising import CREATORS, Phase, Probe, Riser
from sim.scenario import ServerState
from tests.unit.plan_sample import plan, server


class VirtualClock:
    """Seconds pass when someone sleeps; the creating threads get a moment of the real ones."""

    def __init__(self) -> None:
        self._now_s = 1000.0

    def now_s(self) -> float:
        return self._now_s

    def sleep_s(self, seconds: float) -> None:
        self._now_s += seconds
        time.sleep(0.0005)


@dataclass
class Yard:
    """An engine in memory. ``ready_after_s`` counts from a server's creation; missing means never."""

    clock: VirtualClock
    ready_after_s: Mapping[str, float] = field(default_factory=dict)
    on_create: Callable[[ServerSpec], None] = lambda _: None
    exits: dict[str, ServerState] = field(default_factory=dict)
    created: dict[str, float] = field(default_factory=dict)
    finished: list[str] = field(default_factory=list)
    told: list[tuple[str, Phase]] = field(default_factory=list)

    def create(self, server: ServerSpec) -> None:
        self.on_create(server)
        self.created[server.name] = self.clock.now_s()

    def states(self) -> Mapping[str, str]:
        return {name: self.state(name).state for name in list(self.created)}

    def state(self, server: str) -> ServerState:
        return self.exits.get(server, ServerState("running"))

    def logs(self, server: str, tail: int | str = "all") -> str:
        assert isinstance(tail, int)
        return "".join(f"{server} line {n}\n" for n in range(100))

    def probe_of(self, server: ServerSpec) -> Probe:
        def probe() -> str | None:
            age_s = self.clock.now_s() - self.created[server.name]
            return None if age_s >= self.ready_after_s.get(server.name, float("inf")) else "connection refused"

        return probe

    def server(self, name: str, phase: Phase, elapsed_s: float) -> None:
        assert elapsed_s >= 0
        self.told.append((name, phase))

    def finish(self, server: ServerSpec) -> None:
        self.finished.append(server.name)

    def riser(self) -> Riser:
        return Riser(self, self.clock, self.probe_of, self.finish, self)


def _stack(*servers: ServerSpec) -> Plan:
    return replace(plan(only=("redis",)), servers=servers)


def _yard(**ready_after_s: float) -> Yard:
    return Yard(VirtualClock(), ready_after_s)


def test_all_come_up_and_spans_tell_when() -> None:
    """One span a server, in the plan's order: created, started, ready, never backwards."""
    yard = _yard(a=3.0, b=1.0)
    spans = yard.riser().rise(_stack(server("a"), server("b")))
    assert [s.server for s in spans] == ["a", "b"]
    assert all(0 <= s.create_s <= s.start_s <= s.ready_s for s in spans)
    assert 3.0 <= spans[0].ready_s < 4.0
    assert 1.0 <= spans[1].ready_s < 2.0
    assert yard.finished == ["b", "a"]


def test_progress_is_told_in_order_for_each() -> None:
    """Creating, starting, ready."""
    yard = _yard(a=0.5)
    yard.riser().rise(_stack(server("a")))
    assert yard.told == [("a", "creating"), ("a", "starting"), ("a", "ready")]


def test_a_server_waits_for_what_it_starts_after() -> None:
    """Created once all of those are ready, not merely created."""
    yard = _yard(sink=5.0, other=2.0, alerts=1.0)
    spans = yard.riser().rise(_stack(server("sink"), server("other"), server("alerts", "sink", "other")))
    by_name = {s.server: s for s in spans}
    assert by_name["alerts"].create_s >= by_name["sink"].ready_s
    assert by_name["alerts"].ready_s >= 6.0


def test_no_more_are_created_at_once_than_the_engine_takes_well() -> None:
    """Bounded, however many there are."""
    lock, now, most = threading.Lock(), 0, 0

    def count(_: ServerSpec) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    names = [f"s{n}" for n in range(12)]
    yard = Yard(VirtualClock(), dict.fromkeys(names, 0.0), count)
    yard.riser().rise(_stack(*(server(n) for n in names)))
    assert most == CREATORS


def test_the_first_failure_cancels_what_was_not_created() -> None:
    """The error is the engine's own words, and siblings still in the queue never start."""
    release = threading.Event()

    def break_first(spec: ServerSpec) -> None:
        if spec.name == "s0":
            raise RigError("s0 could not be created.", evidence="no space left on device")
        release.wait(0.2)

    names = [f"s{n}" for n in range(20)]
    yard = Yard(VirtualClock(), dict.fromkeys(names, 0.0), break_first)
    with pytest.raises(RigError, match="s0 could not be created"):
        yard.riser().rise(_stack(*(server(n) for n in names)))
    assert len(yard.created) <= 2 * CREATORS
    assert ("s0", "failed") in yard.told
    assert not any(thread.name.startswith("create") for thread in threading.enumerate()), "nobody creates any more"


def test_a_dependent_of_a_failed_server_is_never_created() -> None:
    """What cannot start is not started."""

    def fail(spec: ServerSpec) -> None:
        raise RigError(f"{spec.name} could not be created.")

    yard = Yard(VirtualClock(), {}, fail)
    with pytest.raises(RigError, match="base"):
        yard.riser().rise(_stack(server("base"), server("top", "base")))
    assert ("top", "creating") not in yard.told


def test_a_server_that_exits_is_told_at_once() -> None:
    """Not at its deadline: exit code, log tail and the probe's last evidence are there within seconds."""
    yard = _yard(good=0.5)
    yard.exits["bad"] = ServerState("exited", exit_code=1)
    with pytest.raises(NotReady) as caught:
        yard.riser().rise(_stack(server("good"), server("bad", ready_timeout_s=120.0)))
    error = caught.value
    assert (error.server, error.state) == ("bad", "exited, code 1")
    assert error.waited_s < 3
    assert "connection refused" in error.evidence
    assert "bad line 99" in error.evidence
    assert "bad line 50" not in error.evidence, "a tail, not the whole log"
    assert "sim logs bad" in error.next_step


def test_a_server_killed_for_want_of_memory_is_told_so() -> None:
    """With the limit it had, which is what there is to change."""
    yard = _yard()
    yard.exits["big"] = ServerState("exited", exit_code=137, oom_killed=True)
    spec = server("big")
    with pytest.raises(NotReady) as caught:
        yard.riser().rise(_stack(replace(spec, limits=replace(spec.limits, memory_bytes=256))))
    assert "OOM" in caught.value.state
    assert "256 bytes" in caught.value.next_step


def test_a_container_removed_behind_our_back_is_a_failure() -> None:
    """Somebody's ``docker rm`` is not waited for."""
    yard = _yard()
    yard.exits["gone"] = ServerState("missing")
    with pytest.raises(NotReady, match="missing"):
        yard.riser().rise(_stack(server("gone")))


def test_the_deadline_says_how_long_it_was() -> None:
    """The server's own time to be ready, counted from its start."""
    yard = _yard()
    with pytest.raises(NotReady, match=r"slow not ready after 7 s \(running\)") as caught:
        yard.riser().rise(_stack(server("slow", ready_timeout_s=7.0)))
    assert 7.0 < caught.value.waited_s < 7.5
    assert ("slow", "failed") in yard.told


def test_an_engine_that_dies_is_told() -> None:
    """The rig's own trouble ends the rise as what it is."""
    yard = _yard(a=5.0)

    def gone() -> Mapping[str, str]:
        raise RigError("The engine does not answer.")

    yard.states = gone  # type: ignore[method-assign]
    with pytest.raises(RigError, match="engine does not answer"):
        yard.riser().rise(_stack(server("a")))


def test_a_failing_set_up_ends_the_rise() -> None:
    """A bucket that cannot be made leaves the store not as documented: it is not ready."""
    yard = _yard(store=0.1)

    def refuse(_: ServerSpec) -> None:
        raise RigError("bucket products could not be created")

    with pytest.raises(RigError, match="bucket products"):
        Riser(yard, yard.clock, yard.probe_of, refuse, yard).rise(_stack(server("store")))
    assert ("store", "ready") not in yard.told


def test_an_interrupt_ends_the_rise_and_stops_creating() -> None:
    """Ctrl-C is never taken for a failure of a server, and no creation goes on behind it."""

    class Interrupting(VirtualClock):
        def sleep_s(self, seconds: float) -> None:
            super().sleep_s(seconds)
            if self.now_s() > 1001.0:
                raise KeyboardInterrupt

    yard = Yard(Interrupting(), {})
    with pytest.raises(KeyboardInterrupt):
        yard.riser().rise(_stack(server("a"), server("b", "a")))
    assert list(yard.created) == ["a"]
    assert not any(thread.name.startswith("create") for thread in threading.enumerate())
