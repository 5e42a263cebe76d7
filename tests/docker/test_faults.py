"""Each fault on small real pods: it takes effect, what its victims see is what it says, and nothing of it is left."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from sim.clock import SystemClock
from sim.faults.bandwidth import Bandwidth
from sim.faults.cpu_squeeze import CpuSqueeze
from sim.faults.crash_loop import CrashLoop
from sim.faults.disk_full import DiskFull
from sim.faults.fault import Fault
from sim.faults.kill import Kill
from sim.faults.latency import Latency
from sim.faults.loss import Loss
from sim.faults.memory_squeeze import MemorySqueeze
from sim.faults.partition import Partition
from sim.faults.pause import Pause
from sim.faults.restart import Restart
from sim.faults.rolling import Rolling
from sim.faults.stage import stage_on
from sim.faults.terminate import Terminate
from sim.faults.zone_loss import ZoneLoss
from sim.history import Outcome
from sim.runtime import pledges
from sim.runtime.engine import connect
from sim.runtime.stack import LiveStack, attached
from sim.scenario import Stage
from sim.topology.load import parse_topology

STACK = "faults-test"
REDIS, EXPORTER = "redis", "node-exporter"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A cache and an exporter, up for this module, in a state folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        command = [
            sys.executable,
            "-m",
            "sim",
            "up",
            "--only",
            f"{REDIS},{EXPORTER}",
            "--no-policies",
            "--stack",
            STACK,
        ]
        subprocess.run(command, check=True)
        try:
            yield attached(connect(), STACK)
        finally:
            subprocess.run([sys.executable, "-m", "sim", "down", "--stack", STACK], check=True)


@pytest.fixture
def stage(stack: LiveStack) -> Stage:
    return stage_on(stack, parse_topology(stack.memory.topology, "test"), SystemClock())


def ready(stack: LiveStack) -> Callable[[str], bool]:
    return lambda server: stack.probe(stack.plan.server(server))() is None


def told(stage: Stage) -> list[tuple[str, Outcome]]:
    return [(str(o.detail["phase"]), o.outcome) for o in stage.history if o.op == "fault"]


def connects(stack: LiveStack, one: str, other: str, port: int) -> float | None:
    """Seconds a connection between two pods took to open; None when it did not within a second."""
    script = (
        "import socket,sys,time\nt=time.monotonic()\n"
        "socket.create_connection((sys.argv[1],int(sys.argv[2])),1).close()\nprint(time.monotonic()-t)"
    )
    code, output = stack.engine.in_network(one, ("python3", "-c", script, stack.plan.server(other).address, str(port)))
    return float(output) if code == 0 else None


def rulesets(stack: LiveStack) -> str:
    return "".join(stack.engine.in_network(server, ("nft", "list", "ruleset"))[1] for server in (REDIS, EXPORTER))


def ended(stack: LiveStack, server: str) -> tuple[Fault, ...]:
    asks = ready(stack)
    return (
        Kill(server, lambda: asks(server)),
        Terminate(server, lambda: asks(server)),
        Restart(server, lambda: asks(server)),
        Pause(server),
        CrashLoop(server, lambda: asks(server)),
        ZoneLoss("zone-a", (REDIS, EXPORTER), asks),
    )


@pytest.mark.parametrize("number", range(6), ids=["kill", "terminate", "restart", "pause", "crash-loop", "zone-loss"])
def test_what_ends_or_freezes_a_server_is_seen_and_healed(stack: LiveStack, stage: Stage, number: int) -> None:
    """Seen in force, seen healed, serving afterwards, and nothing left to be mended by anyone."""
    with ended(stack, REDIS)[number].inject(stage) as effective:
        assert effective
        assert pledges.pledged(STACK)
    assert {outcome for _, outcome in told(stage)} == {Outcome.OK}, list(stage.history)
    assert ready(stack)(REDIS)
    assert pledges.pledged(STACK) == ()


def test_a_partition_cuts_both_ways_even_connections_that_stand(stack: LiveStack, stage: Stage) -> None:
    """Between the sides nothing passes; the host's published port still answers; afterwards all is as before."""
    before = rulesets(stack)
    assert connects(stack, EXPORTER, REDIS, 6379) is not None
    with Partition((REDIS,), (EXPORTER,)).inject(stage) as effective:
        assert effective, list(stage.history)
        assert connects(stack, EXPORTER, REDIS, 6379) is None
        assert connects(stack, REDIS, EXPORTER, 9100) is None
        assert ready(stack)(REDIS)
    assert connects(stack, EXPORTER, REDIS, 6379) is not None
    assert rulesets(stack) == before
    assert told(stage) == [("inject", Outcome.OK), ("heal", Outcome.OK)]


