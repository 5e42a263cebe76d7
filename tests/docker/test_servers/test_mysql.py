"""The MySQL client against a real server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import docker
import pytest

from sim.errors import Refused, Unreachable
from sim.runtime.readiness import ready_probe
from sim.servers.endpoint import Endpoint
from sim.servers.mysql import MySqlServer
from tests.docker.test_servers.conftest import Running, container, server_spec

_INIT = """\
ALTER USER 'root'@'localhost' IDENTIFIED BY 'root-pw';
CREATE DATABASE IF NOT EXISTS auth_db;
CREATE USER IF NOT EXISTS 'auth_user'@'%' IDENTIFIED BY 'auth-pw';
GRANT ALL PRIVILEGES ON `auth_db`.* TO 'auth_user'@'%';
"""
_SHAPE = "--no-defaults --user=root --secure-file-priv=NULL --innodb-buffer-pool-size=64M"
_START = (
    "mkdir -p /var/run/mysqld && rm -rf /var/lib/mysql && mkdir -p /var/lib/mysql && "
    f"mysqld {_SHAPE} --initialize-insecure && "
    f"exec mysqld {_SHAPE} --skip-log-bin --mysqlx=OFF --performance-schema=OFF --init-file=/run/init.sql"
)


@pytest.fixture(scope="module")
def running(engine: docker.DockerClient) -> Iterator[Running]:
    with container(engine, "mysql", ("sh", "-c", _START), files={"/run/init.sql": _INIT}, user="root") as running:
        facts = {"user": "auth_user", "schema": "auth_db", "password_secret": "P"}
        probe = ready_probe(server_spec("mysql", **facts), lambda _port: running.endpoint(3306), {"P": "auth-pw"})
        running.wait_ready(probe, 60)
        yield running


@pytest.fixture
def server(running: Running) -> MySqlServer:
    return MySqlServer(
        "auth-service-mysql",
        lambda: running.endpoint(3306),
        user="auth_user",
        password="auth-pw",
        root_password="root-pw",
        execute=running.execute,
    )


def test_a_login_is_answered_with_the_servers_own_code(server: MySqlServer) -> None:
    """Right password 0, wrong password 1045, a schema without a grant 1044; remote root does not exist."""
    assert server.login("auth_user", "auth-pw", "auth_db").accepted
    assert server.login("auth_user", "wrong").code == "1045"
    assert server.login("auth_user", "auth-pw", "mysql").code == "1044"
    assert server.login("root", "root-pw").code in {"1045", "1130"}


def test_root_on_the_local_socket_sees_a_schema_that_is_missing(server: MySqlServer) -> None:
    """Only the documented schema is listed, the server's own four are not."""
    assert server.schemas() == ("auth_db",)


def test_version_and_variables_are_the_running_servers(server: MySqlServer) -> None:
    """Variables come back by name; an unknown one is absent rather than empty."""
    assert server.version()[0].isdigit()
    seen = server.variables("log_bin", "port", "no_such_variable")
    assert seen == {"log_bin": "OFF", "port": "3306"}


def test_accounts_and_grants_are_listed(server: MySqlServer) -> None:
    """The application's account with its plugin and its one grant; an absent account has none."""
    account = next(a for a in server.accounts() if a.user == "auth_user")
    assert (account.host, account.plugin) == ("%", "caching_sha2_password")
    assert "GRANT ALL PRIVILEGES ON `auth_db`.* TO `auth_user`@`%`" in server.grants("auth_user")
    assert server.grants("nobody") == ()


@pytest.mark.parametrize("value", ["plain", 'it\'s -- "quoted"; DROP', "éà 😀", "back\\slash\n"])
def test_a_round_trip_gives_back_the_very_value(server: MySqlServer, value: str) -> None:
    """Written and committed over one connection, read over another, byte for byte; nothing is left behind."""
    assert server.round_trip("auth_user", "auth-pw", "auth_db", value) == value


def test_a_round_trip_without_a_grant_is_refused_with_its_code(server: MySqlServer) -> None:
    """The refusal says which code, so that a judge can tell it from silence."""
    with pytest.raises(Refused) as refusal:
        server.round_trip("auth_user", "auth-pw", "mysql", "x")
    assert refusal.value.code == "1044"


def test_a_made_account_opens_its_schema_alone_and_is_gone_after_dropping(server: MySqlServer) -> None:
    """Created, used, refused elsewhere, dropped; dropping twice is no error."""
    server.create_account("intruder", "it's secret", "auth_db")
    try:
        assert server.login("intruder", "it's secret", "auth_db").accepted
        assert server.login("intruder", "it's secret", "mysql").code == "1044"
    finally:
        server.drop_account("intruder")
        server.drop_account("intruder")
    assert server.login("intruder", "it's secret").code == "1045"


def test_the_roots_password_and_statements_are_never_arguments(running: Running) -> None:
    """What is handed to the container is a fixed script; password and SQL travel in its environment."""
    seen: list[str] = []

    def execute(name: str, argv: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
        seen.extend(argv)
        return running.execute(name, argv, environment)

    server = MySqlServer(
        "m", lambda: running.endpoint(3306), user="", password="", root_password="root-pw", execute=execute
    )
    assert server.schemas()
    assert not any("root-pw" in argument or "SHOW" in argument for argument in seen)


def test_nobody_there_is_unreachable() -> None:
    """A closed port is silence, for the application as for its administrator."""
    gone = MySqlServer(
        "gone",
        lambda: Endpoint("127.0.0.1", 1),
        user="u",
        password="p",
        root_password="r",
        execute=lambda *_: (1, "ERROR 2002 (HY000): Can't connect to local MySQL server through socket"),
    )
    with pytest.raises(Unreachable):
        gone.login("u", "p")
    with pytest.raises(Unreachable):
        gone.schemas()
