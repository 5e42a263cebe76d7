"""Auth in memory: accounts, tokens and what they permit; logout ends a session, a refresh token is good for one use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sim.runtime.fake.shop.model import Call, Handler, Shelves, page
from sim.runtime.fake.shop.tokens import signed
from sim.services.auth import api
from sim.services.contract.access import ADMINISTRATOR, CUSTOMER, ROLES
from sim.services.contract.events import SessionRevoked, UserRegistered
from sim.services.contract.problem import Problem, not_found
from sim.topology.model import Tokens

_FAILURES_BEFORE_429 = 5


@dataclass(slots=True)
class _Session:
    """``tokens`` are the ids of its access tokens."""

    user_id: str
    ended: bool = False
    tokens: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Refresh:
    session: _Session
    used: bool = False


@dataclass(slots=True)
class Doorman:
    """``users`` are accounts by id, ``passwords`` by user id, ``revoked`` the ids of tokens no longer honoured."""

    key: str
    tokens: Tokens
    users: dict[str, api.Account] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    refreshes: dict[str, _Refresh] = field(default_factory=dict)
    sessions: dict[str, _Session] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)

    def found(self, email: str) -> api.Account | None:
        return next((user for user in self.users.values() if user.email == email.lower()), None)

    def enrol(self, shelves: Shelves, email: str, password: str, name: str, role: str) -> api.Account:
        account = api.Account(shelves.new_id(), email.lower(), name, (role,), ROLES[role], shelves.calendar())
        self.users[account.user_id] = account
        self.passwords[account.user_id] = password
        return account

    def handlers(self) -> Mapping[str, Handler]:
        return {
            api.REGISTER.name: self._register,
            api.LOGIN.name: self._login,
            api.REFRESH.name: self._refresh,
            api.LOGOUT.name: self._logout,
            api.SHOW_ME.name: lambda call: self._known(call.caller.user_id),
            api.LIST_USERS.name: self._list,
            api.SHOW_USER.name: lambda call: self._known(call.path["user_id"]),
            api.SET_ROLES.name: self._set_roles,
            api.LIST_ROLES.name: self._roles,
        }

    def first_administrator(self, shelves: Shelves, email: str, password: str) -> None:
        self.enrol(shelves, email, password, "Administrator", ADMINISTRATOR)

    def _known(self, user_id: str) -> api.Account:
        if user_id not in self.users:
            raise not_found("This user")
        return self.users[user_id]

    def _register(self, call: Call) -> api.Account:
        if self.found(call.body.email) is not None:
            raise Problem(409, "This address has an account.")
        account = self.enrol(call.shop, call.body.email, call.body.password, call.body.name, CUSTOMER)
        call.emit("user.registered", UserRegistered(account.user_id, account.email, account.name))
        return account

    def _login(self, call: Call) -> api.Tokens:
        email = call.body.email.lower()
        if self.failures.get(email, 0) >= _FAILURES_BEFORE_429:
            raise Problem(429, "Too many failures.", retry_after_s=60)
        account = self.found(email)
        if account is None or self.passwords[account.user_id] != call.body.password:
            self.failures[email] = self.failures.get(email, 0) + 1
            raise Problem(401, "Address or password is wrong.")
        self.failures.pop(email, None)
        return self._issued(call.shop, _Session(account.user_id))

    def _issued(self, shelves: Shelves, session: _Session) -> api.Tokens:
        account = self.users[session.user_id]
        token_id, refresh = shelves.new_id(), f"refresh-{shelves.new_id()}"
        now_s = shelves.calendar().timestamp()
        claims: dict[str, Any] = {
            "iss": self.tokens.issuer,
            "aud": self.tokens.audience,
            "sub": account.user_id,
            "jti": token_id,
            "iat": now_s,
            "exp": now_s + self.tokens.ttl_s,
            "email": account.email,
            "roles": list(account.roles),
            "permissions": list(account.permissions),
        }
        session.tokens.append(token_id)
        self.sessions[token_id] = session
        self.refreshes[refresh] = _Refresh(session)
        return api.Tokens(signed(claims, self.key), refresh, int(self.tokens.ttl_s))

    def _refresh(self, call: Call) -> api.Tokens:
        held = self.refreshes.get(call.body.refresh_token)
        if held is None or held.session.ended:
            raise Problem(401, "This refresh token is not honoured.")
        if held.used and not call.shop.switches.refreshes_twice:
            self._end(call, held.session)
            raise Problem(401, "This refresh token was used; its session is over.")
        held.used = True
        return self._issued(call.shop, held.session)

    def _logout(self, call: Call) -> None:
        self._end(call, self.sessions[call.caller.token_id])

    def _end(self, call: Call, session: _Session) -> None:
        session.ended = True
        for token_id in session.tokens:
            self.revoked.add(token_id)
            call.emit("session.revoked", SessionRevoked(token_id, int(call.shop.calendar(900).timestamp())))

    def _list(self, call: Call) -> api.UserPage:
        known = sorted(self.users.values(), key=lambda user: user.email)
        kept = [u for u in known if u.email > call.query.after and call.query.role in {"", *u.roles}]
        items, _ = page(kept, call.query.limit, None)
        more = len(kept) > len(items)
        users = tuple(api.User(u.user_id, u.email, u.name, u.roles, u.created_at) for u in items)
        return api.UserPage(users, users[-1].email if more else None)

    def _set_roles(self, call: Call) -> api.Account:
        account = self._known(call.path["user_id"])
        roles = tuple(sorted(set(call.body.roles)))
        if unknown := sorted(set(roles) - set(ROLES)):
            raise Problem(422, "There are no such roles.", unknown=unknown)
        others = [u for u in self.users.values() if u is not account and ADMINISTRATOR in u.roles]
        if ADMINISTRATOR not in roles and not others:
            raise Problem(409, "This is the last administrator; make another one first.")
        permissions = tuple(sorted({permission for role in roles for permission in ROLES[role]}))
        self.users[account.user_id] = msgspec.structs.replace(account, roles=roles, permissions=permissions)
        return self.users[account.user_id]

    def _roles(self, _call: Call) -> api.RoleList:
        return api.RoleList(tuple(api.RoleDetail(name, held) for name, held in sorted(ROLES.items())))
