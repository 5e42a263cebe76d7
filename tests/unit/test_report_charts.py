"""Charts say what was observed: no more, no less, and in words too."""

from __future__ import annotations

import random
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.history import Observation, Outcome
from sim.record import StartupSpan
from sim.report import latency, operations
from sim.report.charts import charts
from sim.report.picture import platform_picture
from sim.report.startup import startup_timeline
from sim.report.svg import round_step, ticks
from sim.statistics.percentiles import percentile
from tests.unit.report_sample import sample_observations, sample_record, sample_topology

_TITLE = "{http://www.w3.org/2000/svg}title"
_GROUP = "{http://www.w3.org/2000/svg}g"


def _login(user: str, server: str, code: str, *, owner: bool = False) -> Observation:
    return Observation(1.0, "i/d", user, "login", server, Outcome.OK, {"user": user, "owner": owner, "code": code})


def _publish(t_s: float, outcome: Outcome = Outcome.OK, **detail: float) -> Observation:
    return Observation(t_s, "f/b", "p", "publish", "q", outcome, detail)


def _mark(t_s: float, op: str, **detail: str) -> Observation:
    return Observation(t_s, "f/b", "rig", op, "broker-0", Outcome.OK, detail)


def _svg(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own drawing


def test_the_longest_silence_is_the_gap_after_the_fault() -> None:
    """A pause before the fault is not the platform's recovery time."""
    seen = operations.operations(
        [
            *(_publish(t) for t in (0.0, 5.0, 5.1, 5.2, 7.7, 7.8)),
            _mark(5.15, "fault", name="kill", phase="inject"),
            _publish(6.0, Outcome.UNSURE),
            _mark(9.0, "fault", name="kill", phase="heal"),
        ]
    )
    assert seen is not None
    assert seen.longest_silence == pytest.approx((5.2, 7.7))
    assert "longest silence 2.50 s" in operations.summary(seen)


@pytest.mark.parametrize("silent_s", [(2.0, 3.0), (8.0, 10.0), (0.6, 10.0), (4.0, 9.9)], ids=str)
def test_the_words_about_a_silence_are_never_cut_off(silent_s: tuple[float, float]) -> None:
    """Short or nearly the whole picture, early or late: all of it lies between the axis and the edge."""
    seen = operations.operations(
        [
            *(_publish(t) for t in (0.0, 0.1, silent_s[0], silent_s[1], 10.0)),
            _mark(silent_s[0] + 0.01, "fault", name="kill", phase="inject"),
            _mark(silent_s[1], "fault", name="kill", phase="heal"),
        ]
    )
    assert seen is not None
    picture = _svg(operations.operations_timeline(seen))
    (said,) = [e for e in picture.iter() if "without a good answer" in (e.text or "")]
    x, width = float(said.attrib["x"]), 160.0
    left = x - {"end": width, "middle": width / 2}.get(said.attrib.get("text-anchor", ""), 0.0)
    assert left >= 50
    assert left + width <= 900


def test_without_a_fault_no_silence_is_claimed() -> None:
    """A recovery time without a fault would be made up."""
    seen = operations.operations([_publish(0.0), _publish(9.0)])
    assert seen is not None
    assert seen.longest_silence is None


def test_a_fault_never_healed_says_so() -> None:
    """Its band runs to the end and its name tells."""
    seen = operations.operations([_publish(0.0), _mark(1.0, "fault", name="cut", phase="inject"), _publish(4.0)])
    assert seen is not None
    assert [(b.from_s, b.to_s, b.healed) for b in seen.bands] == [(1.0, 4.0, False)]
    assert "cut (never healed)" in operations.operations_timeline(seen)


def test_every_operation_is_in_some_bar() -> None:
    """Rates times slices add up to the operations, whatever the last slice's length."""
    rng = random.Random(5)  # noqa: S311 - a sample, not a key
    observations = [_publish(rng.random() * 13.37, rng.choice(list(Outcome))) for _ in range(3000)]
    seen = operations.operations(observations)
    assert seen is not None
    slices = operations._slices(seen)
    assert sum(sum(stack.values()) for _, _, stack in slices) == 3000
    assert [s[1] for s in slices[:-1]] == [s[0] for s in slices[1:]]
    assert slices[-1][1] >= seen.end_s


def test_the_slowest_of_each_slice_is_drawn_beneath() -> None:
    """A stall of nearly a second in one slice stands out there, though everything was confirmed."""
    observations = [_publish(i / 10, latency_s=0.9 if i == 50 else 0.01) for i in range(100)]
    seen = operations.operations(observations)
    assert seen is not None
    assert "slowest 900 ms" in operations.operations_timeline(seen)
    assert "slowest" not in operations.operations_timeline(replace(seen, latencies=()))


def test_many_faults_are_numbered_in_the_picture_and_named_below() -> None:
    """Eleven names would lie over each other; each start of a server is a mark of its own."""
    faults = [
        _mark(t + offset, "fault", name=f"kill {t}", phase=phase)
        for t in range(1, 12)
        for offset, phase in ((0.0, "inject"), (0.5, "heal"))
    ]
    seen = operations.operations([*(_publish(t / 2) for t in range(26)), *faults])
    assert seen is not None
    picture = operations.operations_timeline(seen)
    assert "▲ 11" in picture
    assert "▲ kill" not in picture
    assert picture.count("restart-mark") == 11
    assert "11 kill 11 of broker-0 at 11.0 s" in operations.summary(seen)


def test_one_fault_of_many_servers_is_one_band() -> None:
    """A zone's servers die within a second: ten shades say no more. What comes later is another."""
    faults = [
        replace(_mark(at_s, "fault", name=name, phase=phase), target=target)
        for name, target, *times in (
            ("zone loss", "redis", 1.0, 5.0),
            ("zone loss", "broker-1", 1.2, 6.0),
            ("kill", "redis", 1.3, 5.0),
            ("zone loss", "broker-0", 3.0, 5.0),
        )
        for at_s, phase in zip(times, ("inject", "heal"), strict=True)
    ]
    found = operations.bands(sorted(faults, key=lambda o: o.t_s), 9.0)
    assert [(b.name, b.target, b.from_s, b.to_s, b.healed) for b in found] == [
        ("zone loss", "2 servers", 1.0, 6.0, True),
        ("kill", "redis", 1.3, 5.0, True),
        ("zone loss", "broker-0", 3.0, 5.0, True),
    ]


def test_who_led_is_marked_with_the_term() -> None:
    """A term that became known only at a later sample belongs to the same reign."""
    samples = [("a", ""), ("a", "1"), ("b", ""), ("b", "2")]
    marks = [
        _mark(t, "leader", leader=leader, **({"term": term} if term else {}))
        for t, (leader, term) in enumerate(samples, 1)
    ]
    seen = operations.operations([_publish(0.0), _publish(9.0), *marks])
    assert seen is not None
    assert seen.leaders == ((1.0, "a (term 1)"), (3.0, "b (term 2)"))


def test_each_kind_of_operation_has_a_timeline_of_its_own() -> None:
    """With the same faults across them all."""
    faults = [_mark(1.0, "fault", name="kill", phase="inject"), _mark(2.0, "fault", name="kill", phase="heal")]
    kinds = [replace(_publish(t / 2), op=op) for op in ("publish", "row", "checkout") for t in range(8)]
    drawn = charts([*kinds, *faults])
    assert [c.title for c in drawn] == ["Messages over time", "Rows over time", "Checkouts over time"]
    assert all("fault-band" in c.picture for c in drawn)


def test_one_instant_can_be_drawn() -> None:
    """A single operation has no duration and still a picture."""
    seen = operations.operations([_publish(4.0)])
    assert seen is not None
    _svg(operations.operations_timeline(seen))


def test_latency_counts_from_when_it_was_due() -> None:
    """A second of stall before sending weighs on the percentiles though each send was quick."""
    seen = latency.latencies([_publish(10 + i, latency_s=0.001, intended_s=9.0 + i) for i in range(50)])
    assert seen is not None
    assert percentile(seen.told_s, 0.99) == pytest.approx(1.0)
    assert "from when each was due" in latency.summary(seen)


def test_latency_never_mixes_two_ways_of_counting() -> None:
    """When only some say when they were due, all are counted from sending, and the words say so."""
    seen = latency.latencies([_publish(1.0, latency_s=0.5), _publish(2.0, latency_s=0.1, intended_s=0.0)])
    assert seen is not None
    assert seen.told_s == (0.1, 0.5)
    assert "sent" in latency.summary(seen)


def test_only_confirmed_operations_have_a_latency() -> None:
    """A failure that came fast would flatter the figures."""
    assert latency.latencies([_publish(1.0, Outcome.FAILED, latency_s=0.001)]) is None


@given(st.floats(1e-6, 1e9), st.integers(2, 120))
def test_ticks_are_round_and_reach_the_top(top: float, steps: int) -> None:
    """Evenly spaced from 0 to at least the top, and not many more than asked for."""
    assert round_step(top, steps) * steps >= top * (1 - 1e-6)
    values = ticks(top, steps)
    assert values[0] == 0
    assert values[-1] >= top * (1 - 1e-6)
    assert len(values) <= steps + 2


def test_a_server_that_never_became_ready_is_told() -> None:
    """Not started and not ready are different words, and both are in the picture."""
    picture = startup_timeline(
        [StartupSpan("a", 0.0, 1.0, 2.0), StartupSpan("b", 0.1, 1.0, None), StartupSpan("c", 0.2, None, None)]
    )
    assert "not ready" in picture
    assert "not started" in picture
    assert "1 of 3 servers ready" in str(_svg(picture).get("aria-label"))


def test_no_server_at_all_can_be_drawn() -> None:
    """A start-up that failed at the first step has a picture too."""
    _svg(startup_timeline([]))


def test_the_platform_shows_what_ran_and_what_did_not() -> None:
    """Every server once with its state, documented services dashed, what is not simulated with its reason."""
    topology = sample_topology()
    record = sample_record(topology)
    root = _svg(platform_picture(topology, record))
    titles = [str(t.text) for t in root.iter(_TITLE)]
    for server in record.servers:
        assert sum(t.startswith(f"{server.name}: ") for t in titles) == 1, server.name
    for database in topology.databases.values():
        assert any(t.startswith(f"{database.deployment}: ") for t in titles)
    for component in topology.not_simulated:
        assert any(component.reason in t for t in titles)
    classes = [str(e.get("class")) for e in root.iter()]
    assert classes.count("edge database") == len(topology.databases)
    assert classes.count("edge bucket") == len([s for s in topology.services.values() if s.bucket])
    assert classes.count("edge cache") == len([s for s in topology.services.values() if s.cache_use])


def test_an_empty_stack_still_shows_the_document() -> None:
    """Without one server, every documented one is drawn as not part of the run."""
    topology = sample_topology()
    record = sample_record(topology)
    bare = type(record)(**{**{f: getattr(record, f) for f in record.__slots__}, "servers": ()})
    picture = platform_picture(topology, bare)
    _svg(picture)
    assert picture.count("not part of this run") >= len(topology.databases)


def test_services_are_drawn_in_their_places_with_all_their_replicas() -> None:
    """One box a deployment, down when one replica is; each replica on hover, none drawn again beside the frame."""
    topology = sample_topology()
    record = sample_record(topology)
    pods = tuple(
        replace(record.servers[0], name=f"{app}-{n}", app=app, kind=kind, state=state)
        for app, kind in (("orders-service", "service"), ("auth-service", "service"), ("api-gateway", "gateway"))
        for n, state in enumerate(("ready", "exited" if app == "orders-service" else "ready"))
    )
    root = _svg(platform_picture(topology, replace(record, servers=(*record.servers, *pods))))
    titles = [str(t.text) for t in root.iter(_TITLE)]
    for app in ("orders-service", "auth-service", "api-gateway"):
        (title,) = (t for t in titles if t.startswith(f"{app}-0: "))
        assert f" · {app}-1: " in title
    boxes = {str(g[0].text).partition(":")[0]: g[1].get("class") for g in root.iter(_GROUP) if g[0].tag == _TITLE}
    assert boxes["orders-service-0"] == "box down"
    assert boxes["auth-service-0"] == boxes["api-gateway-0"] == "box up"
    assert "edge metrics" in [e.get("class") for e in root.iter()], "Prometheus and services ran"
    assert "edge metrics" not in str(platform_picture(topology, record)), "no service ran"


def test_charts_follow_from_what_was_observed() -> None:
    """A matrix from logins, a timeline and percentiles from publishing, none from anything else."""
    by_scenario: dict[str, list[Observation]] = {}
    for observation in sample_observations(sample_topology()):
        by_scenario.setdefault(observation.scenario, []).append(observation)
    titles = {name: [c.title for c in charts(members)] for name, members in by_scenario.items()}
    assert titles["isolation/databases"] == ["Who may do what, documented and observed"]
    assert titles["failover/broker-leader"] == ["Messages over time", "Latency by percentile"]
    assert charts([_mark(1.0, "variables")]) == ()
    assert charts([]) == ()


def test_a_single_summary_of_publishing_is_no_series() -> None:
    """One observation that sums up many messages says so in words; a bar a screen wide would say nothing."""
    assert charts([_publish(4.0)]) == ()