def test_a_one_way_partition_lets_the_other_way_through(stack: LiveStack, stage: Stage) -> None:
    """Datagrams still arrive from the side that may send, none come from the one that may not."""
    listen = (
        "import socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('',7777));s.settimeout(3)\n"
        "try: print(s.recv(9).decode())\nexcept OSError: print('silence')"
    )
    send = "import socket,sys;socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(b'hello',(sys.argv[1],7777))"

    def hears(listener: str, speaker: str) -> str:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(stack.engine.in_network, listener, ("python3", "-c", listen))
            for _ in range(10):
                time.sleep(0.1)
                stack.engine.in_network(speaker, ("python3", "-c", send, stack.plan.server(listener).address))
                if heard.done():
                    break
            return heard.result()[1].strip()

    with Partition((REDIS,), (EXPORTER,), one_way=True).inject(stage) as effective:
        assert effective
        assert hears(REDIS, EXPORTER) == "hello"
        assert hears(EXPORTER, REDIS) == "silence"


def test_latency_delays_what_arrives_also_on_connections_that_stand(stack: LiveStack, stage: Stage) -> None:
    """A connection from a peer takes 200 ms longer; the namespace keeps neither rule nor process afterwards."""
    before = rulesets(stack)
    with Latency((REDIS,), 0.2, peers=(EXPORTER,)).inject(stage) as effective:
        assert effective, list(stage.history)
        took_s = connects(stack, EXPORTER, REDIS, 6379)
        assert took_s is not None
        assert took_s > 0.2
    took_s = connects(stack, EXPORTER, REDIS, 6379)
    assert took_s is not None
    assert took_s < 0.2
    assert "NFQUEUE" not in rulesets(stack)
    assert "queue" not in rulesets(stack).replace(before, "")
    assert "nfnetlink" not in stack.engine.in_network(REDIS, ("cat", "/proc/net/unix"))[1]
    assert "sim-delay" not in stack.engine.in_network(REDIS, ("cat", "/proc/net/unix"))[1]


@pytest.mark.parametrize("number", range(2), ids=["loss", "bandwidth"])
def test_what_drops_some_packets_is_counted_and_taken_away(stack: LiveStack, stage: Stage, number: int) -> None:
    """The counters show dropped packets; the rules are gone afterwards."""
    before = rulesets(stack)
    fault: Fault = (Loss((REDIS,), 20.0), Bandwidth((REDIS,), 20_000))[number]
    with fault.inject(stage) as effective:
        assert effective, list(stage.history)
    assert rulesets(stack) == before
    assert told(stage) == [("inject", Outcome.OK), ("heal", Outcome.OK)]


def test_squeezes_change_the_kernels_limits_and_give_them_back(stack: LiveStack, stage: Stage) -> None:
    """CPU and memory limits are as asked inside, as planned afterwards; a busy server is held back."""
    before = stack.engine.state(REDIS)
    with CpuSqueeze(REDIS, 0.02).inject(stage) as effective:
        assert effective
        stack.engine.execute(REDIS, ("redis-cli", "--version"))
    with MemorySqueeze(REDIS, lambda: ready(stack)(REDIS)).inject(stage) as effective:
        assert effective, list(stage.history)
        assert stack.engine.state(REDIS).memory_limit_bytes < before.memory_limit_bytes
    after = stack.engine.state(REDIS)
    assert (after.memory_limit_bytes, after.cpu_limit_cores) == (before.memory_limit_bytes, before.cpu_limit_cores)
    held = [o.detail["throttled_periods"] for o in stage.history if "throttled_periods" in o.detail]
    assert held[0] > 0


def test_a_disk_that_may_be_the_hosts_is_not_filled(stage: Stage) -> None:
    """Without a volume of its own the fault says so, and has no effect."""
    with DiskFull(REDIS).inject(stage) as effective:
        assert not effective
    injected = next(o for o in stage.history if o.detail["phase"] == "inject")
    assert injected.outcome is Outcome.FAILED
    assert "may be the host's own disk" in injected.detail["evidence"]


