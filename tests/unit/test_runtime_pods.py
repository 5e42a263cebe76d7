"""Filling secrets in, limits as the engine takes them, and waiting with a deadline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.errors import RigError
from sim.plan.model import Limits
from sim.runtime import labels, secrets
from sim.runtime.pods import PodEngine, _limit_options, filled
from sim.runtime.waiting import wait_until
from tests.unit.plan_sample import plan, server
from tests.unit.test_runtime_rising import VirtualClock


def test_a_placeholder_is_replaced_wherever_it_stands() -> None:
    """Several in one text, the same one twice."""
    assert filled("a=${A} b=${B_2},${A}", {"A": "1", "B_2": "2"}) == "a=1 b=2,1"


@pytest.mark.parametrize("text", ["$labels.job", "cost: 5$", "${", "${lower}", "${1}", "$$", "$(hostname)", "${A B}"])
def test_a_dollar_of_the_files_own_syntax_is_untouched(text: str) -> None:
    """Prometheus templates, shell, prices."""
    assert filled(text, {"A": "1"}) == text


def test_an_unknown_name_is_untouched() -> None:
    """Better a server that refuses a strange password than one with an empty one."""
    assert filled("x=${UNKNOWN}", {"A": "1"}) == "x=${UNKNOWN}"


def test_a_secret_that_looks_like_a_placeholder_is_not_filled_again() -> None:
    """One pass: values are data."""
    assert filled("${A}", {"A": "${B}", "B": "no"}) == "${B}"


def test_no_placeholder_is_left_in_a_stack() -> None:
    """Every text of the whole plan, filled with the secrets generated for it."""
    whole = plan()
    values = secrets.generate(whole.secret_names)
    for spec in whole.servers:
        for text in (*spec.environment.values(), *(f.content for f in spec.files)):
            assert "${" not in filled(text, values), spec.name


def test_secrets_differ_and_need_no_quoting_anywhere() -> None:
    """One value a name, 128 bits, hexadecimal: safe in SQL, INI, YAML, JSON, an Erlang cookie."""
    names = plan().secret_names
    first, second = secrets.generate(names), secrets.generate(names)
    assert tuple(first) == names
    assert len({*first.values(), *second.values()}) == 2 * len(names)
    assert all(len(v) == 32 and int(v, 16) >= 0 for v in first.values())


def test_a_memory_limit_leaves_no_swap_on_top() -> None:
    """A container past its limit is killed, as in Kubernetes."""
    limited = replace(server("r"), limits=Limits(memory_bytes=512, cpu_cores=0.25))
    assert _limit_options(limited) == {"mem_limit": 512, "memswap_limit": 512, "nano_cpus": 250_000_000}


def test_no_limit_is_no_option() -> None:
    """What the document leaves open the engine is not told."""
    assert _limit_options(server("r")) == {}


def test_names_tell_stacks_apart() -> None:
    """Two stacks of one document share no container, network or volume name."""
    for name in (labels.container_name, labels.pause_name, labels.volume_name):
        assert name("s1", "redis") != name("s2", "redis")
    assert labels.network_name("s1") != labels.network_name("s2")
    assert labels.container_name("s1", "redis") != labels.pause_name("s1", "redis")


def test_waiting_ends_when_the_condition_holds() -> None:
    """And says how long it took."""
    clock = VirtualClock()
    left = [None, "almost", "not yet"]
    assert wait_until(left.pop, "it is so", clock, deadline_s=5.0, poll_s=1.0) == 2.0


def test_waiting_ends_at_the_deadline_with_the_last_words() -> None:
    """What was waited for, how long, and the last evidence."""
    with pytest.raises(RigError, match=r"it is so: not so after 3 s") as caught:
        wait_until(lambda: "still not", "it is so", VirtualClock(), deadline_s=2.0, poll_s=1.0)
    assert caught.value.evidence == "still not"


@pytest.mark.parametrize(("said", "tries"), [("unable to freeze: unknown", 3), ("no such container", 1)])
def test_a_container_that_did_not_freeze_is_tried_again(said: str, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The freezer gives up on a busy machine, which passes; three times is enough, and nothing else is repeated."""
    asked: list[str] = []

    def act(_engine: PodEngine, server: str, _action: str) -> None:
        asked.append(server)
        raise RigError(f"Could not pause {server}.", evidence=said)

    monkeypatch.setattr(PodEngine, "_act", act)
    with pytest.raises(RigError, match="Could not pause redis"):
        object.__new__(PodEngine).pause("redis")
    assert asked == ["redis"] * tries
