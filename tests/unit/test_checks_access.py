"""The access table from the document, the observed one, and their difference."""

from __future__ import annotations

import pytest

from sim.checks.access import LOGIN, Edge, expected_access, judge_access, observed_access
from sim.checks.walls import CANARY, Access
from sim.history import Observation, Outcome
from sim.verdict import Status
from tests.unit.drill_histories import evidence, seen, topology

_OWN = Edge("auth_user", "auth-service-mysql", "auth_db")
_FOREIGN = Edge("auth_user", "orders-service-mysql", "orders_db")
_ROOT = Edge("root", "auth-service-mysql", "")


def _login(edge: Edge, code: str) -> Observation:
    outcome = Outcome.UNSURE if not code else Outcome.OK if code == "0" else Outcome.FAILED
    return seen(1.0, LOGIN, edge.server, outcome, user=edge.user, database=edge.database, owner=True, code=code)


def _canary(opened: str = "0", closed: str = "1045") -> list[Observation]:
    return [
        seen(0.1, CANARY, "orders-service-mysql", phase="open", code=opened),
        seen(0.2, CANARY, "orders-service-mysql", phase="closed", code=closed),
    ]


def _all(**codes: str) -> list[Observation]:
    """Every edge as documented, but for those named ``own``, ``foreign`` and ``root``."""
    changed = {_OWN: codes.get("own"), _FOREIGN: codes.get("foreign"), _ROOT: codes.get("root")}
    return [
        *_canary(),
        *(
            _login(edge, changed.get(edge) or ("0" if access is Access.LET_IN else "1045"))
            for edge, access in expected_access(topology()).items()
        ),
    ]


def test_the_expected_table_lets_each_user_in_once() -> None:
    """Eleven of all the questions are yes: each user's own schema on its own server."""
    table = expected_access(topology())
    let_in = [edge for edge, access in table.items() if access is Access.LET_IN]
    assert len(let_in) == 11
    assert all(topology().databases[e.server.removesuffix("-service-mysql")].user == e.user for e in let_in)
    assert len({(e.user, e.server) for e in table if e.user.endswith("_user")}) == 121
    assert sum(e.user == "root" for e in table) == sum(e.user == "anonymous" for e in table) == 11
    assert any(e.server == _OWN.server and e.user == _OWN.user and e.database == "mysql" for e in table)


@pytest.mark.parametrize(
    ("code", "access"),
    [
        ("0", Access.LET_IN),
        ("1049", Access.LET_IN),
        ("1044", Access.REFUSED),
        ("1045", Access.REFUSED),
        ("1130", Access.REFUSED),
        ("1698", Access.REFUSED),
        ("1040", Access.UNCLEAR),
        ("", Access.SILENT),
    ],
)
def test_each_code_is_read_for_what_it_says(code: str, access: Access) -> None:
    """A full server refuses nobody in particular, and an unknown schema is only told to who was let in."""
    assert observed_access([_login(_OWN, code)]) == {_OWN: access}


def test_of_two_answers_the_one_that_lets_in_counts() -> None:
    """An edge that was open once was open."""
    assert observed_access([_login(_OWN, "0"), _login(_OWN, "1045")])[_OWN] is Access.LET_IN
    assert observed_access([_login(_OWN, "1045"), _login(_OWN, "")])[_OWN] is Access.SILENT


def test_all_as_documented_passes() -> None:
    """With the canary seen open and closed."""
    assert judge_access(evidence(_all())).status is Status.PASS


@pytest.mark.parametrize(
    "codes", [{"foreign": "0"}, {"foreign": "1049"}, {"root": "0"}, {"own": "1045"}, {"own": "1044"}, {"own": "1049"}]
)
def test_a_breach_fails(codes: dict[str, str]) -> None:
    """A foreign login accepted, remote root, an owner kept out, a schema that is gone."""
    verdict = judge_access(evidence(_all(**codes)))
    assert verdict.status is Status.FAIL
    assert verdict.numbers["breaches"] == 1


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "no open canary"),
        (_all()[2:], "no open canary"),
        ([*_canary(opened="1045"), *_all()[2:]], "open canary was refused"),
        ([*_canary(closed="0"), *_all()[2:]], "closed canary was let in"),
        ([*_canary(closed=""), *_all(foreign="0")[2:]], "closed canary was no answer"),
        (_all()[:-1], "not probed"),
        (_canary(), "not probed"),
        ([*_all(), _login(_FOREIGN, "")], "no answer"),
        (_all(foreign="1040"), "no answer that tells"),
        ([*_all(), _login(Edge("stranger", "auth-service-mysql", ""), "1045")], "not in the document"),
    ],
)
def test_what_was_not_shown_is_unknown(history: list[Observation], said: str) -> None:
    """No canary, no probe, no answer: no verdict."""
    verdict = judge_access(evidence(history))
    assert verdict.status is Status.UNKNOWN
    assert any(said in line for line in verdict.evidence), verdict.evidence[:3]