def test_a_rolling_image_change_goes_there_and_back(stack: LiveStack, stage: Stage) -> None:
    """Another digest inside, the plan's afterwards, on the same address."""
    before = stack.engine.state(REDIS).image_digest
    with Rolling((REDIS,), ready(stack), change_image=True).inject(stage) as effective:
        assert effective, list(stage.history)
        assert stack.engine.state(REDIS).image_digest != before
        assert ready(stack)(REDIS)
    assert stack.engine.state(REDIS).image_digest == before
    assert ready(stack)(REDIS)


def test_a_rig_killed_in_mid_fault_leaves_nothing_on_a_kept_stack(stack: LiveStack) -> None:
    """Its watchdog heals the partition and the pause; the stack stays."""
    script = (
        "import os,signal,sys,random\n"
        "from sim.runtime.engine import connect\nfrom sim.runtime import state\n"
        "from sim.runtime.stack import attached\nfrom sim.runtime.watchdog import watched\n"
        "from sim.faults.partition import Partition\nfrom sim.faults.pause import Pause\n"
        "from sim.faults.stage import stage_on\nfrom sim.clock import SystemClock\n"
        "from sim.topology.load import load_topology\n"
        f"with state.ownership('{STACK}'), watched('{STACK}'):\n"
        f" played=stage_on(attached(connect(),'{STACK}'),load_topology(),SystemClock())\n"
        f" Partition(('{REDIS}',),('{EXPORTER}',)).inject(played).__enter__()\n"
        f" Pause('{EXPORTER}').inject(played).__enter__()\n"
        " os.kill(os.getpid(),signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    ends_s = time.monotonic() + 20
    while time.monotonic() < ends_s and pledges.pledged(STACK):
        time.sleep(0.1)
    assert pledges.pledged(STACK) == ()
    assert "sim_fault" not in rulesets(stack)
    assert stack.engine.state(EXPORTER).state == "running"
    assert connects(stack, EXPORTER, REDIS, 6379) is not None


def test_the_next_command_heals_what_a_rig_and_its_watchdog_left(stack: LiveStack) -> None:
    """Both killed: what undoes the fault is on record, and whoever looks at the stack next applies it."""
    script = (
        "import os,signal\n"
        "from sim.runtime.engine import connect\nfrom sim.runtime.stack import attached\n"
        "from sim.faults.latency import Latency\nfrom sim.faults.stage import stage_on\n"
        "from sim.clock import SystemClock\nfrom sim.topology.load import load_topology\n"
        f"played=stage_on(attached(connect(),'{STACK}'),load_topology(),SystemClock())\n"
        f"Latency(('{REDIS}',),0.3,peers=('{EXPORTER}',)).inject(played).__enter__()\n"
        "os.kill(os.getpid(),signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert pledges.pledged(STACK)
    assert (connects(stack, EXPORTER, REDIS, 6379) or 0.0) > 0.3
    done = subprocess.run([sys.executable, "-m", "sim", "status", "--stack", STACK], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert pledges.pledged(STACK) == ()
    assert (connects(stack, EXPORTER, REDIS, 6379) or 1.0) < 0.3
    assert "sim-delay" not in stack.engine.in_network(REDIS, ("cat", "/proc/net/unix"))[1]


def test_a_fault_by_hand_stays_until_it_is_healed_by_hand(stack: LiveStack) -> None:
    """``sim fault inject`` ends and its fault does not; the list shows it; ``heal`` mends it."""

    def sim(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sim", "fault", *arguments]
        return subprocess.run([*command, "--stack", STACK], check=False, capture_output=True, text=True)

    done = sim("inject", "pause", REDIS)
    assert done.returncode == 0, done.stderr
    assert stack.engine.state(REDIS).state == "paused"
    listed = json.loads(sim("list", "--json").stdout)
    assert [(r["stack"], r["fault"], r["targets"]) for r in listed["in_force"]] == [(STACK, "pause", [REDIS])]
    done = sim("heal", "--all")
    assert done.returncode == 0, done.stderr
    assert stack.engine.state(REDIS).state == "running"
    assert json.loads(sim("list", "--json").stdout)["in_force"] == []


def test_the_names_of_servers_are_checked(stack: LiveStack) -> None:
    """A target the stack does not have is refused in one message, with exit code 2."""
    command = [sys.executable, "-m", "sim", "fault", "inject", "kill", "rediss", "--stack", stack.id]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "redis" in done.stderr
    assert "Traceback" not in done.stderr
