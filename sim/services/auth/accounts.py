"""Users and what they may do, in the tables of the Spatie model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sim.services.auth import passwords
from sim.services.auth.api import Account, RoleDetail, User
from sim.services.chassis.service import Row, Transaction
from sim.services.contract.access import ADMINISTRATOR
from sim.services.contract.problem import Problem, not_found

GUARD: Final = "api"


@dataclass(frozen=True, slots=True)
class NewUser:
    """``email`` in lower case."""

    user_id: str
    email: str
    name: str
    password_hash: str


def create(tx: Transaction, user: NewUser, now: datetime) -> bool:
    """Whether the address was free."""
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON DUPLICATE KEY UPDATE id = id",
        user.user_id,
        user.email,
        user.name,
        user.password_hash,
        now,
        now,
    )
    row = tx.row("SELECT id FROM users WHERE email = %s FOR SHARE", user.email)
    return row is not None and row["id"] == user.user_id


def signed_in(tx: Transaction, email: str, password: str) -> str | None:
    """Whose address and password these are; unknown users take as long as known ones.

    The password and the roles stay as they are until the commit, when the session is there to be revoked.
    """
    user = tx.row("SELECT id, password_hash FROM users WHERE email = %s FOR SHARE", email)
    right = passwords.matches(password, passwords.NOBODY if user is None else user["password_hash"])
    return user["id"] if user is not None and right else None


def confirmed(tx: Transaction, user_id: str, password: str) -> bool:
    """Whether this is the user's password; nobody signs in as them, or changes it, until the commit."""
    user = tx.row("SELECT password_hash FROM users WHERE id = %s FOR UPDATE", user_id)
    return user is not None and passwords.matches(password, user["password_hash"])


def set_password(tx: Transaction, user_id: str, password_hash: str, now: datetime) -> None:
    tx.execute("UPDATE users SET password_hash = %s, updated_at = %s WHERE id = %s", password_hash, now, user_id)


def lock(tx: Transaction, user_id: str) -> None:
    """Nobody signs in as this user, or changes them, until the commit."""
    tx.row("SELECT id FROM users WHERE id = %s FOR UPDATE", user_id)


def join(tx: Transaction, user_id: str, role: str) -> None:
    """Give a new user their first role; nothing else waits for it."""
    tx.execute(
        "INSERT INTO model_has_roles (role_id, model_id) SELECT id, %s FROM roles WHERE name = %s AND guard_name = %s",
        user_id,
        role,
        GUARD,
    )


def load(tx: Transaction, user_id: str) -> Account | None:
    user = tx.row("SELECT id, email, name, created_at FROM users WHERE id = %s", user_id)
    if user is None:
        return None
    permissions = tx.rows(
        "SELECT p.name FROM permissions p WHERE p.id IN ("
        " SELECT rp.permission_id FROM role_has_permissions rp"
        " JOIN model_has_roles mr ON mr.role_id = rp.role_id WHERE mr.model_id = %s"
        " UNION SELECT mp.permission_id FROM model_has_permissions mp WHERE mp.model_id = %s)"
        " ORDER BY p.name",
        user_id,
        user_id,
    )
    return Account(
        user_id=user["id"],
        email=user["email"],
        name=user["name"],
        roles=roles_of(tx, user_id),
        permissions=tuple(row["name"] for row in permissions),
        created_at=user["created_at"].replace(tzinfo=UTC),
    )


def existing(tx: Transaction, user_id: str) -> Account:
    """Problem 404 when there is no such user."""
    account = load(tx, user_id)
    if account is None:
        raise not_found("This user")
    return account


def roles_of(tx: Transaction, user_id: str) -> tuple[str, ...]:
    rows = tx.rows(
        "SELECT r.name FROM roles r JOIN model_has_roles mr ON mr.role_id = r.id"
        " WHERE mr.model_id = %s ORDER BY r.name",
        user_id,
    )
    return tuple(row["name"] for row in rows)


def page(tx: Transaction, limit: int, after: str, role: str) -> tuple[tuple[User, ...], str | None]:
    rows = tx.rows(
        "SELECT u.id, u.email, u.name, u.created_at, GROUP_CONCAT(r.name ORDER BY r.name) AS roles FROM users u"
        " LEFT JOIN model_has_roles mr ON mr.model_id = u.id LEFT JOIN roles r ON r.id = mr.role_id"
        " WHERE u.email > %s AND (%s = '' OR EXISTS (SELECT 1 FROM model_has_roles wanted"
        " JOIN roles named ON named.id = wanted.role_id WHERE wanted.model_id = u.id AND named.name = %s))"
        " GROUP BY u.id, u.email, u.name, u.created_at ORDER BY u.email LIMIT %s",
        after,
        role,
        role,
        limit + 1,
    )
    users = tuple(_user(row) for row in rows[:limit])
    return users, users[-1].email if len(rows) > limit else None


def _user(row: Row) -> User:
    return User(
        user_id=row["id"],
        email=row["email"],
        name=row["name"],
        roles=tuple((row["roles"] or "").split(",")) if row["roles"] else (),
        created_at=row["created_at"].replace(tzinfo=UTC),
    )


def give(tx: Transaction, user_id: str, roles: Collection[str]) -> None:
    """Exactly these roles. Problem 422 names those that do not exist, 409 keeps the last administrator."""
    # Whoever touches administrators queues here, so that two of them cannot each take the other's role.
    tx.row("SELECT id FROM roles WHERE name = %s FOR UPDATE", ADMINISTRATOR)
    known = {row["name"]: row["id"] for row in tx.rows("SELECT id, name FROM roles WHERE guard_name = %s", GUARD)}
    if unknown := sorted(set(roles) - set(known)):
        raise Problem(422, "There are no such roles.", unknown=unknown, known=sorted(known))
    if ADMINISTRATOR not in roles and not _another_administrator(tx, user_id):
        raise Problem(409, "This is the last administrator; make another one first.")
    tx.execute("DELETE FROM model_has_roles WHERE model_id = %s", user_id)
    for role in sorted(set(roles)):
        tx.execute("INSERT INTO model_has_roles (role_id, model_id) VALUES (%s, %s)", known[role], user_id)


def _another_administrator(tx: Transaction, user_id: str) -> bool:
    """Somebody else has the role; a locking read sees what was committed since this transaction began."""
    row = tx.row(
        "SELECT mr.model_id FROM model_has_roles mr JOIN roles r ON r.id = mr.role_id"
        " WHERE r.name = %s AND mr.model_id <> %s LIMIT 1 FOR SHARE",
        ADMINISTRATOR,
        user_id,
    )
    return row is not None


def role_details(tx: Transaction) -> tuple[RoleDetail, ...]:
    rows = tx.rows(
        "SELECT r.name AS role, p.name AS permission FROM roles r"
        " LEFT JOIN role_has_permissions rp ON rp.role_id = r.id LEFT JOIN permissions p ON p.id = rp.permission_id"
        " WHERE r.guard_name = %s ORDER BY r.name, p.name",
        GUARD,
    )
    permissions: dict[str, list[str]] = {}
    for row in rows:
        held = permissions.setdefault(row["role"], [])
        if row["permission"] is not None:
            held.append(row["permission"])
    return tuple(RoleDetail(role, tuple(held)) for role, held in permissions.items())
