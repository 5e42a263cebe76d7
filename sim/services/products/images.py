"""Product images: their bytes in the public bucket, their names and digests in the database.

Every upload has an object of its own, never used again: a replaced image gets a new URL, which no browser has cached,
and what nobody refers to any more can be deleted without a thought for who uploads at the same moment.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import uuid4

from sim.services.chassis.service import Call, Reply
from sim.services.contract.problem import Problem, not_found
from sim.services.products import api
from sim.services.products.catalogue import known_sku, locked, touch

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_EXTENSIONS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def is_of_type(content: bytes, content_type: str) -> bool:
    """By the first bytes, which a browser goes by, too."""
    match content_type:
        case "image/png":
            return content.startswith(b"\x89PNG\r\n\x1a\n")
        case "image/jpeg":
            return content.startswith(b"\xff\xd8\xff")
        case "image/webp":
            return content.startswith(b"RIFF") and content[8:12] == b"WEBP"
    return False


def put(call: Call) -> Reply:
    """The object first, so that no row ever refers to nothing."""
    upload: api.ImageUpload = call.body
    sku, name = known_sku(call.path["sku"]), call.path["name"]
    if not _NAME.fullmatch(name):
        raise Problem(422, "An image's name is made of lower-case letters, digits, dots, hyphens and underscores.")
    if not is_of_type(upload.content, upload.content_type):
        raise Problem(422, f"This is no {upload.content_type}.")
    bucket = call.context.bucket
    digest = hashlib.sha256(upload.content).hexdigest()
    key = f"{sku}/{uuid4()}.{_EXTENSIONS[upload.content_type]}"
    with call.context.transaction() as tx:
        locked(tx, sku)
        images = {row["name"]: row for row in tx.rows("SELECT * FROM product_images WHERE sku = %s FOR UPDATE", sku)}
        before = images.get(name)
        if before and before["sha256"] == digest and before["content_type"] == upload.content_type:
            return tx.answer(
                api.Image(name, bucket.public_url(before["object_key"]), upload.content_type, len(upload.content))
            )
        if not before and len(images) >= api.MAX_IMAGES:
            raise Problem(409, f"A product has at most {api.MAX_IMAGES} images.")
        bucket.put(key, upload.content, upload.content_type)
        tx.execute(
            "REPLACE INTO product_images (sku, name, object_key, content_type, size_bytes, sha256, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
            sku,
            name,
            key,
            upload.content_type,
            len(upload.content),
            digest,
        )
        reply = tx.answer(api.Image(name, bucket.public_url(key), upload.content_type, len(upload.content)))
        touch(call, tx, sku)
    if before:
        _discard(call, before["object_key"])
    return reply


def delete(call: Call) -> Reply:
    sku, name = known_sku(call.path["sku"]), call.path["name"]
    with call.context.transaction() as tx:
        locked(tx, sku)
        row = tx.row("SELECT object_key FROM product_images WHERE sku = %s AND name = %s FOR UPDATE", sku, name)
        if row is None:
            raise not_found("This image")
        tx.execute("DELETE FROM product_images WHERE sku = %s AND name = %s", sku, name)
        reply = tx.answer(None, 204)
        touch(call, tx, sku)
    _discard(call, row["object_key"])
    return reply


def _discard(call: Call, key: str) -> None:
    """After the commit. An object that stays is in nobody's way."""
    try:
        call.context.bucket.delete(key)
    except Problem as problem:
        call.context.log("warning", "an image nobody refers to stays in the bucket", key=key, reason=problem.detail)
