"""CPU and memory squeezes and a full disk: as asked, given back as it was, and honest where nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sim.errors import RigError
from sim.faults.cpu_squeeze import CpuSqueeze
from sim.faults.disk_full import LARGEST_BYTES, DiskFull
from sim.faults.memory_squeeze import MemorySqueeze
from sim.history import Outcome
from sim.scenario import ServerState, Stage
from tests.unit.staging import StubbornControl, phases, platform_stage, stage

_OK = [("inject", Outcome.OK), ("heal", Outcome.OK)]
_LIMITED = ServerState("running", memory_limit_bytes=2**30, cpu_limit_cores=0.5)


def test_a_cpu_squeeze_is_felt_and_given_back() -> None:
    """The limit inside is the one asked for, outside the one before; the record counts how often it was held back."""
    control = StubbornControl(states={"redis": _LIMITED})
    played = stage(control)
    with CpuSqueeze("redis", 0.05).inject(played) as effective:
        assert effective
        assert control.state("redis").cpu_limit_cores == 0.05
        control.throttled = 42
    assert control.state("redis") == _LIMITED
    assert phases(played) == _OK
    assert list(played.history)[-1].detail["throttled_periods"] == 42


def test_a_memory_squeeze_goes_to_what_the_server_holds() -> None:
    """A little above its use, and back; healing starts a server that did not survive it."""
    control = StubbornControl(states={"redis": _LIMITED})
    played = stage(control)
    with MemorySqueeze("redis", lambda: True, share=1.5).inject(played) as effective:
        assert effective
        assert control.state("redis").memory_limit_bytes == round(1.5 * 2**26)
        control.states["redis"] = ServerState("exited", 137, oom_killed=True, memory_limit_bytes=3)
    assert control.state("redis").state == "running"
    assert control.state("redis").memory_limit_bytes == 2**30
    assert "killed for want of memory" in list(played.history)[-1].detail["evidence"]


@pytest.mark.parametrize("refusal", [{"ignores": frozenset({"limit"})}, {"refuses": frozenset({"limit"})}])
def test_a_limit_the_kernel_did_not_take_is_on_record_as_failed(refusal: dict[str, frozenset[str]]) -> None:
    """Ignored or refused: no effect. What refuses to be given back is the rig's fault."""
    control = StubbornControl(states={"redis": _LIMITED}, **refusal)
    played = stage(control)
    squeeze = MemorySqueeze("redis", lambda: True, ready_deadline_s=1.0)
    if "refuses" in refusal:
        with pytest.raises(RigError, match="did not come back"), squeeze.inject(played) as effective:
            assert not effective
    else:
        with squeeze.inject(played) as effective:
            assert not effective
    assert phases(played)[0] == ("inject", Outcome.FAILED)


class _Disk(StubbornControl):
    """A volume of 16 MiB that ``dd`` fills and ``rm`` clears; of another size when told."""

    size_kib = 16_384

    def execute(self, server: str, argv: Sequence[str]) -> tuple[int, str]:
        program = argv[0]
        full = self.log.get(server) == "full"
        if program == "df":
            return (
                0,
                f"Filesystem 1024-blocks Used Available\ntmpfs {self.size_kib} 0 {0 if full else self.size_kib} 0%",
            )
        if program == "dd":
            self.log[server] = "full"
            return 1, "No space left on device"
        if program == "rm":
            self.log[server] = "empty"
            return 0, ""
        return (0, "") if full else (1, "")


def _disk_stage(control: StubbornControl) -> Stage:
    played, _ = platform_stage()
    return replace(played, control=control)


def test_a_small_volume_is_filled_to_the_brim_and_cleared() -> None:
    """No block free inside, the filler gone afterwards."""
    control = _Disk()
    played = _disk_stage(control)
    with DiskFull("redis").inject(played) as effective:
        assert effective
        assert control.log["redis"] == "full"
    assert control.log["redis"] == "empty"
    assert phases(played) == _OK


def test_a_volume_that_may_be_the_hosts_is_left_alone() -> None:
    """Too large to be a volume of its own: nothing is written, and the reason is on record."""
    control = _Disk()
    control.size_kib = LARGEST_BYTES // 1024 + 1
    played = _disk_stage(control)
    with DiskFull("redis").inject(played) as effective:
        assert not effective
        assert "redis" not in control.log


def test_a_broker_is_told_that_it_has_no_room() -> None:
    """Its own alarm is the evidence; the documented limit is given back."""
    played, platform = platform_stage()
    node = "rabbitmq-cluster-server-0"
    with DiskFull(node).inject(played) as effective:
        assert effective
        assert platform.processes[node].disk_full
    assert not platform.processes[node].disk_full
    assert phases(played) == _OK
