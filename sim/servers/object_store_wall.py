"""The object store's buckets with any key or none: plain HTTP, signed by hand, so that nothing else is asked.

A client library would look up a bucket's region or retry under another name, and its refusals would not be the deed's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from sim.errors import Refused
from sim.servers.answers import Answer
from sim.servers.endpoint import Endpoint
from sim.servers.object_store import S3Server, signed_headers, signed_url
from sim.servers.s3_error import s3_error_code
from sim.servers.store_deeds import S3Key, StoreDeed
from sim.servers.web import HttpAnswer, http_request


class S3Wall:
    """Implements :class:`sim.servers.walls.StoreWall`. ``owner`` administers buckets."""

    def __init__(self, endpoint: Callable[[], Endpoint], owner: S3Server) -> None:
        self.name = owner.name
        self._endpoint = endpoint
        self._owner = owner

    def attempt(self, key: S3Key | None, deed: StoreDeed, bucket: str, name: str) -> Answer:
        path = f"/{bucket}/{quote(name)}" if deed.object else f"/{bucket}"
        query = "&".join(part if "=" in part else f"{part}=" for part in sorted(deed.query.split("&"))) or ""
        url = f"http://{self._endpoint()}{path}" + (f"?{query}" if deed.query else "")
        headers = signed_headers(deed.method, url, (key.access, key.secret), deed.body) if key else {}
        return _answer(http_request(deed.method, url, headers=headers, body=deed.body or None))

    def presigned(self, key: S3Key, method: str, bucket: str, name: str, expires_s: int) -> str:
        lifetime_s = abs(expires_s)
        signed_at = datetime.now(UTC) - (timedelta(seconds=2 * lifetime_s) if expires_s < 0 else timedelta())
        url = f"http://{self._endpoint()}/{bucket}/{quote(name)}"
        return signed_url(method, url, (key.access, key.secret), signed_at, lifetime_s)

    def follow(self, method: str, url: str, body: bytes = b"") -> Answer:
        return _answer(http_request(method, url, body=body or None))

    def policy(self, bucket: str) -> Mapping[str, Any]:
        text = self._owner.policy(bucket)
        try:
            document = json.loads(text or "{}")
        except ValueError as error:
            raise Refused(f"{self.name} gave a policy of {bucket} that is no JSON.", "200", evidence=text) from error
        return dict(document)

    def set_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None:
        self._owner.set_policy(bucket, document)

    def make_bucket(self, bucket: str) -> None:
        self._owner.make_bucket(bucket)

    def remove_bucket(self, bucket: str) -> None:
        self._owner.remove_bucket(bucket)


def _answer(answer: HttpAnswer) -> Answer:
    accepted = 200 <= answer.status < 300
    return Answer(accepted, str(answer.status), "" if accepted else s3_error_code(answer.body))
