"""What was done already: each changing request and each event is remembered in the transaction of its effects.

The id is claimed by the transaction's first statement. A second delivery at the same time waits on that row's lock:
when the first commits it finds the answer there, when the first rolls back it is free to do the work itself.

A refusal has no effects, and the same call may be tried anew. But its answer went out before the broker heard that the
message is done; delivered again because of that, it must not succeed behind the back of who was told that it failed.
So refusals are remembered, too, for deliveries that the broker repeats, and for those alone.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
import pymysql

from sim.services.chassis.database import Session, is_duplicate
from sim.services.chassis.outcomes import AlreadyAnswered, AlreadyDone, Contention
from sim.services.chassis.service import Reply
from sim.services.contract.problem import Problem

KEEP_DAYS: Final = 2
LONGEST_ID: Final = 64
_PURGE_ROWS: Final = 1000

TABLE: Final = """
CREATE TABLE IF NOT EXISTS inbox (
  message_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  fingerprint BINARY(16) NULL,
  status SMALLINT UNSIGNED NULL,
  body MEDIUMBLOB NULL,
  received_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (message_id),
  KEY inbox_received_at (received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""


def fingerprint(*parts: bytes) -> bytes:
    """Tells a repeated request from another one under the same id."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def claim_request(session: Session, message_id: str, print_: bytes) -> None:
    """Raises AlreadyAnswered, Problem 422 when the id was another request's, Contention."""
    try:
        session.execute("INSERT INTO inbox (message_id, fingerprint) VALUES (%s, %s)", (message_id, print_))
    except pymysql.err.IntegrityError as error:
        if not is_duplicate(error):
            raise
        known = session.row("SELECT fingerprint, status, body FROM inbox WHERE message_id = %s", (message_id,))
        if known is None:
            raise Contention("the first delivery was undone meanwhile") from error
        if known["fingerprint"] != print_:
            raise Problem(422, "This Idempotency-Key was used for another request.") from error
        raise AlreadyAnswered(recall(known["status"], known["body"])) from error


def recall(status: int | None, body: bytes | None) -> Reply:
    """The reply as it was; a claim is never committed without one."""
    return Reply(msgspec.Raw(body) if body else None, status or 200)


def remember(session: Session, message_id: str, status: int, body: bytes) -> None:
    session.execute("UPDATE inbox SET status = %s, body = %s WHERE message_id = %s", (status, body, message_id))


def forget(session: Session, message_id: str) -> None:
    """A transaction that gave no answer leaves no claim behind: the call's next one claims again."""
    session.execute("DELETE FROM inbox WHERE message_id = %s", (message_id,))


def remember_refusal(session: Session, message_id: str, print_: bytes, status: int, body: bytes) -> None:
    """The latest counts."""
    session.execute(
        "INSERT INTO inbox (message_id, fingerprint, status, body) VALUES (%s, %s, %s, %s) ON DUPLICATE KEY UPDATE"
        " fingerprint = VALUES(fingerprint), status = VALUES(status), body = VALUES(body)",
        (_refusal_id(message_id), print_, status, body),
    )


def refusal(session: Session, message_id: str, print_: bytes) -> tuple[int, bytes] | None:
    """Status and body of the problem that this request was answered with; None when it was not, or when it was done."""
    done = session.row("SELECT 1 FROM inbox WHERE message_id = %s", (message_id,))
    known = session.row("SELECT fingerprint, status, body FROM inbox WHERE message_id = %s", (_refusal_id(message_id),))
    if done is not None or known is None or known["fingerprint"] != print_:
        return None
    return int(known["status"]), bytes(known["body"])


def _refusal_id(message_id: str) -> str:
    """Beside the claim, which a refusal leaves free."""
    return f"refused {hashlib.blake2b(message_id.encode(), digest_size=24).hexdigest()}"


def claim_event(session: Session, message_id: str) -> None:
    """Raises AlreadyDone."""
    try:
        session.execute("INSERT INTO inbox (message_id) VALUES (%s)", (message_id,))
    except pymysql.err.IntegrityError as error:
        if is_duplicate(error):
            raise AlreadyDone from error
        raise


def purge(session: Session) -> bool:
    """Forget what is older than two days, a thousand rows at a time; whether there may be more."""
    deleted = session.execute(
        "DELETE FROM inbox WHERE received_at < UTC_TIMESTAMP(6) - INTERVAL %s DAY LIMIT %s", (KEEP_DAYS, _PURGE_ROWS)
    )
    return deleted == _PURGE_ROWS
