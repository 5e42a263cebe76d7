"""``sim capacity --calibrate`` end to end on a modelled platform: costs measured, kept, and used from then on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from scenarios.throughput.capacity_model import capacity_model
from scenarios.throughput.knee import Ladder
from sim.capacity.calibration import read_calibration
from sim.cli import calibrating
from sim.clock import SteppedClock
from sim.record import Host
from sim.runtime import engine, stack
from sim.runtime.calibrations import latest_calibration
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.shop.workload import GATEWAY_CPU_S
from sim.topology.load import topology_text
from tests.fake.platform_rehearsal import plan, topology


def test_a_stack_that_is_up_tells_what_its_requests_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model's gateway spends on a request, and how far the knee foretold was from the one that was found."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    clock = SteppedClock()
    platform = FakePlatform(topology(), plan(), clock, seed=1)
    found = SimpleNamespace(
        id="dev",
        plan=platform.plan,
        servers=platform.servers,
        control=platform.control,
        memory=SimpleNamespace(topology=topology_text()),
        host=lambda: Host(2, 8 * 2**30, "6.1", "Docker 27", "3.11"),
    )
    monkeypatch.setattr(engine, "connect", lambda: None)
    monkeypatch.setattr(stack, "choose", lambda _name: "dev")
    monkeypatch.setattr(stack, "attached", lambda _engine, _name: found)
    monkeypatch.setattr(calibrating, "SystemClock", lambda: clock)
    monkeypatch.setattr(calibrating, "capacity_model", lambda: capacity_model(Ladder((10.0, 60.0, 300.0), 4.0)))
    measured = calibrating.calibrate_on("dev")
    assert measured.cpu_s()[topology().gateway.name] == pytest.approx(GATEWAY_CPU_S, rel=0.05)
    assert measured.host.startswith("2 cores")
    assert measured.notes
    assert "Knee of that stack: foretold" in measured.notes[0]
    kept = latest_calibration()
    assert kept is not None
    assert read_calibration(kept) == measured
