"""``sim doctor`` on a machine with an engine, and without."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli.doctor import doctor
from sim.errors import RigError
from sim.runtime.doctor import gather
from sim.runtime.engine import connect, find_engine


def test_json_is_one_document_with_every_check() -> None:
    """Engine, version, CPUs, memory, disk, address pools, storage, leftovers and tools are all there."""
    done = CliRunner().invoke(doctor, ["--json"])
    document = json.loads(done.stdout)
    assert done.exit_code == (0 if document["fit"] else 3)
    assert {"engine", "API version", "CPUs", "memory", "disk", "address pools", "storage driver", "leftovers"} <= {
        check["name"] for check in document["checks"]
    }


def test_abandoned_stack_is_seen() -> None:
    """A network that carries a stack's label, and that nobody owns, is a leftover with its remedy."""
    client = connect()
    network = client.networks.create("sim-doctor-test", labels={"sim.stack": "doctor-test"})
    try:
        checks = {c["name"]: c for c in json.loads(CliRunner().invoke(doctor, ["--json"]).stdout)["checks"]}
    finally:
        network.remove()
    assert checks["leftovers"]["level"] == "warning"
    assert "doctor-test" in checks["leftovers"]["found"]
    assert checks["leftovers"]["advice"] == "sim sweep"


@pytest.mark.parametrize("host", ["unix:///no/such.sock", "tcp://127.0.0.1:1"])
def test_engine_that_is_not_there_is_exit_3_with_the_step(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table and the document both say what was tried."""
    monkeypatch.setenv("DOCKER_HOST", host)
    plain = CliRunner().invoke(doctor, [])
    assert (plain.exit_code, "unset DOCKER_HOST" in plain.output) == (3, True)
    parsed = json.loads(CliRunner().invoke(doctor, ["--json"]).stdout)
    assert parsed["fit"] is False
    with pytest.raises(RigError, match="No container engine answers"):
        connect()


def test_socket_that_is_no_engine_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something listens and talks nonsense: one error, no traceback."""
    path = tmp_path / "odd.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        with pytest.raises(RigError, match="No container engine answers"):
            connect()
        thread.join()


def test_engine_that_dies_half_way_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answered when it was found; its socket is gone when it is asked the rest."""
    with _relay(tmp_path / "relay.sock", _local_socket()) as cut:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'relay.sock'}")
        client, address = find_engine()
        assert gather(client, address).cpus > 0
        cut()
        with pytest.raises(RigError, match=r"stopped answering|does not answer"):
            gather(client, address)


def _local_socket() -> Path:
    path = find_engine()[1].socket
    if path is None:
        pytest.skip("the engine has no socket here")
    return path


@contextmanager
def _relay(path: Path, to: Path) -> Iterator[Callable[[], None]]:
    """A socket that passes everything on to the engine's, until it is cut."""
    ends: list[socket.socket] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)

    def accept() -> None:
        with suppress(OSError):
            while True:
                near, far = server.accept()[0], socket.socket(socket.AF_UNIX)
                far.connect(str(to))
                ends.extend((near, far))
                threading.Thread(target=copy, args=(near, far), daemon=True).start()
                threading.Thread(target=copy, args=(far, near), daemon=True).start()

    def cut() -> None:
        path.unlink(missing_ok=True)
        for end in (server, *ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield cut
    finally:
        cut()
        thread.join()


def test_unknown_option_is_bad_input() -> None:
    """Exit 2, as for every command."""
    assert CliRunner().invoke(doctor, ["--no-such"]).exit_code == 2
