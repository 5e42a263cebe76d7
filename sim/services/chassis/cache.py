"""Redis below the service's own prefix, and cheap to lose: while it is gone every call says so at once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sim.services.chassis.dependency import Dependency
from sim.services.chassis.link import Log
from sim.services.chassis.service import CacheGone
from sim.services.chassis.settings import CacheSettings

_TIMEOUT_S: Final = 0.5
_SCAN: Final = 500
_Value = TypeVar("_Value")


class RedisCache:
    """A Cache of the chassis (see ``service.py``)."""

    def __init__(self, settings: CacheSettings, *, connections: int, log: Log, random: Random) -> None:
        self._prefix = settings.prefix
        # One repetition at once, for a connection gone stale; after that it is gone.
        self._client = redis.Redis(
            host=settings.host,
            port=settings.port,
            username=settings.user,
            password=settings.password,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            max_connections=connections,
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[redis.ConnectionError],
        )
        self.dependency = Dependency("cache", self._try_it, required=False, log=log, random=random)

    def get(self, key: str) -> bytes | None:
        found: bytes | None = self._do(lambda client: client.get(self._prefix + key))
        return found

    def set(self, key: str, value: bytes | str, expires_s: int) -> None:
        self._do(lambda client: client.set(self._prefix + key, value, ex=expires_s))

    def delete(self, *keys: str) -> None:
        if keys:
            self._do(lambda client: client.delete(*(self._prefix + key for key in keys)))

    def add(self, key: str, value: bytes | str, expires_s: int) -> bool:
        return bool(self._do(lambda client: client.set(self._prefix + key, value, ex=expires_s, nx=True)))

    def delete_matching(self, pattern: str) -> int:
        return self._do(self._delete_matching(_literal(self._prefix) + pattern))

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def _delete_matching(pattern: str) -> Callable[[Any], int]:
        def delete(client: Any) -> int:
            deleted = 0
            batch: list[bytes] = []
            for key in client.scan_iter(match=pattern, count=_SCAN):
                batch.append(key)
                if len(batch) == _SCAN:
                    deleted += int(client.delete(*batch))
                    batch.clear()
            return deleted + (int(client.delete(*batch)) if batch else 0)

        return delete

    def _do(self, operation: Callable[[Any], _Value]) -> _Value:
        if not self.dependency.up:
            raise CacheGone(self.dependency.reason)
        try:
            value = operation(self._client)
        except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError, redis.ReadOnlyError) as error:
            self.dependency.suspect()
            raise CacheGone(str(error)) from error
        except redis.ResponseError as error:
            # Out of memory, no permission: as good as gone, and no reason to look for a new connection.
            raise CacheGone(str(error)) from error
        self.dependency.proved()
        return value

    def _try_it(self) -> None:
        self._client.ping()


def _literal(text: str) -> str:
    """Glob characters of the prefix mean themselves."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in text)
