"""Access tokens that nobody issued: each differs from a true one in a single respect."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from sim.scenario import Stage


def forgeries(stage: Stage, token: str) -> Mapping[str, str]:
    """Tokens that differ from a true one in a single respect each."""
    facts = stage.plan.of_kind("gateway")[0].facts
    key = stage.servers.secret(facts["jwt_secret"])
    header, payload, _ = token.split(".")
    head, claims = _part(header), _part(payload)
    promoted = {**claims, "permissions": ["users.manage"]}
    return {
        "forged": _signed(head, claims, f"{key}x"),
        "promoted": f"{_text(head)}.{_text(promoted)}.{token.rpartition('.')[2]}",
        "unsigned": f"{_text({**head, 'alg': 'none'})}.{_text(claims)}.",
        "expired": _signed(head, {**claims, "iat": claims["iat"] - 7200, "exp": claims["iat"] - 3600}, key),
        "elsewhere": _signed(head, {**claims, "aud": "another-shop"}, key),
        "imposter": _signed(head, {**claims, "iss": "another-service"}, key),
    }


def _part(text: str) -> dict[str, Any]:
    part: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return part


def _text(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).rstrip(b"=").decode()


def _signed(head: Mapping[str, Any], claims: Mapping[str, Any], key: str) -> str:
    signed = f"{_text(head)}.{_text(claims)}"
    digest = hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
