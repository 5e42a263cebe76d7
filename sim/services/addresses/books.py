"""Customers' books of addresses in MySQL. Whatever changes a book locks its row first: one change at a time."""

from __future__ import annotations

import re
import uuid
from typing import Final

from sim.services.chassis.service import Row, Transaction
from sim.services.contract.events import PostalAddress
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.shop import Address

LARGEST_BOOK: Final = 100
_SELECT: Final = (
    "SELECT a.number, a.address_id, a.recipient, a.line1, a.line2, a.postal_code, a.city, a.country,"
    " a.address_id <=> b.default_address_id AS is_default"
    " FROM addresses a JOIN books b ON b.user_id = a.user_id WHERE a.user_id = %s"
)
_IDENTIFIER: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def lock(tx: Transaction, user_id: str) -> None:
    """The caller's book is nobody else's until the transaction ends; made when there is none yet."""
    tx.execute("INSERT INTO books (user_id) VALUES (%s) ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)", user_id)


def page(tx: Transaction, user_id: str, limit: int, after: str | None) -> tuple[tuple[Address, ...], str | None]:
    """Newest first, and where the next page begins."""
    bounded, bounds = (" AND a.number < %s", (int(after),)) if after is not None else ("", ())
    rows = tx.rows(f"{_SELECT}{bounded} ORDER BY a.number DESC LIMIT %s", user_id, *bounds, limit + 1)
    following = str(rows[limit - 1]["number"]) if len(rows) > limit else None
    return tuple(map(_address, rows[:limit])), following


def find(tx: Transaction, user_id: str, address_id: str) -> Address:
    """Raises Problem 404 for an address that is not there, or somebody else's: nobody learns which."""
    known = _IDENTIFIER.fullmatch(address_id) is not None
    row = tx.row(f"{_SELECT} AND a.address_id = %s", user_id, address_id) if known else None
    if row is None:
        raise not_found("This address")
    return _address(row)


def add(tx: Transaction, user_id: str, address: PostalAddress) -> str:
    """The new address's id. Raises Problem 409 when the (locked) book is full."""
    counted = tx.row("SELECT COUNT(*) AS kept FROM addresses WHERE user_id = %s", user_id)
    if counted is not None and counted["kept"] >= LARGEST_BOOK:
        raise Problem(409, f"A customer can keep {LARGEST_BOOK} addresses: delete one first.")
    address_id = str(uuid.uuid4())
    tx.execute(
        "INSERT INTO addresses (address_id, user_id, recipient, line1, line2, postal_code, city, country)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        address_id,
        user_id,
        *_columns(address),
    )
    return address_id


def change(tx: Transaction, address_id: str, address: PostalAddress) -> None:
    tx.execute(
        "UPDATE addresses SET recipient = %s, line1 = %s, line2 = %s, postal_code = %s, city = %s, country = %s,"
        " updated_at = UTC_TIMESTAMP(6) WHERE address_id = %s",
        *_columns(address),
        address_id,
    )


def delete(tx: Transaction, address_id: str) -> None:
    """The book's default becomes NULL with it, by its foreign key."""
    tx.execute("DELETE FROM addresses WHERE address_id = %s", address_id)


def make_default(tx: Transaction, user_id: str, address_id: str) -> None:
    tx.execute("UPDATE books SET default_address_id = %s WHERE user_id = %s", address_id, user_id)


def ensure_default(tx: Transaction, user_id: str) -> None:
    """A book that has addresses has a default: the newest, where nobody chose."""
    tx.execute(
        "UPDATE books SET default_address_id ="
        " (SELECT address_id FROM addresses WHERE user_id = %s ORDER BY number DESC LIMIT 1)"
        " WHERE user_id = %s AND default_address_id IS NULL",
        user_id,
        user_id,
    )


def _columns(address: PostalAddress) -> tuple[str, ...]:
    return (address.recipient, address.line1, address.line2, address.postal_code, address.city, address.country)


def _address(row: Row) -> Address:
    return Address(
        address_id=row["address_id"],
        address=PostalAddress(
            recipient=row["recipient"],
            line1=row["line1"],
            line2=row["line2"],
            postal_code=row["postal_code"],
            city=row["city"],
            country=row["country"],
        ),
        default=bool(row["is_default"]),
    )
