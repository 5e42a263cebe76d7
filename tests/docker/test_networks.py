"""Acting inside a pod's network namespace, on both ways in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sim.errors import RigError
from sim.preparing import Wanted, prepare, read_document
from sim.runtime.engine import connect
from sim.runtime.networks import PodNetworks
from sim.runtime.stack import LiveStack, raised
from sim.scenario import Control

_TABLE = "table inet sim_test {\n  chain input { type filter hook input priority 0; }\n}\n"
Way = Callable[[PodNetworks, str], tuple[int, str]]


class _Silent:
    def server(self, *_: object) -> None:
        """Nobody watches."""


@pytest.fixture(scope="module")
def stack() -> Iterator[LiveStack]:
    client = connect()
    order = prepare(client, read_document(None), Wanted(only=("redis",)), lambda _: None)
    with raised(client, order, _Silent()) as standing:
        yield standing


@pytest.fixture(params=[True, False], ids=["entered", "joined"])
def networks(stack: LiveStack, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PodNetworks:
    """As root on the engine's host, and as anyone else: by a container of the tools image."""
    found = stack.engine.networking.namespaces
    if request.param and not found.enterable("redis"):
        pytest.skip("this process may not enter the engine's namespaces")
    if not request.param:
        monkeypatch.setattr(PodNetworks, "enterable", lambda *_: False)
    return found


def test_what_is_set_there_is_there_and_nowhere_else(stack: LiveStack, networks: PodNetworks) -> None:
    """Standard input is read; the engine's own NAT for names stays; the table is gone when it was deleted."""
    assert networks.run("redis", ("nft", "-f", "-"), _TABLE) == (0, "")
    code, listed = networks.run("redis", ("nft", "list", "ruleset"))
    assert code == 0
    assert "sim_test" in listed
    assert "127.0.0.11" in listed
    stack.control.kill("redis")
    stack.control.start("redis")
    stack.wait_ready("redis")
    assert "sim_test" in networks.run("redis", ("nft", "list", "tables"))[1]
    assert networks.run("redis", ("nft", "delete", "table", "inet", "sim_test"))[0] == 0


def test_a_program_that_fails_says_why(networks: PodNetworks) -> None:
    """Its exit code and its words, never an exception."""
    code, said = networks.run("redis", ("nft", "-f", "-"), "nonsense\n")
    assert code == 1
    assert "syntax error" in said


def test_a_server_without_a_pod_is_the_rigs_error(stack: LiveStack) -> None:
    """Named, with the next step."""
    with pytest.raises(RigError, match="has no pod"):
        stack.engine.networking.namespaces.run("nobody", ("true",))
    control: Control = stack.control
    with pytest.raises(KeyError):
        control.in_network("nobody", ("true",))
