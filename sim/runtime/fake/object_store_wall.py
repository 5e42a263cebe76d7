"""The buckets of the in-memory store with any key or none, by bucket policies and by what each key's owner may do."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from sim.errors import Refused
from sim.runtime.fake.object_store import FakeBucket, FakeObjectState, FakeObjectStore
from sim.runtime.fake.processes import FakeProcesses
from sim.servers.answers import Answer
from sim.servers.object_store_policies import grantees, own_bucket
from sim.servers.protocol import ObjectAnswer
from sim.servers.store_deeds import S3Key, StoreDeed

_SIGNED = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires")
_OF_OBJECTS = {"GET": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}


class FakeStoreWall:
    """Implements :class:`sim.servers.walls.StoreWall`. ``owners`` maps each service's key to its one bucket."""

    def __init__(
        self,
        store: FakeObjectStore,
        state: FakeObjectState,
        processes: FakeProcesses,
        secrets: Mapping[str, str],
        owners: Mapping[str, str],
    ) -> None:
        self.name = store.name
        self._store = store
        self._state = state
        self._processes = processes
        self._secrets = secrets
        self._owners = owners

    def attempt(self, key: S3Key | None, deed: StoreDeed, bucket: str, name: str) -> Answer:
        self._processes.require(self.name)
        if key is not None and not self._known(key):
            return Answer(accepted=False, code="403", message="SignatureDoesNotMatch")
        return self._done(key.access if key else None, deed, bucket, name)

    def presigned(self, key: S3Key, method: str, bucket: str, name: str, expires_s: int) -> str:
        now_s = self._processes.clock.now_s() + (2 * expires_s if expires_s < 0 else 0)
        query = {
            "X-Amz-Credential": f"{key.access}/aws4_request",
            "X-Amz-Date": f"{now_s:.3f}",
            "X-Amz-Expires": str(abs(expires_s)),
        }
        path = f"/{bucket}/{name}"
        signature = _signature(key.secret, method, path, query)
        return f"http://{self.name}{path}?{urlencode({**query, 'X-Amz-Signature': signature})}"

    def follow(self, method: str, url: str, body: bytes = b"") -> Answer:
        self._processes.require(self.name)
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, bucket, name = parts.path.split("/", 2)
        deed = StoreDeed(method, _OF_OBJECTS[method], method, body=body)
        if "X-Amz-Signature" not in query:
            return self._done(None, deed, bucket, name)
        access = query["X-Amz-Credential"].partition("/")[0]
        due = _signature(self._secrets.get(access, ""), method, parts.path, {n: query[n] for n in _SIGNED})
        if self._state.check_signatures and not hmac.compare_digest(due, query["X-Amz-Signature"]):
            return Answer(accepted=False, code="403", message="SignatureDoesNotMatch")
        if self._processes.clock.now_s() > float(query["X-Amz-Date"]) + float(query["X-Amz-Expires"]):
            return Answer(accepted=False, code="403", message="AccessDenied")
        return self._done(access, deed, bucket, name)

    def policy(self, bucket: str) -> Mapping[str, Any]:
        self._processes.require(self.name)
        return self._bucket(bucket).policy(bucket)

    def set_policy(self, bucket: str, document: Mapping[str, Any] | None) -> None:
        held = self._bucket(bucket)
        held.anonymous, held.granted = set(), {}
        for grantee, actions in grantees(document or {}).items():
            if grantee == "*":
                held.anonymous |= actions
            else:
                held.granted[grantee] = set(actions)

    def make_bucket(self, bucket: str) -> None:
        self._processes.require(self.name)
        self._state.buckets.setdefault(bucket, FakeBucket(set(), versioned=False, lifecycle={}))

    def remove_bucket(self, bucket: str) -> None:
        self._processes.require(self.name)
        self._state.buckets.pop(bucket, None)

    def _bucket(self, bucket: str) -> FakeBucket:
        self._processes.require(self.name)
        held = self._state.buckets.get(bucket)
        if held is None:
            raise Refused(f"{self.name} refused (NoSuchBucket).", "NoSuchBucket")
        return held

    def _known(self, key: S3Key) -> bool:
        return not self._state.check_signatures or self._secrets.get(key.access) == key.secret

    def _may(self, access: str | None, action: str, bucket: str) -> bool:
        held = self._state.buckets.get(bucket)
        if held is None:
            return access is not None
        if {action, "s3:*"} & (held.anonymous | held.granted.get(access or "", set())):
            return True
        own = self._owners.get(access or "") == bucket
        return own and action in grantees(own_bucket(bucket), "own")["own"]

    def _done(self, access: str | None, deed: StoreDeed, bucket: str, name: str) -> Answer:
        if not self._may(access, deed.action, bucket):
            return Answer(accepted=False, code="403", message="AccessDenied")
        match deed.action:
            case "s3:PutObject":
                return _said(self._store.put(bucket, name, deed.body))
            case "s3:GetObject":
                return _said(self._store.get(bucket, name))
            case "s3:DeleteObject":
                return _said(self._store.delete(bucket, name))
            case _ if deed.method == "PUT":
                return Answer(accepted=False, code="400", message="MalformedPolicy")
            case _:
                return Answer(accepted=True, code="200")


def _said(answer: ObjectAnswer) -> Answer:
    return Answer(answer.accepted, str(answer.status), answer.code)


def _signature(secret: str, method: str, path: str, query: Mapping[str, str]) -> str:
    text = "\n".join((method, path, urlencode(sorted(query.items()))))
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
