"""Pre-signed URLs in memory: whoever holds one may do that one thing to that one object, while the store is there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from sim.errors import Unreachable
from sim.runtime.fake.object_store import FakeObjectStore
from sim.servers.http_protocol import SILENCE, HttpReply
from sim.services.contract.problem import unavailable

_METHOD, _SIGNATURE = "X-Fake-Method", "X-Fake-Signature"


@dataclass(slots=True)
class Storage:
    """``store`` None: the plan has none. ``host`` is its address on the pod network; ``everybody`` may do all."""

    store: FakeObjectStore | None
    host: str
    key: str
    everybody: bool = False

    def sign(self, bucket: str, method: str, key: str) -> str:
        """Signing takes no more than the key: the store is not asked."""
        return (
            f"http://{self.host}/{bucket}/{key}?{_METHOD}={method}&{_SIGNATURE}={self._signature(method, bucket, key)}"
        )

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Store an object; its URL. Raises Problem 503 while the store is away."""
        try:
            self._there().put(bucket, key, body)
        except Unreachable:
            raise unavailable("The object store") from None
        return f"http://{self.host}/{bucket}/{key}"

    def size_bytes(self, bucket: str, key: str) -> int | None:
        try:
            answer = self._there().get(bucket, key)
        except Unreachable:
            raise unavailable("The object store") from None
        return len(answer.body) if answer.accepted else None

    def follow(self, method: str, url: str, body: bytes) -> HttpReply:
        parts = urlsplit(url)
        bucket, _, key = parts.path.lstrip("/").partition("/")
        given = parse_qs(parts.query)
        try:
            store = self._there()
            if not given and method == "GET":
                answer = store.anonymous_get(bucket, key)
                return HttpReply(answer.status, 0.0, body=answer.body)
            if given.get(_SIGNATURE) != [self._signature(method, bucket, key)] and not self.everybody:
                return HttpReply(403, 0.0, body=b"SignatureDoesNotMatch")
            answer = store.put(bucket, key, body) if method == "PUT" else store.get(bucket, key)
        except Unreachable as error:
            return HttpReply(SILENCE, 0.0, message=str(error))
        return HttpReply(answer.status, 0.0, body=answer.body)

    def _there(self) -> FakeObjectStore:
        if self.store is None:
            raise Unreachable("This stack has no object store.")
        self.store.buckets()
        return self.store

    def _signature(self, method: str, bucket: str, key: str) -> str:
        return hashlib.sha256(f"{self.key}/{method}/{bucket}/{key}".encode()).hexdigest()
