"""JSON Web Tokens signed with HMAC-SHA-256 (RFC 7519, RFC 7515), by hand: forged ones must be possible, too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

ALGORITHM = "HS256"


def signed(claims: Mapping[str, Any], key: str) -> str:
    head = f"{_part({'alg': ALGORITHM, 'typ': 'JWT'})}.{_part(claims)}"
    return f"{head}.{_signature(head, key)}"


def verified(token: str, key: str, *, issuer: str, audience: str, now_s: float) -> Mapping[str, Any] | None:
    """The claims, None for a token that must not be honoured."""
    head, _, signature = token.rpartition(".")
    header, _, payload = head.partition(".")
    try:
        algorithm = json.loads(_bytes(header))["alg"]
        claims: Mapping[str, Any] = json.loads(_bytes(payload))
        good = (
            algorithm == ALGORITHM
            and hmac.compare_digest(signature, _signature(head, key))
            and claims["iss"] == issuer
            and claims["aud"] == audience
            and claims["exp"] > now_s
        )
    except (ValueError, KeyError, TypeError):
        return None
    return claims if good else None


def _part(value: Mapping[str, Any]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _signature(head: str, key: str) -> str:
    return _text(hmac.new(key.encode(), head.encode(), hashlib.sha256).digest())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
