"""Loss, bandwidth and latency: seen by what was dropped or how long a connection took, and gone afterwards."""

from __future__ import annotations

import random
import struct

import pytest

from sim.errors import RigError
from sim.faults.bandwidth import Bandwidth
from sim.faults.delaying import attribute, message, packet_ids
from sim.faults.fault import Fault
from sim.faults.latency import Latency
from sim.faults.loss import Loss
from sim.history import Outcome
from tests.unit.staging import phases, platform_stage

_NODES = tuple(f"rabbitmq-cluster-server-{n}" for n in range(3))
_FAULTS: tuple[Fault, ...] = (
    Loss(_NODES, 5.0, peers=_NODES),
    Bandwidth(_NODES[:1], 50_000),
    Latency(_NODES[:1], 0.2, 0.05, peers=_NODES),
)
_NAMES = ["loss", "bandwidth", "latency"]


@pytest.mark.parametrize("fault", _FAULTS, ids=_NAMES)
def test_it_takes_effect_and_is_gone_afterwards(fault: Fault) -> None:
    """Seen in force and seen gone; packets still pass, as fewer or later ones do."""
    stage, platform = platform_stage()
    filters = platform.control.filters
    with fault.inject(stage) as effective:
        assert effective, list(stage.history)
        assert filters.connected(_NODES[0], _NODES[1])
    assert phases(stage) == [("inject", Outcome.OK), ("heal", Outcome.OK)]
    assert not any(filters.tables.values())
    assert not any(filters.delays_s.values())


@pytest.mark.parametrize("fault", _FAULTS, ids=_NAMES)
def test_it_is_healed_after_an_exception(fault: Fault) -> None:
    """Neither rule nor delay outlives the block."""
    stage, platform = platform_stage()
    with pytest.raises(ZeroDivisionError), fault.inject(stage):
        raise ZeroDivisionError
    assert not any(platform.control.filters.tables.values())
    assert not any(platform.control.filters.delays_s.values())


@pytest.mark.parametrize("fault", _FAULTS[:2], ids=_NAMES[:2])
def test_rules_that_drop_nothing_are_on_record_as_failed(fault: Fault) -> None:
    """A counter at zero is no fault."""
    stage, platform = platform_stage()
    platform.control.filters.deaf.update(_NODES)
    with fault.inject(stage) as effective:
        assert not effective
    assert phases(stage)[0] == ("inject", Outcome.FAILED)


def test_a_kernel_that_holds_no_packets_back_is_on_record_with_its_reason() -> None:
    """No queue, no latency, and the history says why; so a drill is UNKNOWN, not passed."""
    stage, platform = platform_stage()
    whole = platform.control.in_network

    def without_queues(server: str, argv: tuple[str, ...], stdin: str = "") -> tuple[int, str]:
        return (1, "no packet queue: Protocol not supported") if "hold" in argv else whole(server, argv, stdin)

    platform.control.in_network = without_queues  # type: ignore[method-assign, assignment]
    with _FAULTS[2].inject(stage) as effective:
        assert not effective
    assert "no packet queue" in next(iter(stage.history)).detail["evidence"]


def test_a_delay_nobody_feels_is_on_record_as_failed() -> None:
    """The probe's connection is the evidence, not the process that holds packets."""
    stage, platform = platform_stage()
    platform.control.filters.delay_s = lambda _: 0.01  # type: ignore[method-assign]
    with _FAULTS[2].inject(stage) as effective:
        assert not effective


def test_rules_left_behind_raise() -> None:
    """A table that will not go is the rig's fault, and says where."""
    stage, platform = platform_stage()
    read = platform.control.filters.read
    with pytest.raises(RigError, match="did not come back"), _FAULTS[1].inject(stage):
        platform.control.filters.read = lambda *_: None  # type: ignore[method-assign]
    platform.control.filters.read = read  # type: ignore[method-assign]
    assert platform.control.pledges, "what was not healed stays on record"


def test_packets_are_read_out_of_netlink_datagrams() -> None:
    """Ids of all packets of one read, whatever else a message carries; rubbish gives none."""
    other = attribute(9, b"abc")
    packets = [message(0, 5, other + attribute(1, struct.pack("!IHB", number, 0x0800, 1))) for number in (7, 8)]
    assert packet_ids(b"".join(packets)) == [7, 8]
    assert packet_ids(message(2, 5, other)) == []
    noise = random.Random(1).randbytes(200)  # noqa: S311 - repeatable
    assert packet_ids(b"\x03\x00\x00\x00" + noise) == []
