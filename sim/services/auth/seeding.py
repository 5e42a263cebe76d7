"""First rows: roles and permissions of the contract, and the first administrator."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sim.services.auth import accounts, passwords
from sim.services.auth.accounts import GUARD, NewUser
from sim.services.chassis.service import Context, Transaction
from sim.services.contract.access import ADMINISTRATOR, CUSTOMER, PERMISSIONS, ROLES


def prepare(context: Context) -> None:
    """Safe to run again, and by several replicas at once: they queue for the guard's row."""
    with context.transaction() as tx:
        tx.row("SELECT name FROM guards WHERE name = %s FOR UPDATE", GUARD)
        _roles_and_permissions(tx)
        _first_administrator(tx, context.settings["ADMIN_EMAIL"].lower(), context.settings["ADMIN_PASSWORD"])


def _roles_and_permissions(tx: Transaction) -> None:
    for name, description in PERMISSIONS.items():
        tx.execute(
            "INSERT IGNORE INTO permissions (name, guard_name, description) VALUES (%s, %s, %s)",
            name,
            GUARD,
            description,
        )
    for role, permissions in ROLES.items():
        tx.execute("INSERT IGNORE INTO roles (name, guard_name) VALUES (%s, %s)", role, GUARD)
        for permission in permissions:
            tx.execute(
                "INSERT IGNORE INTO role_has_permissions (role_id, permission_id)"
                " SELECT r.id, p.id FROM roles r JOIN permissions p ON p.guard_name = r.guard_name"
                " WHERE r.name = %s AND p.name = %s AND r.guard_name = %s",
                role,
                permission,
                GUARD,
            )


def _first_administrator(tx: Transaction, email: str, password: str) -> None:
    """Only where there is none: a password changed since then is not overwritten."""
    if tx.row(
        "SELECT mr.model_id FROM model_has_roles mr JOIN roles r ON r.id = mr.role_id"
        " WHERE r.name = %s LIMIT 1 FOR SHARE",
        ADMINISTRATOR,
    ):
        return
    administrator = NewUser(str(uuid.uuid4()), email, "Administrator", passwords.hashed(password))
    accounts.create(tx, administrator, datetime.now(UTC))
    user = tx.row("SELECT id FROM users WHERE email = %s FOR SHARE", email)
    if user is not None:
        accounts.give(tx, user["id"], [CUSTOMER, ADMINISTRATOR])
