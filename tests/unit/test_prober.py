"""The prober by itself, on this host's loopback: no pod, no engine, no privilege."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.services.prober.names import _question, _read
from sim.services.prober.outcomes import CONNECTED, DROPPED, FAILED, NAME_NOT_FOUND, NO_ROUTE, REFUSED, failure

_ROOT = Path(__file__).parents[2]
_HERE = "127.0.0.1"


class Conversation:
    """One prober's process, asked and answered a line at a time."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-m", "sim.services.prober"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def prober() -> Iterator[Conversation]:
    found = Conversation()
    yield found
    found.process.communicate(timeout=5)
    assert found.process.returncode == 0


def _free_port(kind: int = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((_HERE, 0))
        port: int = probe.getsockname()[1]
        return port


def _outcomes(prober: Conversation, *edges: tuple[str, str, str, int, str | None]) -> list[str]:
    return [answer[0] for answer in prober.ask(op="probe", edges=edges, timeout_s=0.3)["answers"]]


def test_connected_refused_and_silent_are_three_things(prober: Conversation) -> None:
    """TCP and UDP; a listener that greets; nobody; a socket that hears and never answers."""
    port, nobody = _free_port(), _free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind((_HERE, 0))
        assert prober.ask(op="listen", at=[["node", "TCP", port], ["node", "UDP", port]]) == {"errors": ["", ""]}
        assert _outcomes(
            prober,
            ("node", _HERE, "TCP", port, None),
            ("node", _HERE, "TCP", nobody, None),
            ("node", _HERE, "UDP", port, None),
            ("node", _HERE, "UDP", _free_port(socket.SOCK_DGRAM), None),
            ("node", _HERE, "UDP", mute.getsockname()[1], None),
        ) == [CONNECTED, REFUSED, CONNECTED, REFUSED, DROPPED]
    prober.ask(op="listen", at=[])


def test_a_greeting_is_evidence_and_its_lack_too(prober: Conversation) -> None:
    """What a server says first, or that it said nothing."""
    port = _free_port()
    prober.ask(op="listen", at=[["node", "TCP", port]])
    with socket.create_server((_HERE, 0)) as mute:
        edges = [("node", _HERE, "TCP", port, ""), ("node", _HERE, "TCP", mute.getsockname()[1], "hello")]
        greeted, silent = prober.ask(op="probe", edges=edges, timeout_s=0.3)["answers"]
    assert greeted[2] == f"sim-listener node {port}\n"
    assert (silent[0], silent[2]) == (CONNECTED, "no greeting")
    prober.ask(op="listen", at=[])


def test_many_silences_take_no_longer_than_one(prober: Conversation) -> None:
    """Five hundred datagrams nobody answers end together."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind((_HERE, 0))
        edges = [("node", _HERE, "UDP", mute.getsockname()[1], None)] * 500
        answers = prober.ask(op="probe", edges=edges, timeout_s=0.3)["answers"]
    assert {answer[0] for answer in answers} == {DROPPED}
    assert len(answers) == 500
    assert max(answer[1] for answer in answers) < 5 * 300


def test_a_namespace_that_is_not_held_is_the_probers_failure(prober: Conversation) -> None:
    """Never an edge that was closed; a process that is gone is named."""
    assert _outcomes(prober, ("nowhere", _HERE, "TCP", 80, None)) == [FAILED]
    assert list(prober.ask(op="hold", pods={"gone": 2**22 + 1})["missing"]) == ["gone"]


def test_a_port_that_is_taken_is_said(prober: Conversation) -> None:
    """A listener that is not there would make every edge look refused."""
    with socket.create_server((_HERE, 0)) as taken:
        errors = prober.ask(op="listen", at=[["node", "TCP", taken.getsockname()[1]]])["errors"]
    assert "use" in errors[0]


def test_a_connection_that_stays_is_asked_again(prober: Conversation) -> None:
    """Open, alive, and dead once the other end is gone."""
    port = _free_port()
    prober.ask(op="listen", at=[["node", "TCP", port]])
    assert prober.ask(op="open", flows=[["f", "node", _HERE, port]], timeout_s=1)["answers"][0][0] == CONNECTED
    assert prober.ask(op="ask", flows=["f"], timeout_s=1)["answers"][0][2] == "still there?\n"
    prober.ask(op="listen", at=[])
    assert prober.ask(op="ask", flows=["f"], timeout_s=1)["answers"][0][0] == REFUSED
    assert prober.ask(op="ask", flows=["g"], timeout_s=1)["answers"][0][0] == FAILED
    prober.ask(op="shut")


def test_nonsense_is_answered_not_died_of(prober: Conversation) -> None:
    """An operation there is not, a request without its fields."""
    assert "no operation" in prober.ask(op="dance")["error"]
    assert "KeyError" in prober.ask(op="probe", timeout_s=1)["error"]
    assert prober.ask(op="probe", edges=[], timeout_s=1) == {"answers": []}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (111, REFUSED),
        (1, DROPPED),
        (101, NO_ROUTE),
        (113, NO_ROUTE),
        (24, FAILED),
        (OSError(104, "reset"), REFUSED),
        (KeyError("x"), FAILED),
    ],
)
def test_each_error_of_the_kernel_has_its_outcome(error: OSError | KeyError | int, outcome: str) -> None:
    """What says nothing about the edge (no descriptors left) is the prober's own failure."""
    assert failure(error, 0.0)[0] == outcome


def _reply(code: int, *addresses: str) -> tuple[bytes, int]:
    question = _question("a.b.")
    header = question[:2] + bytes([0x81, 0x80 | code]) + question[4:6] + len(addresses).to_bytes(2, "big") + bytes(4)
    records = b"".join(
        b"\xc0\x0c" + bytes([0, 1, 0, 1, 0, 0, 0, 9, 0, 4]) + socket.inet_aton(address) for address in addresses
    )
    return header + question[12:] + records, len(question)


@pytest.mark.parametrize(
    ("code", "addresses", "outcome", "evidence"),
    [
        (0, ("10.0.0.2", "10.0.0.1"), CONNECTED, "10.0.0.1 10.0.0.2"),
        (0, (), NAME_NOT_FOUND, ""),
        (3, (), NAME_NOT_FOUND, "response code 3"),
        (2, (), FAILED, "response code 2"),
    ],
)
def test_a_name_servers_answer_is_read(code: int, addresses: tuple[str, ...], outcome: str, evidence: str) -> None:
    """Addresses, none, no such name, a server that could not say."""
    answer, place = _reply(code, *addresses)
    read = _read(answer, place, 0.0)
    assert (read[0], read[2]) == (outcome, evidence)


def test_no_datagram_comes_from_a_port_that_an_earlier_one_had(prober: Conversation) -> None:
    """Else the kernel, which remembers flows of datagrams, takes what is new for what a former policy let through."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((_HERE, 0))
        receiver.settimeout(1)
        edge = ("node", _HERE, "UDP", receiver.getsockname()[1], None)
        seen = []
        for _ in range(20):
            prober.ask(op="probe", edges=[edge] * 50, timeout_s=0.01)
            seen += [receiver.recvfrom(256)[1][1] for _ in range(50)]
    assert len(set(seen)) == len(seen) == 1000
