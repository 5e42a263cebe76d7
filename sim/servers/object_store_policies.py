"""The bucket policies of the document's table, and what any policy document grants to whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_VERSION = "2012-10-17"


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
        "Version": _VERSION,
        "Statement": [
            {"Effect": "Allow", "Action": [*of_bucket], "Resource": [f"arn:aws:s3:::{bucket}"]},
            {"Effect": "Allow", "Action": [*of_objects], "Resource": [f"arn:aws:s3:::{bucket}/*"]},
        ],
    }


def allowing(principals: Iterable[str], actions: Iterable[str], bucket: str) -> dict[str, Any]:
    """A bucket policy that lets ``principals`` (``*`` is anybody) do ``actions`` with the bucket and its objects."""
    return {
        "Version": _VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [*principals]},
                "Action": [*actions],
                "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def public_read(bucket: str) -> dict[str, Any]:
    """Anyone may read an object they know the key of; nobody may list or write."""
    return {
        "Version": _VERSION,
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


def allowances(document: Mapping[str, Any]) -> frozenset[tuple[str, str, str]]:
    """(principal, action, resource) of every statement that allows, spelled alike however the document spells it."""
    found: set[tuple[str, str, str]] = set()
    for statement in document.get("Statement", ()):
        if statement.get("Effect") == "Allow":
            principals = _principals(statement.get("Principal"))
            actions, resources = _listed(statement.get("Action")), _listed(statement.get("Resource"))
            found |= {(p, a, r) for p in principals for a in actions for r in resources}
    return frozenset(found)


def grantees(document: Mapping[str, Any], nobody: str = "") -> Mapping[str, set[str]]:
    """Principal → actions allowed; a user's is its bare name, and ``nobody`` where the document names none."""
    found: dict[str, set[str]] = {}
    for principal, action, _ in allowances(document):
        name = principal.rpartition("user/")[2] or nobody
        found.setdefault(name, set()).add(action)
    return found


def _principals(value: Any) -> tuple[str, ...]:
    if value is None:
        return ("",)
    return _listed(value.get("AWS")) if isinstance(value, Mapping) else _listed(value)


def _listed(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
