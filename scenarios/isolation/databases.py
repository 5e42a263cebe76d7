"""Every service's user knocks at every database: its own opens, the ten others do not (sections 5 and 10)."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.isolation.mysql import canary
from sim.checks.access import ANONYMOUS, LOGIN, ROOT, Edge, expected_access, judge_access
from sim.checks.walls import Access
from sim.errors import SimError
from sim.history import Outcome
from sim.plan.model import ServerSpec
from sim.scenario import Scenario, Stage
from sim.servers.protocol import Answer

# A server that was silent this often in a row is asked no more; what was not asked is not probed, never passed.
_SILENCES = 2


def rehearse(stage: Stage) -> None:
    canary(stage)
    servers = {server.name: server for server in stage.plan.of_kind("mysql")}
    passwords = _passwords(stage, servers)
    silences = dict.fromkeys(servers, 0)
    for edge, access in expected_access(stage.topology).items():
        if edge.server in servers and silences[edge.server] < _SILENCES:
            answered = _knock(stage, edge, passwords, owner=access is Access.LET_IN)
            silences[edge.server] = 0 if answered else silences[edge.server] + 1


def knock_as(stage: Stage, server: ServerSpec, users: tuple[str, ...]) -> None:
    """Only what ``users`` may do on one server."""
    passwords = _passwords(stage, {other.name: other for other in stage.plan.of_kind("mysql")})
    for edge, access in expected_access(stage.topology).items():
        if edge.server == server.name and edge.user in users:
            _knock(stage, edge, passwords, owner=access is Access.LET_IN)


def _passwords(stage: Stage, servers: Mapping[str, ServerSpec]) -> Mapping[tuple[str, str], str]:
    """(user, server) → the password to try: each service's own everywhere, root's right one on each server.

    A refusal then is for the account, not for a wrong password.
    """
    own = {s.facts["user"]: stage.servers.secret(s.facts["password_secret"]) for s in servers.values()}
    table = {(user, server): password for user, password in own.items() for server in servers}
    for name, server in servers.items():
        table[ROOT, name] = stage.servers.secret(server.facts["root_password_secret"])
        table[ANONYMOUS, name] = ""
    return table


def _knock(stage: Stage, edge: Edge, passwords: Mapping[tuple[str, str], str], *, owner: bool) -> bool:
    """One login, recorded. False when nothing answered."""
    password = passwords.get((edge.user, edge.server))
    if password is None:
        return True  # its owner's server is not part of this stack: the edge stays unprobed, and the judge says so
    try:
        answer = stage.servers.sql(edge.server).login(edge.user, password, edge.database or None)
    except SimError as error:
        stage.record(
            LOGIN,
            edge.server,
            Outcome.UNSURE,
            user=edge.user,
            database=edge.database,
            owner=owner,
            code="",
            message=str(error),
        )
        return False
    stage.record(
        LOGIN,
        edge.server,
        _outcome(answer),
        user=edge.user,
        database=edge.database,
        owner=owner,
        code=answer.code,
    )
    return True


def _outcome(answer: Answer) -> Outcome:
    return Outcome.OK if answer.accepted else Outcome.FAILED


DATABASES = Scenario(
    name="isolation/databases",
    claim="Each microservice opens its own database and no other; root and nameless accounts enter none from afar.",
    section="10",
    needs=("mysql",),
    rehearse=rehearse,
    judge=judge_access,
    source="MySQL 8.0 Reference Manual: errors 1044 and 1045, access control stages 1 and 2",
)
