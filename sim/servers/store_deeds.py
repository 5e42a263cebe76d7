"""S3 requests that show what a key, or nobody's, may do with a bucket, each harmless where it is allowed.

Harmless: a policy or list that is put is no valid one, and what is deleted was never there.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class S3Key:
    """An access key and its secret."""

    access: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoreDeed:
    """``method`` on a bucket, or on an object of it when ``object``; ``query`` is the sub-resource.

    ``action`` is the name S3 policies give it. ``own`` objects are put by the rig before and taken away after.
    """

    name: str
    action: str
    method: str
    object: str = ""
    query: str = ""
    body: bytes = b""


THERE, NOT_THERE, NEW = "there", "not there", "new"
"""The object a deed is on: one that is surely there, one that surely is not, or one that would be made."""

READ = StoreDeed("read an object", "s3:GetObject", "GET", THERE)
WRITE = StoreDeed("write an object", "s3:PutObject", "PUT", NEW, body=b"sim-probe")
DELETE = StoreDeed("delete an object", "s3:DeleteObject", "DELETE", NOT_THERE)
LIST = StoreDeed("list its objects", "s3:ListBucket", "GET", query="list-type=2&max-keys=1")
LIST_VERSIONS = StoreDeed("list its versions", "s3:ListBucketVersions", "GET", query="versions&max-keys=1")
READ_POLICY = StoreDeed("read its policy", "s3:GetBucketPolicy", "GET", query="policy")
WRITE_POLICY = StoreDeed("change its policy", "s3:PutBucketPolicy", "PUT", query="policy", body=b"{}")
READ_ACL = StoreDeed("read its access list", "s3:GetBucketAcl", "GET", query="acl")
WRITE_ACL = StoreDeed("change its access list", "s3:PutBucketAcl", "PUT", query="acl", body=b"<none/>")
READ_OBJECT_ACL = StoreDeed("read an object's access list", "s3:GetObjectAcl", "GET", THERE, "acl")
READ_TAGS = StoreDeed("read an object's tags", "s3:GetObjectTagging", "GET", THERE, "tagging")
LIST_UPLOADS = StoreDeed("list its unfinished uploads", "s3:ListBucketMultipartUploads", "GET", query="uploads")

DEEDS = (
    READ,
    WRITE,
    DELETE,
    LIST,
    LIST_VERSIONS,
    READ_POLICY,
    WRITE_POLICY,
    READ_ACL,
    WRITE_ACL,
    READ_OBJECT_ACL,
    READ_TAGS,
    LIST_UPLOADS,
)
OBJECTS = (READ, WRITE, DELETE, LIST, LIST_VERSIONS)
"""What a service does with the objects of its own bucket."""
