"""A service's settings are whole, or every mistake in them is told at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sim.services.chassis.settings import Reader, SettingsInvalid, read_settings
from sim.services.contract.environment import EVERY_SERVICE, WITH_BUCKET, WITH_CACHE, WITH_DATABASE
from tests.unit.services.chassis.environment import COMPLETE, SECRETS


def _mistakes(
    environment: dict[str, str], *, database: bool = False, cache: bool = False, bucket: bool = False
) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as raised:
        read_settings(environment, database=database, cache=cache, bucket=bucket)
    return dict(line.split(": ", 1) for line in raised.value.mistakes)


def test_a_complete_environment_is_read() -> None:
    """Hosts may carry a port of their own; the others get the common one."""
    settings = read_settings(COMPLETE, database=True, cache=True, bucket=True)
    assert settings.broker.hosts == (("node-0", 5672), ("node-1", 5673), ("node-2", 5672))
    assert settings.broker.exchange("headers") == "ecommerce.headers"
    assert settings.database is not None
    assert (settings.workers, settings.database.port) == (8, 3306)


def test_everything_missing_is_named_at_once() -> None:
    """Each documented variable of what the service uses, and none besides."""
    told = _mistakes({}, database=True, cache=True, bucket=True)
    assert set(told) == {*EVERY_SERVICE, *WITH_DATABASE, *WITH_CACHE, *WITH_BUCKET}
    assert set(told.values()) == {"missing"}
    assert set(_mistakes({})) == set(EVERY_SERVICE)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("WORKERS", "many", "not a number"),
        ("WORKERS", "0", "not between 1 and 256"),
        ("WORKERS", "nan", "not between 1 and 256"),
        ("WORKERS", "1.5", "not a whole number"),
        ("HTTP_PORT", "65536", "not between 1 and 65535"),
        ("LOG_LEVEL", "loud", "not one of debug, info, warning, error"),
        ("RABBITMQ_HOSTS", "a,b:x", "not a list of host or host:port"),
        ("RABBITMQ_HOSTS", ":5672", "not a list of host or host:port"),
        ("RABBITMQ_HOSTS", " , ", "lists nothing"),
        ("RABBITMQ_VHOST", "  ", "empty"),
        ("AWS_ENDPOINT_URL", "minio:9000", "not an http:// or https:// URL"),
    ],
)
def test_a_garbled_value_is_named_with_what_is_wrong(name: str, value: str, what: str) -> None:
    """One line for it, and nothing else is blamed."""
    assert _mistakes(COMPLETE | {name: value}, bucket=True) == {name: what}


def test_secrets_are_never_shown() -> None:
    """Neither in the settings' own text nor in what is said of mistakes."""
    shown = repr(read_settings(COMPLETE, database=True, cache=True, bucket=True))
    assert not [secret for secret in SECRETS if secret in shown]
    told = _mistakes(COMPLETE | {"DB_PORT": "database-secret"}, database=True)
    assert told == {"DB_PORT": "not a number"}


def test_pairs_are_different_keys_with_values() -> None:
    """``a=1,b=2``; a repeated key, an empty value or no ``=`` is a mistake."""
    assert Reader({"S": "a=1, b=2"}).pairs("S") == {"a": "1", "b": "2"}
    for wrong in ("a=1,a=2", "a=", "a", "=1"):
        reader = Reader({"S": wrong})
        reader.pairs("S")
        with pytest.raises(SettingsInvalid):
            reader.finish()


def _start(name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-m", "sim.services", *([name] if name else [])],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_start_without_settings_ends_with_2_and_no_traceback() -> None:
    """Every missing variable on a line of its own."""
    started = _start("payments-service", WORKERS="x")
    assert started.returncode == 2
    lines = started.stderr.splitlines()
    assert {line.split(": ")[1] for line in lines} == set(EVERY_SERVICE)
    assert "payments-service: WORKERS: not a number" in lines


def test_a_name_that_is_not_the_settings_own_is_refused() -> None:
    """The container's command and its environment must mean the same service."""
    started = _start("payments-service", **(COMPLETE | {"SERVICE_NAME": "orders-service"}))
    assert (started.returncode, "orders-service" in started.stderr, "Traceback" in started.stderr) == (2, True, False)


@pytest.mark.parametrize("name", ["", "nobody-service"])
def test_an_unknown_service_is_told_the_known_ones(name: str) -> None:
    """Exit 2, usage, the names."""
    started = _start(name)
    assert started.returncode == 2
    assert "Usage: python -m sim.services" in started.stderr
    assert {"api-gateway", "orders-service"} <= {line.strip() for line in started.stderr.splitlines()}
