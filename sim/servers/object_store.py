"""The S3 endpoint, signed through the minio library, and unsigned through plain HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio, MinioAdmin
from minio.commonconfig import ENABLED, Filter
from minio.credentials.credentials import Credentials
from minio.credentials.providers import StaticProvider
from minio.error import InvalidResponseError, MinioAdminException, MinioException, S3Error, ServerError
from minio.lifecycleconfig import LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.signer import presign_v4, sign_v4_s3
from minio.versioningconfig import VersioningConfig

from sim.errors import BadInput, Refused, Unreachable
from sim.servers import object_contents
from sim.servers.endpoint import Endpoint
from sim.servers.object_contents import Listing, Objects, StoredObject
from sim.servers.object_shelf import ObjectShelf
from sim.servers.protocol import ObjectAnswer
from sim.servers.s3_error import s3_error_code
from sim.servers.web import HttpAnswer, http_get, http_request

_REGION = "us-east-1"
_CONNECT_TIMEOUT_S = 2.0
_READ_TIMEOUT_S = 10.0
_NO_POLICY = "NoSuchBucketPolicy"
_NO_BUCKET = "NoSuchBucket"
_ALREADY_THERE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class S3Server:
    """``console`` is None where the server has no console port; asking for it then raises Unreachable."""

    def __init__(
        self,
        name: str,
        endpoint: Callable[[], Endpoint],
        *,
        access_key: str,
        secret_key: str,
        console: Callable[[], Endpoint] | None = None,
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._console = console
        self._access_key = access_key
        self._secret_key = secret_key

    def buckets(self) -> tuple[str, ...]:
        return list_buckets(self.name, self._endpoint(), self._access_key, self._secret_key)

    def put(self, bucket: str, key: str, body: bytes) -> ObjectAnswer:
        def put(client: Minio) -> ObjectAnswer:
            done = client.put_object(bucket, key, BytesIO(body), len(body))
            return ObjectAnswer(200, version_id=done.version_id or "")

        return self._ask(put)

    def get(self, bucket: str, key: str) -> ObjectAnswer:
        return self._ask(lambda client: _download(client, bucket, key))

    def delete(self, bucket: str, key: str, *, every_version: bool = False) -> ObjectAnswer:
        def delete(client: Minio) -> ObjectAnswer:
            if not every_version:
                client.remove_object(bucket, key)
                return ObjectAnswer(204)
            for version in _versions(client, bucket, key):
                client.remove_object(bucket, key, version_id=version.version_id)
            return ObjectAnswer(204)

        return self._ask(delete)

    def put_parts(self, bucket: str, key: str, parts: Iterator[bytes], part_bytes: int) -> ObjectAnswer:
        """A multipart upload, each part sent as it comes; all but the last of ``part_bytes``."""

        def put(client: Minio) -> ObjectAnswer:
            stream = cast("BinaryIO", _Parts(parts))  # read() is all it is asked for
            done = client.put_object(bucket, key, stream, -1, part_size=part_bytes, num_parallel_uploads=1)
            return ObjectAnswer(200, version_id=done.version_id or "")

        return self._ask(put)

    def keys(self, bucket: str, prefix: str) -> tuple[str, ...]:
        with self._speaking() as client:
            return tuple(str(o.object_name) for o in client.list_objects(bucket, prefix=prefix, recursive=True))

    def contents(self) -> Objects:
        """Every object with its body."""
        found: dict[str, dict[str, StoredObject]] = {}
        with self._speaking() as client:
            for bucket, keys in self._listing(client).items():
                found[bucket] = {key: _stored(client, bucket, key, tags[0]) for key, tags in keys.items() if tags[0]}
        return found

    def unlike(self, fresh: Objects) -> tuple[str, ...]:
        """``bucket/key`` of what is not as it was."""
        with self._speaking() as client:
            return tuple(f"{b}/{key}" for b, key in object_contents.unlike(fresh, self._listing(client)))

    def put_back(self, fresh: Objects) -> tuple[int, int]:
        """Make every bucket hold what it held, in one version each: (versions taken away, objects put back).

        A bucket that is gone is not made here: it has rules and policies that this does not know.
        """
        removed = returned = 0
        with self._speaking() as client:
            now = self._listing(client)
            for bucket, key in object_contents.unlike(fresh, now):
                if bucket not in now:
                    continue
                if not key:
                    removed += sum(_empty(client, bucket, one) for one in now[bucket])
                    client.remove_bucket(bucket)
                    continue
                removed += _empty(client, bucket, key)
                kept = fresh.get(bucket, {}).get(key)
                if kept is not None:
                    body = kept.content
                    client.put_object(bucket, key, BytesIO(body), len(body), content_type=kept.content_type)
                    returned += 1
        return removed, returned

    def _listing(self, client: Minio) -> Listing:
        found: dict[str, list[Any]] = {}
        for bucket in client.list_buckets():
            try:
                found[bucket.name] = list(client.list_objects(bucket.name, recursive=True, include_version=True))
            except S3Error as error:
                if error.code != _NO_BUCKET:  # it may have been removed meanwhile
                    raise
        return object_contents.listed(found)

    def shelf(self, bucket: str, prefix: str) -> ObjectShelf:
        return ObjectShelf(self, bucket, prefix)

    def versions(self, bucket: str, key: str) -> tuple[str, ...]:
        """Version ids, newest first, delete markers left out."""
        with self._speaking() as client:
            return tuple(str(v.version_id) for v in _versions(client, bucket, key) if not v.is_delete_marker)

    def versioning(self, bucket: str) -> bool:
        with self._speaking() as client:
            return bool(client.get_bucket_versioning(bucket).status == ENABLED)

    def lifecycle(self, bucket: str) -> Mapping[str, int]:
        """Enabled rules alone."""
        with self._speaking() as client:
            configuration = client.get_bucket_lifecycle(bucket)
        return {
            str(rule.rule_id): int(rule.noncurrent_version_expiration.noncurrent_days or 0)
            for rule in (configuration.rules if configuration else ())
            if rule.status == ENABLED and rule.noncurrent_version_expiration
        }

    def policy(self, bucket: str) -> str:
        """The bucket policy's JSON, empty when it has none."""
        with self._speaking() as client:
            try:
                return str(client.get_bucket_policy(bucket))
            except S3Error as error:
                if error.code == _NO_POLICY:
                    return ""
                raise

    def anonymous_get(self, bucket: str, key: str) -> ObjectAnswer:
        return _object_answer(http_get(self._endpoint(), f"/{bucket}/{key}"))

    def anonymous_put(self, bucket: str, key: str, body: bytes) -> ObjectAnswer:
        return _object_answer(http_request("PUT", f"http://{self._endpoint()}/{bucket}/{key}", body=body))

    def anonymous_list(self, bucket: str) -> ObjectAnswer:
        return _object_answer(http_get(self._endpoint(), f"/{bucket}", parameters={"list-type": "2"}))

    def presigned_get(self, bucket: str, key: str, expires_s: int, *, tampered: bool = False) -> ObjectAnswer:
        """GET through a pre-signed URL. A negative ``expires_s`` is one that ran out that long ago, with no waiting.

        ``tampered`` asks with that URL's signature for another key.
        """
        lifetime_s = expires_s if expires_s > 0 else 60
        signed_at = None if expires_s > 0 else datetime.now(UTC) - timedelta(seconds=lifetime_s + max(1, -expires_s))
        with self._speaking() as client:
            url = client.get_presigned_url(
                "GET", bucket, key, expires=timedelta(seconds=lifetime_s), request_date=signed_at
            )
        if tampered:
            path, _, query = url.partition("?")
            url = f"{path}.tampered?{query}"
        return _object_answer(http_request("GET", url))

    def wrong_key_get(self, bucket: str, key: str) -> ObjectAnswer:
        """GET signed with this server's access key and another secret."""
        return self._ask(lambda client: _download(client, bucket, key), secret_key=self._secret_key[::-1] + "x")

    def console(self) -> ObjectAnswer:
        if self._console is None:
            raise Unreachable(f"{self.name} has no console port.")
        return _object_answer(http_get(self._console(), "/"))

    def make_bucket(self, bucket: str) -> None:
        """Idempotent."""
        with self._speaking() as client:
            try:
                client.make_bucket(bucket)
            except S3Error as error:
                if error.code not in _ALREADY_THERE:
                    raise

    def remove_bucket(self, bucket: str) -> None:
        """An empty one. Raises Refused for any other."""
        with self._speaking() as client:
            client.remove_bucket(bucket)

    def enable_versioning(self, bucket: str) -> None:
        with self._speaking() as client:
            client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))

    def expire_noncurrent_versions(self, bucket: str, rule_id: str, days: int) -> None:
        rule = Rule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id=rule_id,
            noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=days),
        )
        with self._speaking() as client:
            client.set_bucket_lifecycle(bucket, LifecycleConfig([rule]))

    def set_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None:
        """None takes the policy away, which leaves the bucket to its owner alone."""
        with self._speaking() as client:
            if document is not None:
                client.set_bucket_policy(bucket, json.dumps(document))
                return
            try:
                client.delete_bucket_policy(bucket)
            except S3Error as error:
                if error.code != _NO_POLICY:
                    raise

    def admit(self, user: str, secret_key: str, policy: Mapping[str, Any]) -> None:
        """A user of the product's own, allowed what ``policy`` says and nothing else; MinIO alone has such users."""
        administration = MinioAdmin(
            endpoint=str(self._endpoint()),
            credentials=StaticProvider(self._access_key, self._secret_key),
            region=_REGION,
            secure=False,
            http_client=_pool(),
        )
        with _mapped(self.name):
            administration.policy_add(user, policy=dict(policy))
            administration.user_add(user, secret_key)
            administration.policy_set(user, user=user)

    def _ask(self, work: Callable[[Minio], ObjectAnswer], *, secret_key: str | None = None) -> ObjectAnswer:
        """``work``'s answer, or the refusal as an answer."""
        client = _client(self._endpoint(), self._access_key, secret_key or self._secret_key)
        try:
            with _mapped(self.name):
                return work(client)
        except Refused as refusal:
            error = refusal.__cause__
            status = error.response.status if isinstance(error, S3Error) else 0
            return ObjectAnswer(int(status), refusal.code, refusal.evidence.encode())

    @contextmanager
    def _speaking(self) -> Iterator[Minio]:
        with _mapped(self.name):
            yield _client(self._endpoint(), self._access_key, self._secret_key)


