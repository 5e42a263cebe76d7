"""What anybody, and each service's key, may do with each bucket, by the document's table (sections 7 and 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.checks.facts import exactly
from sim.checks.walls import Access, Question
from sim.plan.access import bucket_users
from sim.scenario import Evidence
from sim.servers.object_store_policies import allowances, public_read
from sim.servers.store_deeds import DEEDS, OBJECTS, READ, WRITE_ACL, WRITE_POLICY, StoreDeed
from sim.topology.model import Bucket, Topology

NOBODY = "nobody"
READ_URL, WRITE_URL = "read by URL", "write by URL"
AS_SIGNED = "as signed"
ALTERED = (
    "for another object",
    "for another bucket",
    "by another method",
    "for a longer time",
    "in another's name",
    "with another signature",
    "without its signature",
    "after its time",
    "for a foreign bucket",
)
"""What is done to a pre-signed URL, or, at the end, whom it is signed for."""


def expected_anonymous(evidence: Evidence) -> Mapping[Question, Access]:
    """Public reading is of objects whose name one knows, and nothing else."""
    store = evidence.topology.object_store
    return {
        Question(NOBODY, deed.name, bucket.name, store.name): (
            Access.LET_IN if deed is READ and bucket.policy == "public-read" else Access.REFUSED
        )
        for bucket in store.buckets
        for deed in DEEDS
    }


def deeds_of(bucket: Bucket, own: str) -> tuple[StoreDeed, ...]:
    """What is tried with a key: everything on foreign buckets; of its own, what is surely allowed or surely not.

    Whether one may read the policy or tags of one's own bucket harms nobody, and stores differ in it.
    """
    return DEEDS if bucket.name != own else (*OBJECTS, WRITE_POLICY, WRITE_ACL)


def expected_keys(evidence: Evidence) -> Mapping[Question, Access]:
    store = evidence.topology.object_store
    return {
        Question(user.name, deed.name, bucket.name, store.name): _with_key(bucket, user.bucket, deed)
        for user in bucket_users(evidence.topology)
        for bucket in store.buckets
        for deed in deeds_of(bucket, user.bucket)
    }


def _with_key(bucket: Bucket, own: str, deed: StoreDeed) -> Access:
    if bucket.name == own:
        return Access.LET_IN if deed in OBJECTS else Access.REFUSED
    return Access.LET_IN if deed is READ and bucket.policy == "public-read" else Access.REFUSED


def readable_by_url_alone(topology: Topology, bucket: str) -> bool:
    """Whether a URL's signature decides about reading: where the public may not read anyway."""
    return next(b for b in topology.object_store.buckets if b.name == bucket).policy == "private"


def expected_urls(evidence: Evidence) -> Mapping[Question, Access]:
    topology = evidence.topology
    return {
        Question(user.name, f"{action} {how}", user.bucket, topology.object_store.name): (
            Access.LET_IN if how == AS_SIGNED else Access.REFUSED
        )
        for user in bucket_users(topology)
        for action in (WRITE_URL, *([READ_URL] if readable_by_url_alone(topology, user.bucket) else []))
        for how in (AS_SIGNED, *ALTERED)
        if not (action == READ_URL and how in {"for a foreign bucket", "for another bucket"})
    }


def expected_policies(evidence: Evidence) -> Mapping[str, Any]:
    """Bucket → what its policy allows, as sorted (principal, action, resource)."""
    return {
        bucket.name: as_rows(public_read(bucket.name)) if bucket.policy == "public-read" else []
        for bucket in evidence.topology.object_store.buckets
    }


def as_rows(document: Mapping[str, Any]) -> list[str]:
    return sorted(f"{who} may {action} {resource}" for who, action, resource in allowances(document))


def policies_problem(observed: Any, documented: Any) -> str:
    return exactly("its policy's allowances")(observed, documented)
