"""The routes of auth and their bodies: below ``/api/auth``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.services.contract.text import SINGLE_LINE, Email

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=SINGLE_LINE)]
NewPassword = Annotated[str, Meta(min_length=8, max_length=200)]
GivenPassword = Annotated[str, Meta(min_length=1, max_length=200)]
RoleName = Annotated[str, Meta(min_length=1, max_length=100)]


class Register(msgspec.Struct, frozen=True):
    email: Email
    password: NewPassword
    name: Name


class Login(msgspec.Struct, frozen=True):
    email: Email
    password: GivenPassword


class Refresh(msgspec.Struct, frozen=True):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=200)]


class Tokens(msgspec.Struct, frozen=True):
    """``access_token`` is a JWT good for ``expires_in`` seconds; ``refresh_token`` is good for one use."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750's name for how it is presented


class User(msgspec.Struct, frozen=True):
    user_id: str
    email: str
    name: str
    roles: tuple[str, ...]
    created_at: datetime


class Account(msgspec.Struct, frozen=True):
    """A user with all they may do, by their roles or directly."""

    user_id: str
    email: str
    name: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...]
    created_at: datetime


class ChangeProfile(msgspec.Struct, frozen=True):
    name: Name


class ChangePassword(msgspec.Struct, frozen=True):
    current_password: GivenPassword
    new_password: NewPassword


class ListUsers(msgspec.Struct, frozen=True):
    """By e-mail address; ``after`` is the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: Annotated[str, Meta(max_length=254)] = ""
    role: Annotated[str, Meta(max_length=100)] = ""


class UserPage(msgspec.Struct, frozen=True):
    items: tuple[User, ...]
    next: str | None


class SetRoles(msgspec.Struct, frozen=True):
    roles: Annotated[tuple[RoleName, ...], Meta(max_length=20)]


class RoleDetail(msgspec.Struct, frozen=True):
    name: str
    permissions: tuple[str, ...]


class RoleList(msgspec.Struct, frozen=True):
    items: tuple[RoleDetail, ...]


class Revocation(msgspec.Struct, frozen=True):
    token_id: str
    expires_at_s: int


class RevocationList(msgspec.Struct, frozen=True):
    items: tuple[Revocation, ...]


REGISTER: Final = Route(
    "auth.register",
    "POST",
    "/register",
    "Open a customer's account",
    PUBLIC,
    takes=Register,
    answers=Account,
    status=201,
    problems=(409,),
)
LOGIN: Final = Route(
    "auth.login",
    "POST",
    "/login",
    "Sign in; 429 after repeated failures of one account",
    PUBLIC,
    takes=Login,
    answers=Tokens,
    problems=(401,),
)
REFRESH: Final = Route(
    "auth.refresh",
    "POST",
    "/refresh",
    "New tokens for a refresh token, good for one use; used twice, its whole session ends",
    PUBLIC,
    takes=Refresh,
    answers=Tokens,
    problems=(401,),
)
LOGOUT: Final = Route("auth.logout", "POST", "/logout", "End the session, its tokens at once", SIGNED_IN, status=204)
SHOW_ME: Final = Route("auth.me", "GET", "/me", "The caller's account", SIGNED_IN, answers=Account)
CHANGE_ME: Final = Route(
    "auth.change-me", "PATCH", "/me", "Change the caller's name", SIGNED_IN, takes=ChangeProfile, answers=Account
)
CHANGE_PASSWORD: Final = Route(
    "auth.password",
    "POST",
    "/password",
    "Change the caller's password and end their other sessions; 403 when the current one is wrong",
    SIGNED_IN,
    takes=ChangePassword,
    status=204,
    problems=(403,),
)
LIST_USERS: Final = Route(
    "auth.users", "GET", "/users", "Users by e-mail address", "users.manage", query=ListUsers, answers=UserPage
)
SHOW_USER: Final = Route(
    "auth.user", "GET", "/users/{user_id}", "One user", "users.manage", answers=Account, problems=(404,)
)
SET_ROLES: Final = Route(
    "auth.set-roles",
    "PUT",
    "/users/{user_id}/roles",
    "Give a user exactly these roles; 409 when it would leave no administrator",
    "users.manage",
    takes=SetRoles,
    answers=Account,
    problems=(404, 409),
)
LIST_ROLES: Final = Route("auth.roles", "GET", "/roles", "Roles and what they permit", "users.manage", answers=RoleList)
LIST_REVOCATIONS: Final = Route(
    "auth.revocations",
    "GET",
    "/revocations",
    "Access tokens revoked and not yet expired",
    INTERNAL,
    answers=RevocationList,
)

ROUTES: Final = (
    REGISTER,
    LOGIN,
    REFRESH,
    LOGOUT,
    SHOW_ME,
    CHANGE_ME,
    CHANGE_PASSWORD,
    LIST_USERS,
    SHOW_USER,
    SET_ROLES,
    LIST_ROLES,
    LIST_REVOCATIONS,
)
