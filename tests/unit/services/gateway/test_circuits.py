"""A circuit opens on failures in a row, lets one probe through, and closes on its success."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.services.gateway.circuits import Circuit, CircuitPolicy, Pass, State

_POLICY = CircuitPolicy(failures=3, window_s=10.0, open_s=1.0, longest_open_s=4.0)


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _circuit() -> tuple[Circuit, _Clock, list[State]]:
    clock, heard = _Clock(), list[State]()
    return Circuit(_POLICY, clock, heard.append), clock, heard


def _asked(circuit: Circuit) -> Pass:
    leave = circuit.ask()
    assert leave is not None
    return leave


def _fail(circuit: Circuit, times: int = 3) -> None:
    for _ in range(times):
        circuit.failed(_asked(circuit))


def test_failures_in_a_row_open_it() -> None:
    """At the third of three nobody is let through, and it says for how long."""
    circuit, _, heard = _circuit()
    _fail(circuit)
    assert circuit.state is State.OPEN
    assert circuit.ask() is None
    assert circuit.retry_after_s() == 1.0
    assert heard == [State.OPEN]


def test_an_answer_in_between_starts_the_count_again() -> None:
    """Only failures with no answer among them count."""
    circuit, _, _ = _circuit()
    for _ in range(5):
        _fail(circuit, 2)
        circuit.succeeded(_asked(circuit))
    assert circuit.state is State.CLOSED


def test_failures_far_apart_do_not_add_up() -> None:
    """Three within the window, not three ever."""
    circuit, clock, _ = _circuit()
    for _ in range(6):
        _fail(circuit, 1)
        clock.now_s += 6
    assert circuit.state is State.CLOSED


def test_one_probe_decides() -> None:
    """When its time is up one request goes through, the others wait for its outcome; success closes."""
    circuit, clock, heard = _circuit()
    _fail(circuit)
    clock.now_s = 1.0
    probe = _asked(circuit)
    assert probe.probe
    assert circuit.state is State.HALF_OPEN
    assert circuit.ask() is None
    circuit.succeeded(probe)
    assert circuit.state is State.CLOSED
    assert not _asked(circuit).probe
    assert heard == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_each_failed_probe_waits_longer_up_to_a_bound() -> None:
    """A dead service is asked ever more rarely, but never too rarely to be seen to come back."""
    circuit, clock, _ = _circuit()
    _fail(circuit)
    waits = []
    for _ in range(4):
        wait_s = circuit.retry_after_s()
        waits.append(wait_s)
        clock.now_s += wait_s
        circuit.failed(_asked(circuit))
    assert waits == [1.0, 2.0, 4.0, 4.0]
    clock.now_s += circuit.retry_after_s()
    circuit.succeeded(_asked(circuit))
    _fail(circuit)
    assert circuit.retry_after_s() == 1.0


def test_an_abandoned_probe_leaves_room_for_another() -> None:
    """Its client left: nothing was learnt."""
    circuit, clock, _ = _circuit()
    _fail(circuit)
    clock.now_s = 1.0
    circuit.abandoned(_asked(circuit))
    assert circuit.state is State.HALF_OPEN
    assert _asked(circuit).probe


def test_an_outcome_from_before_says_nothing() -> None:
    """A request that began before the circuit opened neither closes nor reopens it."""
    circuit, clock, _ = _circuit()
    early = _asked(circuit)
    late = _asked(circuit)
    _fail(circuit)
    circuit.succeeded(early)
    assert circuit.state is State.OPEN
    clock.now_s = 1.0
    probe = _asked(circuit)
    circuit.failed(late)
    assert circuit.state is State.HALF_OPEN
    circuit.succeeded(probe)
    assert circuit.state is State.CLOSED


@given(st.lists(st.sampled_from(["fail", "succeed", "abandon", "wait"]), max_size=60))
def test_it_always_lets_somebody_through_in_time(outcomes: list[str]) -> None:
    """Whatever happened, no later than the longest opening a request is let through again."""
    circuit, clock, _ = _circuit()
    for outcome in outcomes:
        if outcome == "wait":
            clock.now_s += 0.7
            continue
        leave = circuit.ask()
        if leave is None:
            continue
        {"fail": circuit.failed, "succeed": circuit.succeeded, "abandon": circuit.abandoned}[outcome](leave)
    clock.now_s += _POLICY.longest_open_s
    assert circuit.ask() is not None
