"""Tokens as auth makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from sim.services.auth import tokens
from sim.services.auth.api import Account
from sim.services.auth.tokens import TokenSettings

NOW = datetime(2026, 3, 1, 12, 0, 0, 654_321, tzinfo=UTC)
SETTINGS = TokenSettings.of(
    {
        "JWT_SECRET": "a key of at least thirty-two bytes, as HS256 wants",
        "JWT_ISSUER": "auth-service",
        "JWT_AUDIENCE": "e-commerce",
        "JWT_TTL_S": "900",
        "JWT_REFRESH_TTL_S": "86400",
    }
)
ACCOUNT = Account("u-1", "ann@example.com", "Ann", ("customer", "support"), ("tickets.manage",), NOW)


def test_an_access_token_says_who_from_whom_for_whom_and_how_long() -> None:
    """Every registered claim a verifier may require is there, with whole seconds, and what the account may do."""
    token = tokens.access_token(SETTINGS, ACCOUNT, NOW)
    payload = jwt.decode(
        token.encoded,
        SETTINGS.secret,
        ["HS256"],
        audience="e-commerce",
        issuer="auth-service",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    issued_s = int(NOW.timestamp())
    assert payload == {
        "iss": "auth-service",
        "aud": "e-commerce",
        "sub": "u-1",
        "jti": token.token_id,
        "iat": issued_s,
        "nbf": issued_s,
        "exp": issued_s + 900,
        "email": "ann@example.com",
        "roles": ["customer", "support"],
        "permissions": ["tickets.manage"],
    }


def test_an_access_token_of_another_key_does_not_verify() -> None:
    """The signature is made with the key of the settings."""
    token = tokens.access_token(SETTINGS, ACCOUNT, NOW)
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token.encoded, "another key of at least thirty-two bytes", ["HS256"], audience="e-commerce")


def test_a_revocation_outlasts_the_token_by_a_leeway_of_clocks() -> None:
    """A verifier whose clock is behind by seconds must still hear that the token is revoked."""
    token = tokens.access_token(SETTINGS, ACCOUNT, NOW)
    end = NOW.replace(microsecond=0) + timedelta(seconds=900)
    assert timedelta(seconds=5) < token.honoured_until - end < timedelta(minutes=5)


def test_every_token_is_its_own() -> None:
    """Two made at the same moment for the same account differ, so that one can be revoked alone."""
    first, second = (tokens.access_token(SETTINGS, ACCOUNT, NOW) for _ in range(2))
    assert first.token_id != second.token_id
    assert tokens.refresh_token() != tokens.refresh_token()


def test_what_is_kept_of_a_refresh_token_does_not_contain_it() -> None:
    """Whoever reads the database cannot refresh; the hash of any text fits its column."""
    token = tokens.refresh_token()
    assert len(token) <= 200
    assert token not in tokens.token_hash(token)
    assert len(tokens.token_hash(token)) == len(tokens.token_hash("nul\0 and 🔑")) == 64
