"""Handlers of whoever comes and goes: register, sign in, stay signed in, sign out.

Answers with tokens are returned without being remembered in the inbox: the database holds their hashes only. Signing
in twice makes two sessions, which harms nobody; refreshing knows the call that used a token.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sim.services.auth import accounts, passwords, remembered, sessions
from sim.services.auth.accounts import NewUser
from sim.services.auth.api import Account, Tokens
from sim.services.auth.sessions import Refused
from sim.services.auth.throttle import Throttle
from sim.services.auth.tokens import LEEWAY, TokenSettings
from sim.services.chassis.service import Call, Reply
from sim.services.contract.access import CUSTOMER
from sim.services.contract.events import UserRegistered
from sim.services.contract.problem import Problem


def register(call: Call) -> Reply:
    user = NewUser(str(uuid.uuid4()), call.body.email.lower(), call.body.name, passwords.hashed(call.body.password))
    with call.context.transaction() as tx:
        if not accounts.create(tx, user, datetime.now(UTC)):
            raise Problem(409, "There is an account with this e-mail address.")
        accounts.join(tx, user.user_id, CUSTOMER)
        tx.emit("user.registered", UserRegistered(user_id=user.user_id, email=user.email, name=user.name))
        return tx.answer(accounts.existing(tx, user.user_id))


def login(call: Call) -> Tokens:
    email, now = call.body.email.lower(), datetime.now(UTC)
    throttle = Throttle(call.context.cache, email)
    throttle.check(now.timestamp())
    with call.context.transaction() as tx:
        user_id = accounts.signed_in(tx, email, call.body.password)
        if user_id is None:
            throttle.failed(now.timestamp())
            raise Problem(401, "The e-mail address or the password is wrong.")
        account = accounts.existing(tx, user_id)
        issued = sessions.open_session(tx, TokenSettings.of(call.context.settings), account, now)
    throttle.forget()
    remembered.remember(call.context.cache, issued.token_id, issued.account)
    return issued.tokens


def refresh(call: Call) -> Tokens:
    settings, now = TokenSettings.of(call.context.settings), datetime.now(UTC)
    with call.context.transaction() as tx:
        issued = sessions.rotate(tx, settings, call.body.refresh_token, call.message_id, now)
    if isinstance(issued, Refused):
        # After the commit: a session that ended because of a second use stays ended.
        remembered.forget(call.context.cache, issued.revoked)
        raise Problem(401, "This refresh token is not good any more. Sign in again.")
    remembered.remember(call.context.cache, issued.token_id, issued.account)
    return issued.tokens


def logout(call: Call) -> Reply:
    now, token_id = datetime.now(UTC), call.caller.token_id
    with call.context.transaction() as tx:
        session_id = sessions.session_of(tx, token_id)
        token_ids = sessions.revoke(tx, [session_id] if session_id else [], now)
        if token_id not in token_ids:  # signed, yet of no session known here
            sessions.revoke_token(tx, token_id, now + TokenSettings.of(call.context.settings).ttl + LEEWAY)
        reply = tx.answer(None)
    remembered.forget(call.context.cache, [token_id, *token_ids])
    return reply


def me(call: Call) -> Account:
    token_id = call.caller.token_id
    account = remembered.recall(call.context.cache, token_id)
    if account is None:
        with call.context.transaction() as tx:
            account = accounts.load(tx, call.caller.user_id)
            if account is None or sessions.is_revoked(tx, token_id):
                raise Problem(401, "This session has ended. Sign in again.")
        remembered.remember(call.context.cache, token_id, account)
    return account


def change_me(call: Call) -> Reply:
    now, user_id = datetime.now(UTC), call.caller.user_id
    with call.context.transaction() as tx:
        tx.execute("UPDATE users SET name = %s, updated_at = %s WHERE id = %s", call.body.name, now, user_id)
        token_ids = sessions.live_access_tokens(tx, user_id, now)
        reply = tx.answer(accounts.existing(tx, user_id))
    remembered.forget(call.context.cache, token_ids)
    return reply


def change_password(call: Call) -> Reply:
    now, caller = datetime.now(UTC), call.caller
    throttle = Throttle(call.context.cache, caller.email)
    throttle.check(now.timestamp())
    with call.context.transaction() as tx:
        if not accounts.confirmed(tx, caller.user_id, call.body.current_password):
            throttle.failed(now.timestamp())
            raise Problem(403, "The current password is wrong.")
        accounts.set_password(tx, caller.user_id, passwords.hashed(call.body.new_password), now)
        kept = sessions.session_of(tx, caller.token_id)
        token_ids = sessions.revoke(tx, sessions.others(tx, caller.user_id, kept), now)
        reply = tx.answer(None)
    remembered.forget(call.context.cache, token_ids)
    return reply
