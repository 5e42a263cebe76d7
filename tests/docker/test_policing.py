"""Policies in force in real pods, and the prober that looks at them from inside."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from sim.plan.model import ServerSpec
from sim.policy.objects import Direction, NetworkPolicy, Pod, Protocol
from sim.preparing import Wanted, prepare, read_document
from sim.probing.model import NODE, Edge, Listener, Question, Reach
from sim.runtime import networks
from sim.runtime.engine import connect
from sim.runtime.pod_network import EnginePodNetwork
from sim.runtime.pods import PodEngine
from sim.runtime.stack import LiveStack, raised
from tests.docker.bare_room import bare_room

_PODS = (Pod("a", "x", {"pod": "a"}), Pod("b", "x", {"pod": "b"}), Pod("c", "y", {"pod": "c"}))
_DENY_X = NetworkPolicy("deny", "x", policy_types=tuple(Direction))
_LISTENERS = [Listener(f"{p.namespace}/{p.name}", kind, 80) for p in _PODS for kind in (Protocol.TCP, Protocol.UDP)]
_OWN_TABLE = "sim_policy"


class _Silent:
    def server(self, *_: object) -> None:
        """Nobody watches."""


def _raise(*, enforce_policies: bool = True) -> Iterator[LiveStack]:
    client = connect()
    wanted = Wanted(only=("redis",), enforce_policies=enforce_policies)
    with raised(client, prepare(client, read_document(None), wanted, lambda _: None), _Silent()) as standing:
        yield standing


@pytest.fixture(scope="module")
def seen_at_start() -> list[str]:
    """The tables of each pod at the moment its server was about to be made."""
    return []


@pytest.fixture(scope="module")
def stack(seen_at_start: list[str]) -> Iterator[LiveStack]:
    make = PodEngine._main

    def watched(engine: PodEngine, server: ServerSpec) -> object:
        seen_at_start.append(engine.in_network(server.name, ("nft", "list", "tables"))[1])
        return make(engine, server)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodEngine, "_main", watched)
        yield from _raise()


@pytest.fixture(scope="module")
def room() -> Iterator[EnginePodNetwork]:
    with bare_room("test-policing", _PODS) as made:
        yield made


def _reaches(room: EnginePodNetwork, *edges: Edge) -> list[Reach]:
    return [answer.reach for answer in room.probe([Question(edge) for edge in edges], 0.4)]


def _tcp(source: str, target: str, port: int = 80) -> Edge:
    return Edge(source, target, Protocol.TCP, port)


def test_policies_are_there_before_the_server_and_outlive_it(stack: LiveStack, seen_at_start: Sequence[str]) -> None:
    """Nothing of a server, not its first packet, is ever outside its pod's policies."""
    assert seen_at_start
    assert all(_OWN_TABLE in tables for tables in seen_at_start)
    before = stack.control.in_network("redis", ("nft", "list", "table", "inet", _OWN_TABLE))[1]
    stack.control.kill("redis")
    assert _OWN_TABLE in stack.control.in_network("redis", ("nft", "list", "tables"))[1]
    stack.control.start("redis")
    stack.wait_ready("redis")
    after = stack.control.in_network("redis", ("nft", "list", "table", "inet", _OWN_TABLE))[1]
    assert before.count("comment") == after.count("comment") > 2


def test_a_pod_that_is_shut_still_answers_the_node(stack: LiveStack) -> None:
    """Kubelet's probes and the rig's own clients come from there: ready, and never started anew."""
    before = stack.control.state("redis").started_at
    with stack.control.network() as network:
        network.enforce(network.cluster.with_policies([NetworkPolicy("shut", "e-commerce-dev")]))
        assert _reaches_node(network) is Reach.CONNECTED
        assert stack.probe(stack.plan.server("redis"))() is None
    assert stack.control.state("redis").started_at == before


def _reaches_node(network: EnginePodNetwork) -> Reach:
    (answer,) = network.probe([Question(_tcp(NODE, "e-commerce-dev/redis", 6379), "PING\r\n")], 1.0)
    return answer.reach


def test_what_a_trial_put_in_force_is_taken_back(stack: LiveStack) -> None:
    """The stack's own policies again, to the letter."""
    listed = ("nft", "-s", "list", "table", "inet", _OWN_TABLE)  # without the counts
    before = stack.control.in_network("redis", listed)
    with stack.control.network() as network:
        network.lift()
        assert stack.control.in_network("redis", listed)[0] != 0
    assert stack.control.in_network("redis", listed) == before


def test_visitors_come_and_go(stack: LiveStack) -> None:
    """Pods that no plan has, on the stack's network, ruled by its policies; nothing of them stays."""
    for _ in range(2):
        with stack.control.network([Pod("guest", "default", {"app": "guest"})]) as network:
            (answer,) = network.probe([Question(_tcp("default/guest", "e-commerce-dev/redis", 6379))], 0.5)
            assert answer.reach is Reach.DROPPED
    running = connect().containers.list(filters={"label": f"sim.stack={stack.id}"})
    assert not [container.name for container in running if "guest" in container.name]