def list_buckets(name: str, endpoint: Endpoint, access_key: str, secret_key: str) -> tuple[str, ...]:
    """A signed ListBuckets. Raises Refused or Unreachable."""
    with _mapped(name):
        return tuple(sorted(b.name for b in _client(endpoint, access_key, secret_key).list_buckets()))


def signed_headers(method: str, url: str, key: tuple[str, str], body: bytes) -> Mapping[str, str]:
    """The headers that sign one request with ``key`` (access key, secret)."""
    now, digest, parts = datetime.now(UTC), hashlib.sha256(body).hexdigest(), urlsplit(url)
    headers: dict[str, str | list[str] | tuple[str]] = {
        "Host": parts.netloc,
        "x-amz-content-sha256": digest,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    signed = sign_v4_s3(
        method=method,
        url=parts,
        region=_REGION,
        headers=headers,
        credentials=Credentials(*key),
        content_sha256=digest,
        date=now,
    )
    return {name: str(value) for name, value in signed.items()}


def signed_url(method: str, url: str, key: tuple[str, str], signed_at: datetime, lifetime_s: int) -> str:
    """A pre-signed URL, as of ``signed_at``. Asks nobody."""
    signed = presign_v4(
        method=method,
        url=urlsplit(url),
        region=_REGION,
        credentials=Credentials(*key),
        date=signed_at,
        expires=lifetime_s,
    )
    return str(signed.geturl())


class _Parts:
    """A stream of parts: what is read is at most what the present part still has."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Empty when there is nothing more."""
        if not self._rest:
            self._rest = next(self._parts, b"")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def _client(endpoint: Endpoint, access_key: str, secret_key: str) -> Minio:
    return Minio(
        str(endpoint), access_key=access_key, secret_key=secret_key, secure=False, region=_REGION, http_client=_pool()
    )


def _pool() -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=_READ_TIMEOUT_S)
    return urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(0))


