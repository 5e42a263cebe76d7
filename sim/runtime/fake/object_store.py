"""An S3 store in memory: buckets with a policy, versions and a life-cycle rule, as the set-up job leaves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.errors import Unreachable
from sim.plan.model import ServerSpec
from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.shelves import FakeEntries, FakeShelf
from sim.servers.object_store_policies import allowing, public_read
from sim.servers.protocol import ObjectAnswer
from sim.servers.shelf import Shelf
from sim.topology.model import ObjectStore as DocumentedStore

_DENIED = ObjectAnswer(403, "AccessDenied")
_NO_BUCKET = ObjectAnswer(404, "NoSuchBucket")
_NO_KEY = ObjectAnswer(404, "NoSuchKey")


@dataclass(frozen=True, slots=True)
class FakeVersion:
    """One version of an object; ``body`` None is a delete marker."""

    version_id: str
    body: bytes | None


@dataclass(slots=True)
class FakeBucket:
    """``anonymous`` are the S3 actions anybody may do; ``lifecycle`` rule id → days; versions are newest first.

    ``granted`` are actions that the bucket's policy allows single users.
    """

    anonymous: set[str]
    versioned: bool
    lifecycle: dict[str, int]
    objects: dict[str, list[FakeVersion]] = field(default_factory=dict)
    granted: dict[str, set[str]] = field(default_factory=dict)

    def policy(self, name: str) -> Mapping[str, Any]:
        """The bucket's policy document, empty when it allows nobody anything."""
        if self.anonymous == {"s3:GetObject"} and not self.granted:
            return public_read(name)
        allowed = {**({"*": self.anonymous} if self.anonymous else {}), **self.granted}
        statements = [s for who, actions in allowed.items() for s in allowing([who], actions, name)["Statement"]]
        return {"Statement": statements} if statements else {}


@dataclass(slots=True)
class FakeObjectState:
    """``console_status`` None: nothing listens on the console port. ``check_signatures`` is what S3 stands on."""

    buckets: dict[str, FakeBucket]
    console_status: int | None
    check_signatures: bool = True
    written: int = 0
    entries: FakeEntries = field(default_factory=lambda: FakeEntries(lambda: 0.0))

    def die(self, now_s: float) -> None:
        self.entries.die(now_s)


def set_up(spec: ServerSpec, documented: DocumentedStore) -> FakeObjectState:
    """What the documented set-up job makes of an empty store."""
    buckets = {
        bucket.name: FakeBucket(
            anonymous={"s3:GetObject"} if bucket.policy == "public-read" else set(),
            versioned=bucket.versioning,
            lifecycle={"expire-noncurrent": bucket.noncurrent_expiry_days},
        )
        for bucket in documented.buckets
    }
    return FakeObjectState(buckets, 200 if any(port.name == "console" for port in spec.ports) else None)


class FakeObjectStore:
    """The S3 client, with the owner's key."""

    def __init__(self, spec: ServerSpec, state: FakeObjectState, processes: FakeProcesses) -> None:
        self.name = spec.name
        self._state = state
        self._processes = processes

    def _reached(self) -> FakeObjectState:
        self._processes.require(self.name)
        return self._state

    def buckets(self) -> tuple[str, ...]:
        return tuple(sorted(self._reached().buckets))

    def put(self, bucket: str, key: str, body: bytes) -> ObjectAnswer:
        state = self._reached()
        with self._processes.lock:
            held = state.buckets.get(bucket)
            if held is None:
                return _NO_BUCKET
            state.written += 1
            version = FakeVersion(f"v{state.written:08d}", body)
            held.objects[key] = [version, *(held.objects.get(key, []) if held.versioned else [])]
            return ObjectAnswer(200, version_id=version.version_id if held.versioned else "")

    def get(self, bucket: str, key: str) -> ObjectAnswer:
        held = self._reached().buckets.get(bucket)
        if held is None:
            return _NO_BUCKET
        versions = held.objects.get(key)
        if not versions or versions[0].body is None:
            return _NO_KEY
        return ObjectAnswer(200, body=versions[0].body, version_id=versions[0].version_id if held.versioned else "")

    def shelf(self, bucket: str, prefix: str) -> Shelf:
        return FakeShelf(self.name, f"{bucket}/{prefix}", self._state.entries, self._processes)

    def delete(self, bucket: str, key: str, *, every_version: bool = False) -> ObjectAnswer:
        state = self._reached()
        with self._processes.lock:
            held = state.buckets.get(bucket)
            if held is None:
                return _NO_BUCKET
            if held.versioned and not every_version:
                state.written += 1
                held.objects.setdefault(key, []).insert(0, FakeVersion(f"v{state.written:08d}", None))
            else:
                held.objects.pop(key, None)
            return ObjectAnswer(204)

    def versions(self, bucket: str, key: str) -> tuple[str, ...]:
        held = self._reached().buckets.get(bucket)
        kept = held.objects.get(key, []) if held else []
        return tuple(version.version_id for version in kept if version.body is not None)

    def versioning(self, bucket: str) -> bool:
        held = self._reached().buckets.get(bucket)
        return held is not None and held.versioned

    def lifecycle(self, bucket: str) -> Mapping[str, int]:
        held = self._reached().buckets.get(bucket)
        return dict(held.lifecycle) if held else {}

    def _allowed(self, bucket: str, action: str) -> bool:
        held = self._reached().buckets.get(bucket)
        return held is not None and action in held.anonymous

    def anonymous_get(self, bucket: str, key: str) -> ObjectAnswer:
        return self.get(bucket, key) if self._allowed(bucket, "s3:GetObject") else _DENIED

    def anonymous_put(self, bucket: str, key: str, body: bytes) -> ObjectAnswer:
        return self.put(bucket, key, body) if self._allowed(bucket, "s3:PutObject") else _DENIED

    def anonymous_list(self, bucket: str) -> ObjectAnswer:
        if not self._allowed(bucket, "s3:ListBucket"):
            return _DENIED
        return ObjectAnswer(200, body="\n".join(self._state.buckets[bucket].objects).encode())

    def presigned_get(self, bucket: str, key: str, expires_s: int, *, tampered: bool = False) -> ObjectAnswer:
        state = self._reached()
        if tampered and state.check_signatures:
            return ObjectAnswer(403, "SignatureDoesNotMatch")
        return self.get(bucket, key) if expires_s > 0 else ObjectAnswer(403, "AccessDenied")

    def wrong_key_get(self, bucket: str, key: str) -> ObjectAnswer:
        return ObjectAnswer(403, "SignatureDoesNotMatch") if self._reached().check_signatures else self.get(bucket, key)

    def console(self) -> ObjectAnswer:
        status = self._reached().console_status
        if status is None:
            raise Unreachable(f"{self.name} has no console.", evidence="connection refused")
        return ObjectAnswer(status, body=b"<!doctype html>")
