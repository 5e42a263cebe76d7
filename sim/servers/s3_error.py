"""The error code inside an S3 error document."""

from __future__ import annotations

import re

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]+)</Code>")


def s3_error_code(body: bytes) -> str:
    """``AccessDenied`` from ``<Error><Code>AccessDenied</Code>…``; empty for any other body.

    One element is searched for rather than parsed: the body comes from a server under test and is not to be trusted.
    """
    found = _CODE.search(body[:4096])
    return found[1].decode() if found else ""
