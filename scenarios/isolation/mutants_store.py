"""Every bucket's policy, opened."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from scenarios.isolation import object_store
from scenarios.isolation.mutant import Mutant, Probes
from sim.plan.access import bucket_users
from sim.scenario import Stage
from sim.servers.object_store_policies import allowing, public_read
from sim.topology.model import Bucket

_ANYBODY = "*"
_READ, _LIST = "s3:GetObject", "s3:ListBucket"
_ACTIONS = (_READ, _LIST, "s3:PutObject", "s3:DeleteObject", "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:*")


def mutants(stage: Stage) -> Iterator[Mutant]:
    for bucket in stage.topology.object_store.buckets:
        for action in _ACTIONS:
            if not (action == _READ and bucket.policy == "public-read"):
                yield _opened(stage, bucket, _ANYBODY, "anybody", action)
        for user in bucket_users(stage.topology):
            if user.bucket != bucket.name:
                # Any account number: the stores differ in what they call their own.
                yield _opened(stage, bucket, f"arn:aws:iam::*:user/{user.name}", user.name, "s3:PutObject")


def _opened(stage: Stage, bucket: Bucket, principal: str, who: str, action: str) -> Mutant:
    """What is public stays so: the statement comes beside those that the policy has.

    Stores differ in which of a policy's allowances they honour for whom, so that the policy itself is looked at, and
    where every store obeys (reading and listing by anybody) the door is tried as well.
    """
    wall = stage.servers.store_wall()
    before = public_read(bucket.name) if bucket.policy == "public-read" else None
    statements = [*(before or {}).get("Statement", ()), *allowing([principal], [action], bucket.name)["Statement"]]
    probes: Probes = {"isolation/buckets-policies": partial(object_store.policies, buckets=(bucket.name,))}
    if principal == _ANYBODY and action in {_READ, _LIST}:
        probes = {"isolation/buckets-anonymous": partial(object_store.anonymous, buckets=(bucket,))}
    return Mutant(
        f"bucket {bucket.name}: {who} may {action}",
        "open a bucket to anybody" if principal == _ANYBODY else "open a bucket to another service",
        wall.name,
        partial(wall.set_policy, bucket.name, {"Version": "2012-10-17", "Statement": statements}),
        partial(wall.set_policy, bucket.name, before),
        probes,
    )
