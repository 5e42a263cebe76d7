"""What the document's setup Job does: buckets, versions, life-cycle rules and policies, as its table says."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sim.plan.access import BucketUser
from sim.servers.object_store import S3Server
from sim.servers.object_store_policies import own_bucket, public_read
from sim.topology.model import ObjectStore

NONCURRENT_RULE = "expire-noncurrent-versions"


def set_up_buckets(store: S3Server, documented: ObjectStore) -> None:
    """Idempotent: a second run changes nothing, and puts back what was changed by hand."""
    for bucket in documented.buckets:
        store.make_bucket(bucket.name)
        if bucket.versioning:
            store.enable_versioning(bucket.name)
        store.expire_noncurrent_versions(bucket.name, NONCURRENT_RULE, bucket.noncurrent_expiry_days)
        store.set_policy(bucket.name, public_read(bucket.name) if bucket.policy == "public-read" else None)


def set_up_users(store: S3Server, users: Iterable[BucketUser], secret: Callable[[str], str]) -> None:
    """A key for each service with a bucket, good for that bucket alone. Idempotent."""
    for user in users:
        store.admit(user.name, secret(user.secret_key_secret), own_bucket(user.bucket))
