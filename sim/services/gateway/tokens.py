"""Access tokens: JWT signed with HMAC-SHA-256 by auth, verified here, and nothing else taken for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import jwt
import msgspec

from sim.services.contract.access import Identity
from sim.services.gateway.refusals import Refusal

ALGORITHM: Final = "HS256"
LEEWAY_S: Final = 5
"""How far two clocks may be apart."""
LONGEST_TOKEN_BYTES: Final = 8192
_REMEMBERED: Final = 4096
REALM: Final = "e-commerce"

_REASONS: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.InvalidIssuerError: "it is from another issuer",
    jwt.InvalidSignatureError: "its signature does not verify",
    jwt.InvalidAlgorithmError: f"it is not signed with {ALGORITHM}",
}


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    jti: str
    exp: float
    iat: float
    email: str = ""
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """``encoded`` is the identity as services read it, encoded once."""

    identity: Identity
    expires_at_s: float
    encoded: str


class InvalidToken(Exception):  # noqa: N818 - what the caller is told
    """Why a token is not honoured, in words for its bearer."""


class Verifier:
    """``now_s`` tells Unix seconds. A token that verified is remembered: only its expiry is looked at again."""

    def __init__(self, secret: str, issuer: str, audience: str, now_s: Callable[[], float]) -> None:
        self._secret = secret
        self._issuer = issuer
        self._audience = audience
        self._now_s = now_s
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._verify)

    def verify(self, token: str) -> Verified:
        """Raises :class:`InvalidToken`."""
        verified = self._remembered(token)
        if verified.expires_at_s + LEEWAY_S <= self._now_s():
            raise InvalidToken("it has expired")
        return verified

    def _verify(self, token: str) -> Verified:
        if len(token) > LONGEST_TOKEN_BYTES:
            raise InvalidToken("it is too long")
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY_S,
                options={"require": ["sub", "jti", "exp", "iat", "iss", "aud"]},
            )
            claims = msgspec.convert(payload, _Claims)
        except jwt.MissingRequiredClaimError as error:
            raise InvalidToken(f"it lacks the claim {error.claim}") from None
        except tuple(_REASONS) as error:
            raise InvalidToken(_REASONS[type(error)]) from None
        # Before its signature is checked a token is anybody's bytes: deep nesting and odd numbers among them.
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError, ArithmeticError, RecursionError):
            raise InvalidToken("it is malformed") from None
        if not claims.sub or not claims.jti:
            raise InvalidToken("it names nobody")
        identity = Identity(claims.sub, claims.email, claims.roles, claims.permissions, claims.jti)
        return Verified(identity, claims.exp, msgspec.json.encode(identity).decode())


def bearer_token(values: list[bytes]) -> str | None:
    """The token of the Authorization headers; None without any. Raises :class:`InvalidToken`."""
    if not values:
        return None
    if len(values) > 1:
        raise InvalidToken("there are several Authorization headers")
    scheme, _, token = values[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise InvalidToken("the Authorization scheme is not Bearer")
    try:
        return token.strip().decode("ascii")
    except UnicodeDecodeError:
        raise InvalidToken("it is malformed") from None


def sign_in_first() -> Refusal:
    challenge = f'Bearer realm="{REALM}"'
    return Refusal(
        401,
        "unauthenticated",
        "Sign in first: send an access token in the Authorization header.",
        headers=((b"www-authenticate", challenge.encode()),),
    )


def not_honoured(why: str) -> Refusal:
    """Also where nobody need sign in: who sends a token means to be known, and must not be taken for a stranger."""
    challenge = f'Bearer realm="{REALM}", error="invalid_token", error_description="{why}"'
    return Refusal(
        401,
        "invalid-token",
        f"The access token is not honoured: {why}. Sign in again, or send no Authorization header.",
        headers=((b"www-authenticate", challenge.encode()),),
    )


def lacks(permission: str) -> Refusal:
    challenge = f'Bearer realm="{REALM}", error="insufficient_scope", scope="{permission}"'
    return Refusal(
        403,
        "forbidden",
        f"This takes the permission {permission}.",
        headers=((b"www-authenticate", challenge.encode()),),
        permission=permission,
    )
