"""Tokens: access tokens are JWTs anybody with the key can verify, refresh tokens are random and kept as hashes."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import jwt

from sim.services.auth.api import Account

ALGORITHM: Final = "HS256"
LEEWAY: Final = timedelta(seconds=30)
"""How long past its end a verifier whose clock is behind may honour a token: a revocation must outlast it."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    secret: str
    issuer: str
    audience: str
    ttl: timedelta
    refresh_ttl: timedelta

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> TokenSettings:
        return cls(
            secret=settings["JWT_SECRET"],
            issuer=settings["JWT_ISSUER"],
            audience=settings["JWT_AUDIENCE"],
            ttl=timedelta(seconds=int(settings["JWT_TTL_S"])),
            refresh_ttl=timedelta(seconds=int(settings["JWT_REFRESH_TTL_S"])),
        )


@dataclass(frozen=True, slots=True)
class AccessToken:
    """``encoded`` is the JWT, ``token_id`` its jti claim; nobody honours it after ``honoured_until`` (UTC)."""

    encoded: str
    token_id: str
    honoured_until: datetime


def claims(settings: TokenSettings, account: Account, token_id: str, now: datetime) -> dict[str, Any]:
    """Registered claims (RFC 7519), then what the account may do: services need not ask again."""
    issued_s = int(now.timestamp())
    return {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": account.user_id,
        "jti": token_id,
        "iat": issued_s,
        "nbf": issued_s,
        "exp": issued_s + int(settings.ttl.total_seconds()),
        "email": account.email,
        "roles": list(account.roles),
        "permissions": list(account.permissions),
    }


def access_token(settings: TokenSettings, account: Account, now: datetime) -> AccessToken:
    token_id = str(uuid.uuid4())
    encoded = jwt.encode(claims(settings, account, token_id, now), settings.secret, algorithm=ALGORITHM)
    return AccessToken(encoded, token_id, now.replace(microsecond=0) + settings.ttl + LEEWAY)


def refresh_token() -> str:
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """256 random bits need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