def _download(client: Minio, bucket: str, key: str) -> ObjectAnswer:
    answer = client.get_object(bucket, key)
    try:
        return ObjectAnswer(answer.status, "", answer.read(), answer.headers.get("x-amz-version-id", ""))
    finally:
        answer.close()
        answer.release_conn()


def _stored(client: Minio, bucket: str, key: str, tag: str) -> StoredObject:
    answer = client.get_object(bucket, key)
    try:
        kind = answer.headers.get("content-type", "application/octet-stream")
        return StoredObject(tag, base64.b64encode(answer.read()).decode(), kind)
    finally:
        answer.close()
        answer.release_conn()


def _empty(client: Minio, bucket: str, key: str) -> int:
    """Take every version of one key away; how many there were."""
    found = _versions(client, bucket, key)
    for version in found:
        client.remove_object(bucket, key, version_id=version.version_id)
    return len(found)


def _versions(client: Minio, bucket: str, key: str) -> tuple[Any, ...]:
    found = client.list_objects(bucket, prefix=key, include_version=True)
    return tuple(o for o in found if o.object_name == key)


def _object_answer(answer: HttpAnswer) -> ObjectAnswer:
    refused = not 200 <= answer.status < 300
    return ObjectAnswer(
        answer.status,
        s3_error_code(answer.body) if refused else "",
        answer.body,
        answer.headers.get("x-amz-version-id", ""),
    )


@contextmanager
def _mapped(name: str) -> Iterator[None]:
    """Map the driver's errors: an S3 error code is Refused, silence Unreachable."""
    try:
        yield
    except S3Error as error:
        code = str(error.code)
        raise Refused(f"{name} refused ({code}).", code, evidence=str(error.message)) from error
    except MinioAdminException as error:
        raise Refused(f"{name} refused administration.", "AdminRefused", evidence=str(error)[:300]) from error
    except ValueError as error:
        raise BadInput(f"{name} was not asked: {error}.") from error
    except (ServerError, InvalidResponseError) as error:
        raise Unreachable(f"{name} did not answer as S3 does.", evidence=str(error)) from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unreachable(f"{name} gave no answer over S3.", evidence=str(error)) from error
