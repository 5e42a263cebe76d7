"""What the document's setup Job does: buckets, versions, life-cycle rules and policies, as its table says."""

from __future__ import annotations

from typing import Any

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
