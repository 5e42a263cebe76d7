"""Handlers of whoever manages users, and of the gateway asking which tokens are revoked."""

from __future__ import annotations

from datetime import UTC, datetime

from sim.services.auth import accounts, remembered, sessions
from sim.services.auth.api import Account, RevocationList, RoleList, UserPage
from sim.services.chassis.service import Call, Reply


def list_users(call: Call) -> UserPage:
    with call.context.transaction() as tx:
        items, after = accounts.page(tx, call.query.limit, call.query.after, call.query.role)
    return UserPage(items, after)


def show_user(call: Call) -> Account:
    with call.context.transaction() as tx:
        return accounts.existing(tx, call.path["user_id"])


def set_roles(call: Call) -> Reply:
    now = datetime.now(UTC)
    with call.context.transaction() as tx:
        accounts.lock(tx, call.path["user_id"])
        before = accounts.existing(tx, call.path["user_id"])
        accounts.give(tx, before.user_id, call.body.roles)
        after = accounts.existing(tx, before.user_id)
        # What was taken must not be used for another quarter of an hour; what was given can wait for a refresh.
        if set(before.roles) - set(after.roles):
            token_ids = sessions.revoke_access(tx, before.user_id, now)
        else:
            token_ids = sessions.live_access_tokens(tx, before.user_id, now)
        reply = tx.answer(after)
    remembered.forget(call.context.cache, token_ids)
    return reply


def list_roles(call: Call) -> RoleList:
    with call.context.transaction() as tx:
        return RoleList(accounts.role_details(tx))


def list_revocations(call: Call) -> RevocationList:
    with call.context.transaction() as tx:
        return RevocationList(sessions.revocations(tx, datetime.now(UTC)))
