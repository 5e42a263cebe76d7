"""What the buckets hold: written down, compared, and put back. An object is as it was when its only version is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Listing = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Bucket → key → the entity tag of each version; a delete marker has none."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """``body`` in base64: the whole is kept as JSON."""

    tag: str
    body: str
    content_type: str

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.body)


Objects = Mapping[str, Mapping[str, StoredObject]]
"""Bucket → key → what was there."""


def listed(versions: Mapping[str, list[Any]]) -> Listing:
    """Of what the client lists of each bucket, versions included."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for bucket, objects in versions.items():
        keys: dict[str, tuple[str, ...]] = {}
        for one in objects:
            tag = "" if one.is_delete_marker else str(one.etag).strip('"')
            keys[str(one.object_name)] = (*keys.get(str(one.object_name), ()), tag)
        found[bucket] = keys
    return found


def unlike(fresh: Objects, now: Listing) -> tuple[tuple[str, str], ...]:
    """(bucket, key) of every object that is new, gone or another; the key is empty for a bucket that is."""
    wrong = [(bucket, "") for bucket in sorted({*fresh} ^ {*now})]
    for bucket in sorted({*fresh} & {*now}):
        keys, was = now[bucket], {key: (one.tag,) for key, one in fresh[bucket].items()}
        wrong += [(bucket, key) for key in sorted({*keys, *was}) if keys.get(key) != was.get(key)]
    return tuple(wrong)
