"""Sessions in the database, the durable truth: refresh tokens that rotate, access tokens that can be revoked."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sim.services.auth import accounts
from sim.services.auth.api import Account, Revocation, Tokens
from sim.services.auth.tokens import TokenSettings, access_token, refresh_token, token_hash
from sim.services.chassis.service import Transaction
from sim.services.contract.events import SessionRevoked

PURGED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Issued:
    """``token_id`` is the access token's."""

    tokens: Tokens
    token_id: str
    account: Account


@dataclass(frozen=True, slots=True)
class Refused:
    """No tokens; ``revoked`` are the access tokens that ended with it."""

    revoked: tuple[str, ...] = ()


def open_session(tx: Transaction, settings: TokenSettings, account: Account, now: datetime) -> Issued:
    session_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES (%s, %s, %s, %s)",
        session_id,
        account.user_id,
        now,
        now + settings.refresh_ttl,
    )
    return _issue(tx, settings, session_id, account, now)


def _issue(tx: Transaction, settings: TokenSettings, session_id: str, account: Account, now: datetime) -> Issued:
    access = access_token(settings, account, now)
    refresh = refresh_token()
    tx.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, access_token_id, access_honoured_until, expires_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        token_hash(refresh),
        session_id,
        access.token_id,
        access.honoured_until,
        now + settings.refresh_ttl,
    )
    return Issued(Tokens(access.encoded, refresh, int(settings.ttl.total_seconds())), access.token_id, account)


def rotate(
    tx: Transaction, settings: TokenSettings, presented: str, message_id: str, now: datetime
) -> Issued | Refused:
    """The next tokens of the session, unless the token is unknown, expired or revoked, or was used before.

    Used before means stolen, by whoever came second: the whole session ends (the caller must commit that). The same
    call delivered again is no second use; its first answer may be lost, and is not kept, so it is given new tokens.
    """
    token = tx.row(
        "SELECT t.session_id, t.expires_at, t.used_by, s.user_id, s.revoked_at FROM refresh_tokens t"
        " JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id WHERE t.token_hash = %s"
        " FOR UPDATE OF t, s FOR SHARE OF u",
        token_hash(presented),
    )
    if token is None or token["revoked_at"] is not None or token["expires_at"].replace(tzinfo=UTC) <= now:
        return Refused()
    if token["used_by"] not in {None, message_id}:
        return Refused(tuple(revoke(tx, [token["session_id"]], now)))
    account = accounts.load(tx, token["user_id"])
    if account is None:
        return Refused()
    tx.execute(
        "UPDATE refresh_tokens SET used_at = %s, used_by = %s WHERE token_hash = %s",
        now,
        message_id,
        token_hash(presented),
    )
    tx.execute("UPDATE sessions SET expires_at = %s WHERE id = %s", now + settings.refresh_ttl, token["session_id"])
    return _issue(tx, settings, token["session_id"], account, now)


def session_of(tx: Transaction, token_id: str) -> str | None:
    row = tx.row("SELECT session_id FROM refresh_tokens WHERE access_token_id = %s", token_id)
    return None if row is None else row["session_id"]


def others(tx: Transaction, user_id: str, kept_session: str | None) -> list[str]:
    """The user's other sessions, in an order that keeps two callers from waiting for each other."""
    rows = tx.rows(
        "SELECT id FROM sessions WHERE user_id = %s AND revoked_at IS NULL AND id <> %s ORDER BY id FOR UPDATE",
        user_id,
        kept_session or "",
    )
    return [row["id"] for row in rows]


def revoke(tx: Transaction, session_ids: Iterable[str], now: datetime) -> list[str]:
    """End sessions, refresh tokens and access tokens alike; the ids of the access tokens."""
    revoked: list[str] = []
    for session_id in session_ids:
        tx.execute("UPDATE sessions SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL", now, session_id)
        revoked += _revoke_access(
            tx,
            tx.rows(
                "SELECT access_token_id, access_honoured_until FROM refresh_tokens"
                " WHERE session_id = %s AND access_honoured_until > %s FOR SHARE",
                session_id,
                now,
            ),
        )
    return revoked


def revoke_access(tx: Transaction, user_id: str, now: datetime) -> list[str]:
    """End the user's access tokens, not their sessions: the next refresh gives them what they may do now."""
    return _revoke_access(tx, _live_access_tokens(tx, user_id, now))


def revoke_token(tx: Transaction, token_id: str, expires_at: datetime) -> None:
    """End one access token, whatever session it is of; nothing is said twice."""
    if tx.execute("INSERT IGNORE INTO revocations (token_id, expires_at) VALUES (%s, %s)", token_id, expires_at):
        expires_at_s = math.ceil(expires_at.replace(tzinfo=UTC).timestamp())
        tx.emit("session.revoked", SessionRevoked(token_id=token_id, expires_at_s=expires_at_s))


def live_access_tokens(tx: Transaction, user_id: str, now: datetime) -> list[str]:
    return [row["access_token_id"] for row in _live_access_tokens(tx, user_id, now)]


def _live_access_tokens(tx: Transaction, user_id: str, now: datetime) -> Iterable[Any]:
    return tx.rows(
        "SELECT t.access_token_id, t.access_honoured_until FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id"
        " WHERE s.user_id = %s AND t.access_honoured_until > %s FOR SHARE",
        user_id,
        now,
    )


def _revoke_access(tx: Transaction, tokens: Iterable[Any]) -> list[str]:
    token_ids = []
    for token in tokens:
        revoke_token(tx, token["access_token_id"], token["access_honoured_until"])
        token_ids.append(token["access_token_id"])
    return token_ids


def is_revoked(tx: Transaction, token_id: str) -> bool:
    return tx.row("SELECT token_id FROM revocations WHERE token_id = %s", token_id) is not None


def revocations(tx: Transaction, now: datetime) -> tuple[Revocation, ...]:
    rows = tx.rows("SELECT token_id, expires_at FROM revocations WHERE expires_at > %s ORDER BY expires_at", now)
    return tuple(
        Revocation(row["token_id"], math.ceil(row["expires_at"].replace(tzinfo=UTC).timestamp())) for row in rows
    )


def purge(tx: Transaction, now: datetime) -> None:
    """Forget what no token can refer to any more, some at a time so that nobody waits long."""
    # A day late: an access token may outlive its refresh token when it was configured so.
    tx.execute("DELETE FROM refresh_tokens WHERE expires_at < %s LIMIT %s", now - timedelta(days=1), PURGED_AT_ONCE)
    tx.execute("DELETE FROM sessions WHERE expires_at < %s LIMIT %s", now - timedelta(days=1), PURGED_AT_ONCE)
    tx.execute("DELETE FROM revocations WHERE expires_at < %s LIMIT %s", now, PURGED_AT_ONCE)
