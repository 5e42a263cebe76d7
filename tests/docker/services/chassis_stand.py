"""One service on the chassis with a real broker and a real MySQL, each behind a proxy that can be cut."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pika
import pymysql
import requests

from tests.docker.services import gateway_stand
from tests.docker.services.gateway_stand import Broker, eventually
from tests.docker.services.proxy import Proxy, proxy
from tests.docker.test_servers.conftest import Running, container

NAME = "baskets-service"
SAMPLE = "tests.docker.services.chassis_sample"
_DATABASE_PASSWORD = secrets.token_hex(12)
_INIT = (
    "CREATE DATABASE IF NOT EXISTS baskets_db;\n"
    f"CREATE USER IF NOT EXISTS 'baskets_user'@'%' IDENTIFIED BY '{_DATABASE_PASSWORD}';\n"
    "GRANT ALL PRIVILEGES ON `baskets_db`.* TO 'baskets_user'@'%';\n"
)
_SHAPE = "--no-defaults --user=root --secure-file-priv=NULL --innodb-buffer-pool-size=64M"
_START = (
    "mkdir -p /var/run/mysqld; [ -e /var/lib/mysql/.made ] || { rm -rf /var/lib/mysql; mkdir -p /var/lib/mysql; "
    f"mysqld {_SHAPE} --initialize-insecure && touch /var/lib/mysql/.made; }}; "
    f"exec mysqld {_SHAPE} --skip-log-bin --mysqlx=OFF --performance-schema=OFF --init-file=/run/init.sql"
)
_SERVICES = (
    "messages-broker=messages-broker-service,baskets=baskets-service,orders=orders-service,payments=payments-service"
)


@dataclass(frozen=True)
class Answer:
    status: int
    document: Any
    headers: Mapping[str, Any]
    seconds: float


class Client:
    """A connection of the test's own to the broker, past every proxy."""

    def __init__(self, broker: Broker) -> None:
        self._connection = broker.connect()
        self.channel = self._connection.channel()
        self._answers: dict[str, tuple[Any, bytes]] = {}
        self.channel.basic_consume("amq.rabbitmq.reply-to", self._take, auto_ack=True)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        service: str = NAME,
        timeout_s: float = 8.0,
        message_id: str = "",
        app_id: str = "api-gateway",
        **headers: Any,
    ) -> str:
        """Put a request; what to :meth:`wait` for."""
        correlation_id = secrets.token_hex(8)
        self.channel.basic_publish(
            "ecommerce.direct",
            service,
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
            pika.BasicProperties(
                type="request",
                app_id=app_id,
                message_id=message_id or secrets.token_hex(16),
                correlation_id=correlation_id,
                reply_to="amq.rabbitmq.reply-to",
                headers={
                    "method": method,
                    "path": path,
                    "deadline": int((time.time() + timeout_s) * 1000),
                    **headers,
                },
            ),
        )
        return correlation_id

    def wait(self, correlation_id: str, within_s: float = 8.0) -> Answer | None:
        """None when no answer came in time."""
        began_s = time.monotonic()
        while correlation_id not in self._answers:
            left_s = within_s - (time.monotonic() - began_s)
            if left_s <= 0:
                return None
            self._connection.process_data_events(time_limit=left_s)
        properties, body = self._answers.pop(correlation_id)
        seconds = time.monotonic() - began_s
        return Answer(properties.headers["status"], json.loads(body) if body else None, properties.headers, seconds)

    def ask(self, method: str, path: str, body: Any = None, **named: Any) -> Answer:
        answer = self.wait(self.send(method, path, body, **named))
        assert answer is not None, f"no answer to {method} {path}"
        return answer

    def tell(self, event: str, payload: Any, message_id: str = "", **headers: Any) -> None:
        """Publish an event as another service would."""
        self.channel.basic_publish(
            "ecommerce.topic",
            event,
            payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
            pika.BasicProperties(
                type=event, message_id=message_id or secrets.token_hex(16), headers=headers, delivery_mode=2
            ),
        )

    def depth(self, queue: str) -> int:
        return int(self.channel.queue_declare(queue, passive=True).method.message_count)

    def take(self, queue: str) -> list[tuple[Any, bytes]]:
        """Everything that lies there now."""
        found = []
        while (got := self.channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append((got[1], got[2]))
        return found

    def close(self) -> None:
        # Idle for long while other tests ran, it missed its heartbeats, and the broker may have hung up first.
        with suppress(pika.exceptions.AMQPError):
            self._connection.close()

    def _take(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        self._answers[properties.correlation_id] = (properties, body)


@dataclass
class Process:
    """A service as a process; stopped when its ``with`` ends."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    log_path: Path

    def health(self, page: str = "/health/ready") -> tuple[int, Any]:
        got = requests.get(f"http://127.0.0.1:{self.port}{page}", timeout=5)
        return got.status_code, got.json()

    def metrics(self) -> str:
        return requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5).text

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log_path.read_text(encoding="utf-8")
        try:
            return self.health()[0] == 200
        except requests.ConnectionError:
            return False

    def log_lines(self) -> list[dict[str, Any]]:
        """The whole ones: the last may be half written."""
        lines = self.log_path.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"\n")]

    def said(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.log_lines() if line["message"] == message]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@dataclass(frozen=True)
class Stand:
    """``nodes`` are two ways to the one broker, as if it were two."""

    broker: Broker
    mysql: Running
    nodes: tuple[Proxy, Proxy]
    database: Proxy
    folder: Path

    @contextmanager
    def client(self) -> Iterator[Client]:
        made = Client(self.broker)
        try:
            yield made
        finally:
            made.close()

    @contextmanager
    def service(self, name: str = NAME, *, ready: bool = True, **changes: str) -> Iterator[Process]:
        module = (SAMPLE,) if name == NAME else ("sim.services", name)
        ports = gateway_stand._free_port(), gateway_stand._free_port()
        log_path = self.folder / f"{name}-{secrets.token_hex(3)}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env=self._environment(name, ports) | changes,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            made = Process(process, *ports, log_path)
            try:
                if ready:
                    eventually(made.is_ready, 30)
                yield made
            finally:
                process.kill()
                process.wait(10)

    def rows(self, sql: str) -> list[Any]:
        with (
            pymysql.connect(
                host=_address(self.mysql),
                user="baskets_user",
                password=_DATABASE_PASSWORD,
                database="baskets_db",
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return [row[0] if len(row) == 1 else row for row in cursor.fetchall()]

    def made(self, name: str) -> int:
        """How often."""
        return int(self.rows(f"SELECT COUNT(*) FROM made WHERE name = '{name}'")[0])  # noqa: S608 - a test's own name

    @contextmanager
    def database_killed(self) -> Iterator[None]:
        """Gone until the ``with`` ends; its data stays."""
        self.mysql.container.kill()
        try:
            yield
        finally:
            self.mysql.container.start()
            self.wait_for_mysql()

    def wait_for_mysql(self) -> None:
        self.mysql.wait_ready(self._refused, 60)

    def _refused(self) -> str | None:
        try:
            self.rows("SELECT 1")
        except pymysql.err.MySQLError as error:
            return str(error)
        return None

    def _environment(self, name: str, ports: tuple[int, int]) -> dict[str, str]:
        exchanges = ("direct", "topic", "fanout", "headers", "dead-letter")
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path.cwd()),
            "HTTP_HOST": "127.0.0.1",
            "HOSTNAME": f"{name}-test",
            "SERVICE_NAME": name,
            "SERVICES": _SERVICES,
            "HTTP_PORT": str(ports[0]),
            "METRICS_PORT": str(ports[1]),
            "LOG_LEVEL": "info",
            "RABBITMQ_HOSTS": ",".join(f"127.0.0.1:{node.port}" for node in self.nodes),
            "RABBITMQ_PORT": "5672",
            "RABBITMQ_VHOST": gateway_stand.VHOST,
            "RABBITMQ_USER": "ecommerce",
            "RABBITMQ_PASSWORD": gateway_stand._PASSWORD,
            "RABBITMQ_HEARTBEAT_S": "30",
            **{f"RABBITMQ_EXCHANGE_{kind.upper().replace('-', '_')}": f"ecommerce.{kind}" for kind in exchanges},
            "WORKERS": "4",
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.database.port),
            "DB_DATABASE": "baskets_db",
            "DB_USERNAME": "baskets_user",
            "DB_PASSWORD": _DATABASE_PASSWORD,
        }


def _address(running: Running) -> str:
    """As it is now: a restarted container may get another."""
    running.container.reload()
    networks = running.container.attrs["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["IPAddress"])


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Broker and database up; no service yet, and so no queue."""
    with ExitStack() as stack:
        engine = docker.from_env(timeout=60)
        stack.callback(engine.close)
        mysql = stack.enter_context(
            container(engine, "mysql", ("sh", "-c", _START), files={"/run/init.sql": _INIT}, user="root")
        )
        broker = stack.enter_context(gateway_stand.broker())
        to_broker = [stack.enter_context(proxy(lambda: (broker.running.address, 5672))) for _ in range(2)]
        to_database = stack.enter_context(proxy(lambda: (_address(mysql), 3306)))
        made = Stand(broker, mysql, (to_broker[0], to_broker[1]), to_database, folder)
        made.wait_for_mysql()
        yield made
