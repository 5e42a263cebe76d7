"""Access tokens: the one kind that is honoured, and all that are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from sim.services.gateway.tokens import InvalidToken, Verifier, bearer_token

_SECRET = "a-secret-of-this-test-alone-0123456789"
_NOW_S = time.time()


def _claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": "auth-service",
        "aud": "e-commerce",
        "sub": "user-1",
        "jti": "token-1",
        "iat": int(_NOW_S),
        "nbf": int(_NOW_S),
        "exp": int(_NOW_S) + 9000,
        "email": "ada@example.com",
        "roles": ["customer"],
        "permissions": ["orders.manage"],
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not ...}


def _verifier(now_s: float = _NOW_S) -> Verifier:
    return Verifier(_SECRET, "auth-service", "e-commerce", lambda: now_s)


def _signed(secret: str = _SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(_claims(**changes), secret, algorithm=algorithm)


def _handmade(header: Any, claims: Any, key: bytes = _SECRET.encode()) -> str:
    def part(value: Any) -> bytes:
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    signed = part(header) + b"." + part(claims)
    return (signed + b"." + part(hmac.new(key, signed, hashlib.sha256).digest())).decode()


def _why(token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        _verifier().verify(token)
    return str(refused.value)


def test_a_token_of_auth_says_who_calls() -> None:
    """Its claims become the identity services are sent."""
    verified = _verifier().verify(_signed())
    assert verified.identity.user_id == "user-1"
    assert verified.identity.token_id == "token-1"
    assert verified.identity.may("orders.manage")
    assert not verified.identity.may("users.manage")
    assert json.loads(verified.encoded)["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": int(_NOW_S) - 60}, "expired"),
        ({"nbf": int(_NOW_S) + 9000}, "not valid yet"),
        ({"iat": int(_NOW_S) + 9000}, "not valid yet"),
        ({"aud": "somewhere-else"}, "audience"),
        ({"iss": "somebody-else"}, "issuer"),
        ({"sub": ...}, "claim sub"),
        ({"jti": ...}, "claim jti"),
        ({"exp": ...}, "claim exp"),
        ({"iat": ...}, "claim iat"),
        ({"aud": ...}, "claim aud"),
        ({"iss": ...}, "claim iss"),
        ({"sub": ""}, "names nobody"),
        ({"permissions": "users.manage"}, "malformed"),
        ({"permissions": [1]}, "malformed"),
        ({"roles": {"administrator": True}}, "malformed"),
        ({"email": 7}, "malformed"),
        ({"exp": "soon"}, "malformed"),
    ],
)
def test_a_signed_token_with_wrong_claims_is_not_honoured(changes: dict[str, Any], why: str) -> None:
    """A good signature does not excuse a wrong time, audience, issuer, or a claim missing or of another type."""
    assert why in _why(_signed(**changes))


def test_two_clocks_may_differ_by_the_leeway() -> None:
    """A token that expired a moment ago by this clock is still honoured."""
    now_s = time.time()
    assert _verifier(now_s).verify(_signed(exp=int(now_s) - 1))


def test_a_forged_signature_is_not_honoured() -> None:
    """Another key, or claims changed after signing."""
    assert "signature" in _why(_signed(secret="another-secret-of-nobody-at-all-000000"))
    head, _, signature = _signed().split(".")
    claims = base64.urlsafe_b64encode(json.dumps(_claims(permissions=["users.manage"])).encode()).rstrip(b"=").decode()
    assert "signature" in _why(f"{head}.{claims}.{signature}")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None])
def test_an_unsigned_token_is_not_honoured(name: object) -> None:
    """``alg: none`` in any spelling, with and without something in the signature's place."""
    for token in (_handmade({"alg": name, "typ": "JWT"}, _claims()),):
        assert _why(token)
        assert _why(token.rpartition(".")[0] + ".")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_not_honoured(algorithm: str) -> None:
    """Not even one signed with the right key."""
    assert "HS256" in _why(_signed(_SECRET * 2, algorithm))
    assert "HS256" in _why(_signed(_SECRET, algorithm))


def test_a_public_key_is_no_secret() -> None:
    """RS256 is refused, and a token signed by HMAC with a public key as secret does not verify."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert "HS256" in _why(jwt.encode(_claims(), private, algorithm="RS256"))
    assert _why(_handmade({"alg": "HS256", "typ": "JWT"}, _claims(), key=public))
    assert _why(_handmade({"alg": "RS256", "typ": "JWT"}, _claims(), key=public))


def test_a_remembered_token_expires_all_the_same() -> None:
    """Verified once, a token is not verified again; its expiry is looked at every time."""
    now_s = _NOW_S
    verifier = Verifier(_SECRET, "auth-service", "e-commerce", lambda: now_s)
    token = _signed()
    assert verifier.verify(token) is verifier.verify(token)
    now_s += 10_000
    with pytest.raises(InvalidToken, match="expired"):
        verifier.verify(token)


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 3000,
        b"{" * 3000,
        b'{"alg":' + b"9" * 3000 + b"}",
        b"\xff",
        b"{}",
        b"null",
        b'{"alg":"HS256","b64":false}',
    ],
)
def test_bytes_that_are_no_token_are_refused_not_crashed_on(header: bytes) -> None:
    """What anybody can put before the signature is checked: deep nesting, huge numbers, no JSON."""
    assert _why(_handmade(header, _claims()))


def test_a_token_of_any_length_is_bounded() -> None:
    """Nobody makes the gateway hash a megabyte."""
    assert "too long" in _why("a" * 100_000)


@given(st.one_of(st.text(max_size=100), st.lists(st.text(max_size=20), min_size=3, max_size=3).map(".".join)))
def test_any_text_is_refused_in_words(token: str) -> None:
    """Nothing but InvalidToken comes out."""
    assert _why(token)


@pytest.mark.parametrize(
    ("values", "token"),
    [([], None), ([b"Bearer abc"], "abc"), ([b"bearer  abc "], "abc"), ([b"BEARER abc"], "abc"), ([b"Bearer"], "")],
)
def test_a_token_is_read_from_its_header(values: list[bytes], token: str | None) -> None:
    """The scheme's case and the spaces around the token do not matter; no header is no token."""
    assert bearer_token(values) == token


@pytest.mark.parametrize("values", [[b"Basic abc"], [b""], [b"Bearer a", b"Bearer b"], [b"Bearer \xff"]])
def test_another_authorization_is_not_honoured(values: list[bytes]) -> None:
    """Another scheme, two headers, or bytes that are no ASCII."""
    with pytest.raises(InvalidToken):
        bearer_token(values)
