"""The service's own bucket over S3, path-style. What takes no network (URLs) works without the store, too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from random import Random
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import HTTPError

from sim.services.chassis.dependency import Dependency
from sim.services.chassis.link import Log
from sim.services.chassis.settings import BucketSettings
from sim.services.contract.problem import Problem, not_found, unavailable

_CONNECT_TIMEOUT_S: Final = 1.0
_READ_TIMEOUT_S: Final = 3.0
_ABSENT: Final = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})
_Value = TypeVar("_Value")


class S3Bucket:
    """A Bucket of the chassis (see ``service.py``)."""

    def __init__(self, settings: BucketSettings, *, connections: int, log: Log, random: Random) -> None:
        self.name = settings.name
        self._endpoint = settings.endpoint.rstrip("/")
        address = urlsplit(self._endpoint)
        pool = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S),
            retries=urllib3.Retry(total=1, backoff_factor=0.05, status_forcelist=()),
        )
        self._client = Minio(
            address.netloc,
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            secure=address.scheme == "https",
            region=settings.region,
            http_client=pool,
        )
        self._client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call] # path-style
        self.dependency = Dependency("bucket", self._try_it, required=False, log=log, random=random)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        self._do(lambda: self._client.put_object(self.name, key, BytesIO(body), len(body), content_type=content_type))

    def get(self, key: str) -> bytes:
        """Raises Problem 404 when there is no such object."""
        return self._do(lambda: self._get(key))

    def size_bytes(self, key: str) -> int | None:
        try:
            return self._do(lambda: self._client.stat_object(self.name, key).size)
        except Problem as problem:
            if problem.status == 404:
                return None
            raise

    def delete(self, key: str) -> None:
        self._do(lambda: self._client.remove_object(self.name, key))

    def public_url(self, key: str) -> str:
        return f"{self._endpoint}/{self.name}/{quote(key)}"

    def presigned_put(self, key: str, expires_s: int) -> str:
        return self._client.presigned_put_object(self.name, key, expires=timedelta(seconds=expires_s))

    def presigned_get(self, key: str, expires_s: int) -> str:
        return self._client.presigned_get_object(self.name, key, expires=timedelta(seconds=expires_s))

    def _get(self, key: str) -> bytes:
        response = self._client.get_object(self.name, key)
        try:
            return bytes(response.read())
        finally:
            response.close()
            response.release_conn()

    def _do(self, operation: Callable[[], _Value]) -> _Value:
        if not self.dependency.up:
            raise unavailable("The object store")
        try:
            value = operation()
        except S3Error as error:
            if error.code in _ABSENT:
                raise not_found("The object") from error
            self.dependency.suspect()
            raise unavailable("The object store") from error
        except (HTTPError, OSError, ValueError) as error:
            self.dependency.suspect()
            raise unavailable("The object store") from error
        self.dependency.proved()
        return value

    def _try_it(self) -> None:
        if not self._client.bucket_exists(self.name):
            raise LookupError(f"there is no bucket {self.name}")
