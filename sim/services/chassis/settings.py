"""A process's settings: read from its environment once, every mistake named at once, frozen afterwards."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_HIGHEST_PORT: Final = 65_535


class SettingsInvalid(Exception):  # noqa: N818 - a state of the environment, told to whoever set it
    """What is wrong with the environment, one line a variable. Values are never repeated: some are secrets."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


class Reader:
    """Reads variables one by one and keeps what is wrong with them; :meth:`finish` raises it all at once.

    A mistake answers a harmless value, so that reading goes on.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._mistakes: list[str] = []

    def text(self, name: str) -> str:
        value = self._environment.get(name, "")
        if not value.strip():
            self.mistake(name, "missing" if name not in self._environment else "empty")
        return value

    def whole(self, name: str, low: int = 0, high: int = 2**31) -> int:
        value = self.number(name, low, high)
        if value != int(value):
            self.mistake(name, "not a whole number")
        return int(value)

    def number(self, name: str, low: float = 0.0, high: float = 1e12) -> float:
        text = self.text(name)
        if not text.strip():
            return low
        try:
            value = float(text)
        except ValueError:
            self.mistake(name, "not a number")
            return low
        if not low <= value <= high:  # NaN is in no range
            self.mistake(name, f"not between {low:g} and {high:g}")
            return low
        return value

    def port(self, name: str) -> int:
        return self.whole(name, 1, _HIGHEST_PORT)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        value = self.text(name).strip().lower()
        if value and value not in choices:
            self.mistake(name, f"not one of {', '.join(choices)}")
        return value

    def items(self, name: str) -> tuple[str, ...]:
        """``a, b`` as ``("a", "b")``; at least one."""
        text = self.text(name)
        found = tuple(item.strip() for item in text.split(",") if item.strip())
        if text.strip() and not found:
            self.mistake(name, "lists nothing")
        return found

    def pairs(self, name: str) -> Mapping[str, str]:
        """``orders=orders-service,auth=auth-service`` as a mapping."""
        found: dict[str, str] = {}
        for item in self.items(name):
            key, _, value = (part.strip() for part in item.partition("="))
            if key and value and key not in found:
                found[key] = value
            else:
                self.mistake(name, "not a list of different key=value")
                break
        return found

    def addresses(self, name: str, default_port: int) -> tuple[tuple[str, int], ...]:
        """``host`` or ``host:port``, comma-separated."""
        found: list[tuple[str, int]] = []
        for item in self.items(name):
            host, colon, port = item.rpartition(":")
            if not colon:
                host, port = item, str(default_port)
            if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= _HIGHEST_PORT:
                self.mistake(name, "not a list of host or host:port")
                break
            found.append((host, int(port)))
        return tuple(found)

    def mistake(self, name: str, what: str) -> None:
        line = f"{name}: {what}"
        if not any(known.startswith(f"{name}: ") for known in self._mistakes):
            self._mistakes.append(line)

    def finish(self) -> None:
        if self._mistakes:
            raise SettingsInvalid(self._mistakes)


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """``hosts`` are all nodes; any of them will do. The rest are the document's names."""

    hosts: tuple[tuple[str, int], ...]
    vhost: str
    user: str
    password: str = field(repr=False)
    heartbeat_s: int
    direct: str
    topic: str
    fanout: str
    headers: str
    dead_letter: str

    def exchange(self, kind: str) -> str:
        """The document's exchange of a type of the contract: ``topic`` → ``ecommerce.topic``."""
        return {"direct": self.direct, "topic": self.topic, "fanout": self.fanout, "headers": self.headers}[kind]


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    prefix: str


@dataclass(frozen=True, slots=True)
class BucketSettings:
    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    name: str
    region: str


@dataclass(frozen=True, slots=True)
class Settings:
    """``service`` is the deployment's name, ``pod`` this replica's. ``own`` is what only this service asks for."""

    service: str
    pod: str
    http_host: str
    http_port: int
    metrics_port: int
    log_level: str
    broker: BrokerSettings
    workers: int
    database: DatabaseSettings | None = None
    cache: CacheSettings | None = None
    bucket: BucketSettings | None = None
    own: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_settings(
    environment: Mapping[str, str],
    *,
    database: bool = False,
    cache: bool = False,
    bucket: bool = False,
    own: Sequence[str] = (),
) -> Settings:
    """Everything a service needs, or :class:`SettingsInvalid` with everything that is wrong."""
    reader = Reader(environment)
    settings = Settings(
        service=reader.text("SERVICE_NAME"),
        pod=environment.get("HOSTNAME") or socket.gethostname(),
        http_host=http_host(environment),
        http_port=reader.port("HTTP_PORT"),
        metrics_port=reader.port("METRICS_PORT"),
        log_level=reader.choice("LOG_LEVEL", LOG_LEVELS),
        broker=read_broker(reader),
        workers=reader.whole("WORKERS", 1, 256),
        database=_database(reader) if database else None,
        cache=_cache(reader) if cache else None,
        bucket=_bucket(reader) if bucket else None,
        own={name: reader.text(name) for name in own},
    )
    reader.finish()
    return settings


def http_host(environment: Mapping[str, str]) -> str:
    """Where to listen: a pod is reached by its address, a process on a developer's machine only from there."""
    return environment.get("HTTP_HOST") or "0.0.0.0"  # noqa: S104 - every interface of a container's own network


def read_broker(reader: Reader) -> BrokerSettings:
    return BrokerSettings(
        hosts=reader.addresses("RABBITMQ_HOSTS", reader.port("RABBITMQ_PORT")),
        vhost=reader.text("RABBITMQ_VHOST"),
        user=reader.text("RABBITMQ_USER"),
        password=reader.text("RABBITMQ_PASSWORD"),
        heartbeat_s=reader.whole("RABBITMQ_HEARTBEAT_S", 1, 3600),
        direct=reader.text("RABBITMQ_EXCHANGE_DIRECT"),
        topic=reader.text("RABBITMQ_EXCHANGE_TOPIC"),
        fanout=reader.text("RABBITMQ_EXCHANGE_FANOUT"),
        headers=reader.text("RABBITMQ_EXCHANGE_HEADERS"),
        dead_letter=reader.text("RABBITMQ_EXCHANGE_DEAD_LETTER"),
    )


def _database(reader: Reader) -> DatabaseSettings:
    return DatabaseSettings(
        host=reader.text("DB_HOST"),
        port=reader.port("DB_PORT"),
        name=reader.text("DB_DATABASE"),
        user=reader.text("DB_USERNAME"),
        password=reader.text("DB_PASSWORD"),
    )


def _cache(reader: Reader) -> CacheSettings:
    return CacheSettings(
        host=reader.text("REDIS_HOST"),
        port=reader.port("REDIS_PORT"),
        user=reader.text("REDIS_USERNAME"),
        password=reader.text("REDIS_PASSWORD"),
        prefix=reader.text("REDIS_PREFIX"),
    )


def _bucket(reader: Reader) -> BucketSettings:
    endpoint = reader.text("AWS_ENDPOINT_URL")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        reader.mistake("AWS_ENDPOINT_URL", "not an http:// or https:// URL")
    return BucketSettings(
        endpoint=endpoint,
        access_key=reader.text("AWS_ACCESS_KEY_ID"),
        secret_key=reader.text("AWS_SECRET_ACCESS_KEY"),
        name=reader.text("AWS_BUCKET"),
        region=reader.text("AWS_DEFAULT_REGION"),
    )
