"""How the program ends: exit codes by contract, one message, never a traceback, nothing heavy loaded in vain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sim.cli import app
from sim.topology.load import topology_text

_NO_ENGINE = "unix:///nowhere/docker.sock"


@dataclass(frozen=True)
class Done:
    """How the program ended."""

    returncode: int
    stdout: str
    stderr: str


Program = Callable[..., Done]


@pytest.fixture
def sim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Program]:
    """The program, run to its exit in an empty folder, without an engine to find."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", _NO_ENGINE)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["sim", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert isinstance(ended.value.code, int)
        said = capsys.readouterr()
        return Done(ended.value.code, said.out, said.err)

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("up", "--no-such-option"),
        ("up", "--env", "moon"),
        ("up", "--stack", "UPPER"),
        ("up", "--stack", "-"),
        ("up", "--only", "nonsense"),
        ("up", "--only", ","),
        ("up", "--topology", "missing.yaml"),
        ("up", "--topology", "broken.yaml"),
        ("up", "--topology", "."),
        ("up", "--image", "auth-servce=registry.local/auth:1"),
        ("up", "--image", "auth-service"),
        ("up", "--image", "=registry.local/auth:1"),
        ("up", "--image", "auth-service=a:1", "--image", "auth-service=b:1"),
        ("up", "--only", "redis", "--image", "auth-service=registry.local/auth:1"),
        ("logs",),
        ("logs", "x", "--tail", "0"),
        ("list", "no-such-scenario"),
        ("run", "no-such-scenario"),
        ("run", "--stack", "t1", "conformance"),
        ("run", "--reuse", "--runtime", "fake", "conformance"),
        ("run", "--reuse", "--env", "staging", "conformance"),
        ("run", "--reuse", "--topology", "broken.yaml", "conformance"),
        ("run", "--runtime", "fake", "--keep", "always", "conformance"),
        ("run", "--runtime", "fake", "--image", "auth-service=a:1", "conformance"),
        ("run", "--reuse", "--image", "auth-service=a:1", "conformance"),
        ("run", "--image", "auth-service=a:1", "conformance/cache-*"),
        ("run", "--jobs", "0", "conformance"),
        ("run", "--jobs", "2", "--reuse", "conformance"),
        ("run", "--jobs", "2", "--keep", "on-failure", "failover", "throughput"),
        ("run", "--jobs", "2", "--keep", "always", "--runtime", "fake", "conformance"),
        ("run", "--seed", "-1"),
        ("run", "--minutes", "0", "failover/game-day"),
        ("run", "--minutes", "2", "failover/broker-leader"),
        ("run", "--topology", "broken.yaml", "--runtime", "fake"),
        ("render", "nonsense", "x"),
        ("render", "compose"),
        ("render", "compose", "broken.yaml/x"),
        ("judge", "missing"),
        (),
    ],
    ids=" ".join,
)
def test_bad_input_is_exit_2_and_one_message(sim: Program, arguments: Sequence[str], tmp_path: Path) -> None:
    """Before anything is started or even looked for: no engine answers here, and none is asked."""
    (tmp_path / "broken.yaml").write_text("schema: 1\nname: x\nname: y\n")
    done = sim(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert sum(line.lower().startswith("error:") for line in done.stderr.splitlines()) <= 1
    assert {p.name for p in tmp_path.iterdir()} <= {"broken.yaml", "reports"}
    assert not list((tmp_path / "reports").glob("*")), "a run that never began leaves no folder"


def test_several_stacks_in_memory_give_one_record(sim: Program, tmp_path: Path) -> None:
    """Of those asked for, as many as the scenarios can use; each scenario says where it was rehearsed."""
    names = ("conformance/cache-answer", "conformance/cache-version")
    done = sim("run", "--runtime", "fake", "--jobs", "5", "--seed", "1", *names)
    assert done.returncode == 0, done.stderr
    assert "[1/2] conformance/cache-answer (stack " in done.stderr
    assert "stack 2 of 2: fake-2" in done.stderr
    record = json.loads((tmp_path / "reports" / "latest" / "record.json").read_text())
    assert record["stacks"] == ["fake-1", "fake-2"]
    assert {s["verdict"] for s in record["scenarios"]} == {"PASS"}


@pytest.mark.parametrize("meant", ["auth-servce", "auth"])
def test_an_image_for_nobody_suggests_who_was_meant(sim: Program, meant: str) -> None:
    """The deployment's own name, as the document has it, and no list of all of them."""
    done = sim("up", "--image", f"{meant}=registry.local/auth:1")
    assert done.returncode == 2
    assert "did you mean auth-service" in done.stderr


def test_a_broken_topology_names_file_line_and_key(sim: Program, tmp_path: Path) -> None:
    """What to open and where to look."""
    path = tmp_path / "mine.yaml"
    path.write_text(topology_text().replace("memory: 512Mi, cpu: 500m", "memory: 512MB, cpu: 500m", 1))
    done = sim("up", "--topology", str(path))
    assert done.returncode == 2
    assert f"{path}:" in done.stderr
    assert "512Mi" in done.stderr


@pytest.mark.parametrize("arguments", [("up",), ("sweep",), ("run", "conformance"), ("down", "--all")], ids=" ".join)
def test_no_engine_is_exit_3_with_a_next_step(sim: Program, arguments: Sequence[str], tmp_path: Path) -> None:
    """The rig could not tell; the message says where it looked, and no run folder is left."""
    done = sim(*arguments)
    assert done.returncode == 3
    assert "/nowhere/docker.sock" in done.stderr
    assert "Try:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("reports/*"))


def test_help_loads_no_driver() -> None:
    """``sim --help`` answers at once: nothing that talks to an engine or a server is imported for it."""
    program = (
        "import sys\nsys.argv = ['sim', '--help']\n"
        "from sim.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "print('LOADED', *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.splitlines()[-1].split()[1:])
    assert "click" in loaded
    heavy = {"docker", "testcontainers", "pika", "pymysql", "minio", "redis", "locust", "gevent", "requests"}
    assert not loaded & heavy


def test_help_shows_its_examples_line_by_line(sim: Program) -> None:
    """Not run together into a paragraph."""
    done = sim("--help")
    assert done.returncode == 0
    assert any(line.strip().startswith("sim judge reports/latest ") for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    "command", ["doctor", "images", "up", "status", "logs", "down", "sweep", "list", "run", "judge"]
)
def test_every_command_explains_itself(sim: Program, command: str) -> None:
    """``--help`` of each works without an engine."""
    done = sim(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage:")


def test_list_json_is_one_document(sim: Program) -> None:
    """Exactly one, nothing before or after it, every scenario in it."""
    done = sim("list", "--json")
    rows = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert {"name", "claim", "section", "needs"} <= set(rows[0])
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names) >= 30
    assert [line.split()[0] for line in sim("list").stdout.splitlines()] == names


def test_a_reader_that_leaves_early_is_no_verdict() -> None:
    """``sim list | head -1``: no traceback, and neither 0 (a pass) nor 1 (the platform's failure)."""
    with subprocess.Popen(
        [sys.executable, "-m", "sim", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pipesize=4096,  # far less than is listed: the writer cannot end before its reader has left
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 3


def test_render_writes_files_without_an_engine(sim: Program, tmp_path: Path) -> None:
    """Compose with its secrets apart and private, a second time without touching them; Prometheus' three files."""
    assert sim("render", "compose", "out").returncode == 0
    secrets = tmp_path / "out" / ".env"
    assert secrets.stat().st_mode & 0o077 == 0
    before = secrets.read_text()
    assert sim("render", "compose", "out").returncode == 0
    assert secrets.read_text() == before
    first, _, rest = before.partition("\n")
    secrets.write_text(f"# mine\n{rest.rstrip()}")
    assert sim("render", "compose", "out").returncode == 0
    assert secrets.read_text().startswith(f"# mine\n{rest.rstrip()}\n{first.partition('=')[0]}="), (
        "the missing one joins"
    )
    assert yaml.safe_load((tmp_path / "out" / "compose.yaml").read_text())["services"]
    assert sim("render", "prometheus", "out").returncode == 0
    assert {"prometheus.yml", "rules.yml", "alertmanager.yml"} <= {p.name for p in (tmp_path / "out").iterdir()}


_BROKEN_COMMAND = """
import sys
import sim.cli.listing
from sim.cli import app

def broken(*_args, **_options):
    raise {error}

sim.cli.listing.select = broken
sys.argv = ["sim", "list"]
app.main()
"""


def test_a_mistake_of_sims_own_is_exit_3_with_the_traceback_in_a_file(tmp_path: Path) -> None:
    """The user is told what and where; whoever mends it gets the rest."""
    done = subprocess.run(
        [sys.executable, "-c", _BROKEN_COMMAND.format(error="ValueError('seven is no number')")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 3
    assert "ValueError: seven is no number" in done.stderr
    assert "Traceback" not in done.stderr
    (path,) = tmp_path.glob("sim-*.txt")
    assert str(path) in done.stderr
    assert "Traceback" in path.read_text()


@pytest.mark.parametrize(("error", "code"), [("KeyboardInterrupt", 130), ("sim.errors.RigError('full')", 3)])
def test_every_end_has_its_code(error: str, code: int) -> None:
    """Interrupted is 130, what the rig could not do is 3; one line, no traceback."""
    done = subprocess.run(
        [sys.executable, "-c", "import sim.errors\n" + _BROKEN_COMMAND.format(error=error)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


_WAITING_COMMAND = """
import sys, time
import sim.cli.listing
from sim.cli import app

def wait(*_args, **_options):
    print("waiting", flush=True)
    time.sleep(60)

sim.cli.listing.select = wait
sys.argv = ["sim", "list"]
app.main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_an_interruption(number: signal.Signals) -> None:
    """A supervisor's SIGTERM ends a run as Ctrl-C does: cleaned up, exit 130."""
    with subprocess.Popen(
        [sys.executable, "-c", _WAITING_COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == "interrupted"
