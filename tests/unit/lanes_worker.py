"""A lane's process with a table of its own: scenarios that meet, measure, wait, wreck and die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from sim.history import Outcome
from sim.judging import RIG_FAULT
from sim.lanes.worker import main
from sim.scenario import Evidence, Scenario, Stage
from sim.verdict import Verdict, failed, passed

FOLDER = "LANES_TEST_FOLDER"
"""The environment variable that names where these scenarios leave their traces."""

_PATIENCE_S = 30.0


def _trace(name: str) -> Path:
    return Path(os.environ[FOLDER]) / name


def _until(path: Path) -> bool:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not path.exists():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.005)
    return True


def _ping(stage: Stage) -> None:
    stage.record("ping", "redis", Outcome.OK)


def _meet(other: str) -> Callable[[Stage], None]:
    """OK only when the other one is rehearsed at the same time, in another process."""

    def rehearse(stage: Stage) -> None:
        here = _trace(stage.scenario.replace("/", "-"))
        here.with_suffix(".part").write_text(str(os.getpid()))
        here.with_suffix(".part").replace(here)
        met = _until(_trace(f"together-{other}"))
        elsewhere = met and _trace(f"together-{other}").read_text() != str(os.getpid())
        stage.record("meet", "redis", Outcome.OK if elsewhere else Outcome.FAILED)

    return rehearse


def _lose(stage: Stage) -> None:
    stage.record("get", "redis", Outcome.FAILED)


def _draw(stage: Stage) -> None:
    stage.record("draw", "redis", Outcome.OK, number=stage.rng.random())


def _leak(stage: Stage) -> None:
    """What every server of this stack is opened by, written down by mistake."""
    stage.record("leak", "redis", Outcome.OK, said=[stage.servers.secret(name) for name in stage.plan.secret_names])


def _measure(stage: Stage) -> None:
    """OK only when no other lane's process is left."""
    others = {int(path.read_text()) for path in _trace("x").parent.glob("together-*")} - {os.getpid()}
    left = [pid for pid in others if _alive(pid)]
    stage.record("measure", "redis", Outcome.FAILED if left else Outcome.OK, others=len(others))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait(stage: Stage) -> None:
    """Until someone interrupts it; mends what it broke on the way out."""
    stage.record("broke", "redis", Outcome.OK)
    try:
        _trace(stage.scenario.replace("/", "-")).touch()
        _until(_trace("never"))
    finally:
        stage.record("mended", "redis", Outcome.OK)


def _defy(stage: Stage) -> None:
    """Does not end for the asking."""
    stage.record("broke", "redis", Outcome.OK)
    _trace(stage.scenario.replace("/", "-")).touch()
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        try:
            time.sleep(0.01)
        except KeyboardInterrupt:
            _trace(f"defied-{time.monotonic_ns()}").touch()


def _wreck(stage: Stage) -> None:
    """The rig's own mistake, which leaves the stack without a server."""
    stage.control.kill("redis")
    raise RuntimeError("wrecked")


def _stumble(stage: Stage) -> None:
    _ping(stage)
    raise RuntimeError("stumbled")


def _die(stage: Stage) -> None:
    """In the middle of a line of its history, as the kernel kills for want of memory."""
    _ping(stage)
    stage.history.flush()
    (descriptor,) = [d for d in Path("/proc/self/fd").iterdir() if "/history-" in os.path.realpath(d)]
    os.write(int(descriptor.name), b'{"t_s": 1.5, "scen')
    os.kill(os.getpid(), signal.SIGKILL)


def _all_ok(evidence: Evidence) -> Verdict:
    wrong = [o for o in evidence.observations if o.outcome is not Outcome.OK and o.op != RIG_FAULT]
    return failed(f"{wrong[0].op} went wrong") if wrong else passed("all went well")


def _scenario(name: str, rehearse: Callable[[Stage], None], *, undisturbed: bool = False) -> Scenario:
    return Scenario(name, f"{name} holds", "8", ("redis",), rehearse, _all_ok, undisturbed=undisturbed)


TABLE: Mapping[str, Scenario] = {
    s.name: s
    for s in (
        _scenario("alone/measures", _measure, undisturbed=True),
        _scenario("together/one", _meet("two")),
        _scenario("together/two", _meet("one")),
        _scenario("platform/loses", _lose),
        _scenario("draws/one", _draw),
        _scenario("draws/two", _draw),
        _scenario("draws/three", _draw),
        _scenario("leaks/secrets", _leak),
        _scenario("waits/one", _wait),
        _scenario("waits/two", _wait),
        _scenario("waits/defies", _defy),
        _scenario("rig/wrecks", _wreck),
        _scenario("rig/stumbles", _stumble),
        _scenario("rig/dies", _die),
        _scenario("rig/dies-too", _die),
        *(_scenario(f"pings/{number}", _ping) for number in range(6)),
    )
}

if __name__ == "__main__":
    main(TABLE)
