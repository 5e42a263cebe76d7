"""Auth, websites, contacts and questions as processes behind a gateway; one real MySQL holds their schemas."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pymysql
import requests

from sim.services.contract.events import EVENT_BY_NAME
from tests.docker.services import gateway_stand
from tests.docker.services.gateway_stand import Broker, Gateway, eventually
from tests.docker.test_servers.conftest import Running, container

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "an administrator's password"
KEYS = ("auth", "websites", "contacts", "questions")
_DATABASE_PASSWORD = secrets.token_hex(12)
_CACHE_PASSWORD = secrets.token_hex(12)
_INIT = "".join(
    f"CREATE DATABASE {key}_db;\nCREATE USER '{key}_user'@'%' IDENTIFIED BY '{_DATABASE_PASSWORD}';\n"
    f"GRANT ALL PRIVILEGES ON `{key}_db`.* TO '{key}_user'@'%';\n"
    for key in KEYS
)
_SHAPE = "--no-defaults --user=root --secure-file-priv=NULL --innodb-buffer-pool-size=64M"
_START = (
    "mkdir -p /var/run/mysqld && rm -rf /var/lib/mysql && mkdir -p /var/lib/mysql && "
    f"mysqld {_SHAPE} --initialize-insecure && "
    f"exec mysqld {_SHAPE} --skip-log-bin --mysqlx=OFF --performance-schema=OFF --init-file=/run/init.sql"
)
_REDIS = ("redis-server", "--requirepass", _CACHE_PASSWORD, "--protected-mode", "no", "--save", "")


@dataclass(frozen=True)
class Answer:
    """``document`` is None without a body."""

    status: int
    document: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Front:
    """The platform as its clients see it, and the servers behind it."""

    gateway: Gateway
    broker: Broker
    mysql: Running
    redis: Running

    def call(self, method: str, path: str, body: Any = None, *, token: str = "", **query: str) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        got = self.gateway.request(method, f"/api/{path}", json=body, headers=headers, params=query)
        return Answer(got.status_code, got.json() if got.content else None, got.headers)

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        answer = self.call("POST", "auth/login", {"email": email, "password": password})
        assert answer.status == 200, answer
        tokens: dict[str, Any] = answer.document
        return tokens

    def administrator(self) -> str:
        """An access token of the first administrator."""
        return str(self.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD)["access_token"])

    def newcomer(self) -> dict[str, Any]:
        """A customer registered and signed in: their credentials and tokens."""
        credentials = {"email": f"{secrets.token_hex(6)}@example.com", "password": "a long password"}
        registered = self.call("POST", "auth/register", credentials | {"name": "Newcomer"})
        assert registered.status == 201, registered
        tokens = self.sign_in(**credentials)
        return credentials | tokens | {"user_id": registered.document["user_id"]}

    def rows(self, key: str, sql: str) -> Sequence[tuple[Any, ...]]:
        """As the service's own user."""
        with (
            pymysql.connect(
                host=self.mysql.address, user=f"{key}_user", password=_DATABASE_PASSWORD, database=f"{key}_db"
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return cursor.fetchall()

    @contextmanager
    def hearing(self, *names: str) -> Iterator[Heard]:
        """Events of these names published while the ``with`` lasts."""
        with self.broker.connect() as connection:
            channel = connection.channel()
            queue = channel.queue_declare("", exclusive=True).method.queue
            for name in names:
                event = EVENT_BY_NAME[name]
                arguments = {"x-match": "all", **event.attributes} if event.exchange == "headers" else None
                channel.queue_bind(queue, f"ecommerce.{event.exchange}", name, arguments)
            yield Heard(channel, queue, names, [])


@dataclass(frozen=True)
class Heard:
    channel: Any
    queue: str
    names: tuple[str, ...]
    taken: list[tuple[str, dict[str, Any]]]

    def until(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """The first so many, by name and payload."""

        def enough() -> bool:
            method, properties, body = self.channel.basic_get(self.queue, auto_ack=True)
            if method is not None and properties.type in self.names:
                self.taken.append((properties.type, json.loads(body)))
            return len(self.taken) >= count

        eventually(enough)
        return self.taken


@contextmanager
def front(logs: Path) -> Iterator[Front]:
    """Everything ready when the ``with`` begins; ``logs`` gets a file a process."""
    with ExitStack() as stack:
        engine = stack.enter_context(_engine())
        mysql = stack.enter_context(
            container(engine, "mysql", ("sh", "-c", _START), files={"/run/init.sql": _INIT}, user="root")
        )
        redis = stack.enter_context(container(engine, "redis", _REDIS))
        broker = stack.enter_context(gateway_stand.broker())
        mysql.wait_ready(lambda: _refused(mysql), 60)
        services = ",".join(f"{key}={key}-service" for key in (*KEYS, "messages-broker"))
        ready = [
            stack.enter_context(_service(key, broker, mysql, redis, logs, SERVICES=services))
            for key in ("messages-broker", *KEYS)
        ]
        gateway = stack.enter_context(
            gateway_stand.gateway(broker, logs / "api-gateway.log", SERVICES=services, REQUEST_TIMEOUT_S="5")
        )
        eventually(lambda: all(_is_ready(url) for url in ready), 30)
        yield Front(gateway, broker, mysql, redis)


@contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=60)
    try:
        yield client
    finally:
        client.close()


def _refused(mysql: Running) -> str | None:
    try:
        pymysql.connect(
            host=mysql.address, user="auth_user", password=_DATABASE_PASSWORD, database="auth_db", connect_timeout=2
        ).close()
    except pymysql.err.MySQLError as error:
        return str(error)
    return None


@contextmanager
def _service(key: str, broker: Broker, mysql: Running, redis: Running, logs: Path, **changes: str) -> Iterator[str]:
    """The address of its readiness."""
    port = gateway_stand._free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path.cwd()),
        "HTTP_HOST": "127.0.0.1",
        "HOSTNAME": f"{key}-service-test",
        "SERVICE_NAME": f"{key}-service",
        "HTTP_PORT": str(port),
        "METRICS_PORT": str(gateway_stand._free_port()),
        "LOG_LEVEL": "info",
        "RABBITMQ_HOSTS": broker.running.address,
        "RABBITMQ_PORT": "5672",
        "RABBITMQ_VHOST": gateway_stand.VHOST,
        "RABBITMQ_USER": "ecommerce",
        "RABBITMQ_PASSWORD": gateway_stand._PASSWORD,
        "RABBITMQ_HEARTBEAT_S": "30",
        **{
            f"RABBITMQ_EXCHANGE_{kind.upper().replace('-', '_')}": f"ecommerce.{kind}"
            for kind in ("direct", "topic", "fanout", "headers", "dead-letter")
        },
        "WORKERS": "4",
        "DB_HOST": mysql.address,
        "DB_PORT": "3306",
        "DB_DATABASE": f"{key}_db",
        "DB_USERNAME": f"{key}_user",
        "DB_PASSWORD": _DATABASE_PASSWORD,
        "REDIS_HOST": redis.address,
        "REDIS_PORT": "6379",
        "REDIS_USERNAME": "default",
        "REDIS_PASSWORD": _CACHE_PASSWORD,
        "REDIS_PREFIX": f"{key}-service:",
        "JWT_SECRET": gateway_stand.SECRET,
        "JWT_ISSUER": "auth-service",
        "JWT_AUDIENCE": "e-commerce",
        "JWT_TTL_S": "900",
        "JWT_REFRESH_TTL_S": "3600",
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": ADMIN_PASSWORD,
        **changes,
    }
    with (logs / f"{key}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sim.services", f"{key}-service"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield f"http://127.0.0.1:{port}/health/ready"
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.ConnectionError:
        return False
