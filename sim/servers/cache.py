"""One Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sim.errors import Refused, Unreachable
from sim.servers.cache_shelf import CacheShelf
from sim.servers.endpoint import Endpoint
from sim.servers.protocol import Answer

_CONNECT_TIMEOUT_S = 2.0
_READ_TIMEOUT_S = 5.0


class RedisServer:
    def __init__(self, name: str, endpoint: Callable[[], Endpoint], *, password: str) -> None:
        self.name = name
        self._endpoint = endpoint
        self._password = password

    def authenticate(self, password: str | None) -> Answer:
        return redis_ping(self.name, self._endpoint(), password)

    def version(self) -> str:
        with self._client() as client:
            return str(client.info("server")["redis_version"])

    def config(self, *names: str) -> Mapping[str, str]:
        """Effective directives by name; one the server does not have is absent."""
        if not names:
            return {}
        with self._client() as client:
            return {str(k): str(v) for k, v in cast("dict[str, str]", client.config_get(*names)).items()}

    def set(self, key: str, value: str, expires_s: int | None = None) -> None:
        with self._client() as client:
            client.set(key, value, ex=expires_s)

    def get(self, key: str) -> str | None:
        with self._client() as client:
            return cast("str | None", client.get(key))

    def delete(self, *keys: str) -> None:
        if keys:
            with self._client() as client:
                client.delete(*keys)

    def time_to_live_s(self, key: str) -> int:
        """Seconds left; -1 for a key that never expires, -2 for one that does not exist."""
        with self._client() as client:
            return int(client.ttl(key))

    def session(self) -> RedisSession:
        """Connects when it is first used."""
        return RedisSession(self.name, client_of(self._endpoint(), self._password))

    def stream_round_trip(self, stream: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        entry: dict[Any, Any] = dict(fields)
        with self._client() as client:
            try:
                client.xadd(stream, entry)
                # [[stream, [(entry id, fields)]]] in RESP 2
                read: Any = client.xread({stream: "0"}, count=1)
            finally:
                client.delete(stream)
        return dict(read[0][1][0][1]) if read else {}

    def shelf(self, prefix: str) -> CacheShelf:
        return CacheShelf(prefix, self._ask)

    def size(self) -> int:
        """How many keys there are."""
        return int(self._ask(lambda client: client.dbsize()))

    def flush(self) -> None:
        """Forget every key."""
        self._ask(lambda client: client.flushall())

    def configure(self, name: str, value: str) -> None:
        self._ask(lambda client: client.config_set(name, value))

    def _ask(self, work: Callable[[redis.Redis], Any]) -> Any:
        with self._client() as client:
            return work(client)

    @contextmanager
    def _client(self) -> Iterator[redis.Redis]:
        with speaking(self.name), client_of(self._endpoint(), self._password) as client:
            yield client


class RedisSession:
    """One connection, for who asks again and again."""

    def __init__(self, name: str, client: redis.Redis) -> None:
        self._name = name
        self._client = client

    def pipeline(self, values: Mapping[str, str]) -> None:
        with speaking(self._name):
            pipe = self._client.pipeline(transaction=False)
            for key, value in values.items():
                pipe.set(key, value)
                pipe.get(key)
            answers = pipe.execute()
        if list(answers[1::2]) != list(values.values()):
            raise Refused(f"{self._name} gave back other values than it was given.", "OTHER")

    def close(self) -> None:
        self._client.close()


def redis_ping(name: str, endpoint: Endpoint, password: str | None) -> Answer:
    """AUTH with ``password`` unless None, then PING. Raises Unreachable when ``name`` gave no answer."""
    try:
        with speaking(name), client_of(endpoint, password) as client:
            client.ping()
    except Refused as refusal:
        return Answer(accepted=False, code=refusal.code, message=refusal.evidence)
    return Answer(accepted=True, code="0")


def client_of(endpoint: Endpoint, password: str | None, user: str | None = None) -> redis.Redis:
    """A client that connects when first used; it sends no AUTH when ``password`` is None."""
    return redis.Redis(
        host=endpoint.host,
        port=endpoint.port,
        username=user,
        password=password,
        protocol=2,
        decode_responses=True,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=_READ_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Map the driver's errors. It strips the code off the errors it knows; put it back.

    Two refusals come without a code of their own: of a key that a script did not name (NOPERM), and of a command that
    the server's configuration turned off (DISABLED).
    """
    try:
        yield
    except redis.AuthenticationError as error:
        code = "NOAUTH" if "required" in str(error).lower() else "WRONGPASS"
        raise Refused(f"{name} refused ({code}).", code, evidence=str(error)) from error
    except redis.exceptions.NoPermissionError as error:
        raise Refused(f"{name} refused (NOPERM).", "NOPERM", evidence=str(error)) from error
    except redis.exceptions.BusyLoadingError as error:
        raise Unreachable(f"{name} is still loading its data.", evidence=str(error)) from error
    except redis.ResponseError as error:
        code = _code_of(str(error))
        raise Refused(f"{name} refused ({code}).", code, evidence=str(error)) from error
    except (redis.RedisError, OSError) as error:
        raise Unreachable(f"{name} gave no answer over RESP.", evidence=str(error)) from error


_CODES = frozenset(
    {"BUSY", "BUSYKEY", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "NOSCRIPT", "OOM"}
    | {"READONLY", "WRONGPASS", "WRONGTYPE"}
)
"""What an error may begin with; the driver has taken a plain ERR off, and what is left begins with any word."""


def _code_of(message: str) -> str:
    if "user executing the script can't" in message:
        return "NOPERM"
    if "command not allowed. If the enable-" in message:
        return "DISABLED"
    first = message.split(" ", 1)[0]
    return first if first in _CODES else "ERR"