def test_neither_the_engines_rules_nor_the_hosts_are_touched(stack: LiveStack) -> None:
    """In the pod the engine's own address translation stays; on the host nothing changes at all."""
    listed = ("nft", "-s", "list", "table", "ip", "nat")
    before = stack.control.in_network("redis", listed)
    assert "127.0.0.11" in before[1]
    host_before = _host_rules()
    with stack.control.network() as network:
        network.enforce(network.cluster)
        network.lift()
    assert stack.control.in_network("redis", listed) == before
    assert _host_rules() == host_before


def _host_rules() -> str:
    if os.geteuid() != 0:
        pytest.skip("only root may list the host's rules")
    return subprocess.run(["nft", "-s", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def test_without_policies_no_pod_has_a_table() -> None:
    """--no-policies leaves every pod as the engine made it."""
    for stack in _raise(enforce_policies=False):
        assert _OWN_TABLE not in stack.control.in_network("redis", ("nft", "list", "tables"))[1]
        with stack.control.network() as network:
            assert not network.counters()


@pytest.mark.parametrize("here", [True, False], ids=["entered", "in a container"])
def test_each_outcome_is_told_apart(room: EnginePodNetwork, monkeypatch: pytest.MonkeyPatch, *, here: bool) -> None:
    """Connected, refused by nobody listening, dropped by a policy: by whoever probes, root here or a container."""
    if here and os.geteuid() != 0:
        pytest.skip("this process may not enter the engine's namespaces")
    if not here:
        monkeypatch.setattr(networks.os, "geteuid", lambda: 1000)
    room.close()  # the next question starts a prober of the wanted kind
    with room.listening(_LISTENERS):
        room.enforce(room.cluster.with_policies(()))
        udp = [Edge("y/c", "x/a", Protocol.UDP, port) for port in (80, 81)]
        open_ = _reaches(room, _tcp("y/c", "x/a"), _tcp("y/c", "x/a", 81), *udp)
        assert open_ == [Reach.CONNECTED, Reach.REFUSED, Reach.CONNECTED, Reach.REFUSED]
        room.enforce(room.cluster.with_policies([_DENY_X]))
        assert _reaches(room, _tcp("y/c", "x/a"), _tcp("y/c", "x/a", 81), *udp) == [Reach.DROPPED] * 4
        assert _reaches(room, _tcp("x/a", "y/c"), _tcp("x/a", "x/b"), _tcp(NODE, "x/a")) == [
            Reach.DROPPED,
            Reach.DROPPED,
            Reach.CONNECTED,
        ]
    room.close()


def test_counters_tell_which_rule_decided(room: EnginePodNetwork) -> None:
    """A packet that is let through, or taken, is counted where it was."""
    room.enforce(room.cluster.with_policies([_DENY_X]))
    assert _reaches(room, _tcp("y/c", "x/a"), _tcp("x/b", "y/c")) == [Reach.DROPPED] * 2
    counters = room.counters()
    assert counters["x/a"].dropped[Direction.INGRESS].packets > 0
    assert counters["x/b"].dropped[Direction.EGRESS].packets > 0
    assert not counters["y/c"].dropped


def test_a_prober_that_is_killed_has_failed_and_blocked_nothing(room: EnginePodNetwork) -> None:
    """Every question it was asked is answered so; the next one has a new prober."""
    room.enforce(room.cluster.with_policies(()))
    assert _reaches(room, _tcp("y/c", "x/a")) == [Reach.REFUSED]
    prober = room._prober
    assert prober is not None
    pid = getattr(prober._line, "pid", 0)
    if not pid:
        pytest.skip("the prober is no process of this host's")
    os.kill(pid, signal.SIGKILL)
    assert _reaches(room, _tcp("y/c", "x/a"), _tcp("y/c", "x/b")) == [Reach.PROBER_FAILED] * 2
    assert _reaches(room, _tcp("y/c", "x/a")) == [Reach.REFUSED]


def test_a_container_is_isolated_from_its_first_packet(room: EnginePodNetwork) -> None:
    """Started under the policies, it never gets out; started without, it does."""
    for policies, reach in (((), Reach.REFUSED), ([_DENY_X], Reach.DROPPED)):
        room.enforce(room.cluster.with_policies(policies))
        (answer,) = room.first_packets("x/a", [Question(_tcp("x/a", "y/c"))], 0.5)
        assert answer.reach is reach, answer


def test_link_addresses_made_known_are_taken_back(room: EnginePodNetwork) -> None:
    """Each pod knows the others while a prober is there, and nothing of it stays behind it."""
    listed = ("cat", "/proc/net/arp")
    _reaches(room, _tcp("y/c", "x/a"))
    permanent = [line.split()[2] for line in room._networks.run("bare-x-a", listed)[1].splitlines()[1:]]
    assert permanent.count("0x6") == len(_PODS) - 1
    room.close()
    assert "0x6" not in room._networks.run("bare-x-a", listed)[1]
