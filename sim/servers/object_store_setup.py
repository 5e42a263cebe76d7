"""What the document's setup Job does: buckets, versions, life-cycle rules and policies, as its table says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sim.plan.access import BucketUser
from sim.servers.object_store import S3Server
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


def own_bucket(bucket: str) -> dict[str, Any]:
    """Everything a service does with objects of its own bucket; nothing to the bucket itself."""
    of_bucket = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads")
    of_objects = (
        *(f"s3:{verb}Object{part}" for verb in ("Get", "Put", "Delete") for part in ("", "Tagging")),
        *(f"s3:{verb}ObjectVersion" for verb in ("Get", "Delete")),
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    )
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": [*of_bucket], "Resource": [f"arn:aws:s3:::{bucket}"]},
            {"Effect": "Allow", "Action": [*of_objects], "Resource": [f"arn:aws:s3:::{bucket}/*"]},
        ],
    }


def public_read(bucket: str) -> dict[str, Any]:
    """Anyone may read an object they know the key of; nobody may list or write."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PublicRead",
                "Effect": "Allow",
                "Principal": {"AWS": ["*"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }
