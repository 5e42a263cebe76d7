"""Auth as the chassis runs it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sim.services.auth import administration, api, sessions, signing_in
from sim.services.auth.seeding import prepare
from sim.services.chassis.service import Chore, Context, Service
from sim.services.contract.environment import AUTH_ONLY, WITH_TOKENS


def purge(context: Context) -> None:
    with context.transaction() as tx:
        sessions.purge(tx, datetime.now(UTC))


SERVICE: Final = Service(
    key="auth",
    routes=api.ROUTES,
    handlers={
        api.REGISTER.name: signing_in.register,
        api.LOGIN.name: signing_in.login,
        api.REFRESH.name: signing_in.refresh,
        api.LOGOUT.name: signing_in.logout,
        api.SHOW_ME.name: signing_in.me,
        api.CHANGE_ME.name: signing_in.change_me,
        api.CHANGE_PASSWORD.name: signing_in.change_password,
        api.LIST_USERS.name: administration.list_users,
        api.SHOW_USER.name: administration.show_user,
        api.SET_ROLES.name: administration.set_roles,
        api.LIST_ROLES.name: administration.list_roles,
        api.LIST_REVOCATIONS.name: administration.list_revocations,
    },
    migrations="sim.services.auth.migrations",
    uses_cache=True,
    chores=(Chore("purge expired sessions", every_s=300, run=purge),),
    prepare=prepare,
    settings=(*WITH_TOKENS, *AUTH_ONLY),
)
