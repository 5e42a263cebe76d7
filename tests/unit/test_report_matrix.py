"""The isolation matrix: both sides of every question, the differences first, and nobody's text taken for markup."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from sim.history import Observation, Outcome
from sim.report.charts import charts
from sim.report.matrix import common_suffix, isolation_matrix
from sim.report.walls import ATTEMPT, COUNTERS, DOCUMENTED, EDGES, Asked, State, asked, summary
from tests.unit.matrix_sample import network_observations

_CODES = {"let_in": ["0", "404"], "refused": ["403"]}


def _login(user: str, server: str, code: str, *, owner: bool = False) -> Observation:
    return Observation(1.0, "i/d", user, "login", server, Outcome.OK, {"user": user, "owner": owner, "code": code})


def _documented(actor: str, server: str, *table: tuple[str, str, str]) -> Observation:
    return Observation(0.0, "i/w", actor, DOCUMENTED, server, Outcome.OK, {"table": table, **_CODES})


def _attempt(actor: str, server: str, action: str, resource: str, code: str) -> Observation:
    detail = {"action": action, "resource": resource, "code": code}
    return Observation(1.0, "i/w", actor, ATTEMPT, server, Outcome.OK, detail)


def _page(picture: str) -> ET.Element:
    return ET.fromstring(f"<div>{picture}</div>")  # noqa: S314 - our own drawing


def _cells(picture: str, class_: str) -> list[ET.Element]:
    return [cell for cell in _page(picture).iter("td") if cell.get("class") == class_]


@pytest.mark.parametrize(
    ("code", "owner", "state"),
    [
        ("0", True, State.OPEN),
        ("0", False, State.BREACH),
        ("1049", False, State.BREACH),
        ("1045", False, State.REFUSED),
        ("1044", False, State.REFUSED),
        ("1045", True, State.SHUT),
        ("2013", False, State.UNTOLD),
        ("2003", True, State.UNTOLD),
        ("", False, State.UNTOLD),
    ],
)
def test_a_login_compares_the_document_with_the_answer(code: str, owner: bool, state: State) -> None:
    """Let in or refused as documented; a lost connection tells nothing, least of all that the server is closed."""
    (question,) = asked([_login("auth_user", "auth-service-mysql", code, owner=owner)])
    assert question.state is state


@pytest.mark.parametrize(
    ("documented", "code", "state"),
    [
        ("let in", "0", State.OPEN),
        ("let in", "404", State.OPEN),
        ("let in", "403", State.SHUT),
        ("refused", "403", State.REFUSED),
        ("refused", "404", State.BREACH),
        ("refused", "500", State.UNTOLD),
        ("refused", "", State.UNTOLD),
    ],
)
def test_an_attempt_is_read_by_its_protocols_codes(documented: str, code: str, state: State) -> None:
    """Past the wall is past it, whatever is complained of there; a code of neither kind is no answer."""
    rows = [_documented("a", "s", ("read", "q", documented)), _attempt("a", "s", "read", "q", code)]
    (question,) = asked(rows)
    assert question.state is state


def test_what_was_never_put_is_shown_as_such() -> None:
    """A question of the document's table without an attempt is open; an attempt it does not speak of is not drawn."""
    rows = [_documented("a", "s", ("read", "q", "refused")), _attempt("a", "s", "write", "elsewhere", "0")]
    (question,) = asked(rows)
    assert question.state is State.UNTOLD
    assert "not tried" in str(question.note)


def test_the_worst_answer_of_a_pair_is_shown() -> None:
    """One breach among many refusals is not painted over, whether the same was asked twice or several things once."""
    twice = asked([_login("u", "s", "1045"), _login("u", "s", "0"), _login("u", "s", "2013")])
    assert [question.state for question in twice] == [State.BREACH]
    assert "1 differ" in summary(twice)
    table = _documented("a", "s", ("read", "", "refused"), ("write", "", "refused"))
    several = asked([table, _attempt("a", "s", "read", "", "403"), _attempt("a", "s", "write", "", "0")])
    assert len(_cells(isolation_matrix(several), "breach")) == 1


def test_a_pair_that_is_open_in_part_has_a_mark_of_its_own() -> None:
    """Neither closed nor open: half a disc."""
    table = _documented("a", "s", ("read", "", "let in"), ("write", "", "refused"))
    drawn = isolation_matrix(
        asked([table, _attempt("a", "s", "read", "", "0"), _attempt("a", "s", "write", "", "403")])
    )
    (cell,) = _cells(drawn, "open partly")
    assert "".join(cell.itertext()).startswith("◐")


def test_differences_come_first_and_in_words() -> None:
    """Breaches before what is shut, each with source, target, port, outcome, the rule that decides and its counter."""
    found = {"connected": ["TCP 22"], "dropped": ["TCP 3306"]}
    rules = {"allowed: ns/own egress[0]; ns/own ingress[0]": ["TCP 3306"], "denied: ingress": ["TCP 22"]}
    edges = Observation(1.0, "i/e", "ns/pod", EDGES, "ns/db", Outcome.OK, {"found": found, "rules": rules})
    counters = Observation(2.0, "i/e", "rig", COUNTERS, "ns/db", Outcome.OK, {"packets": {"ns/own ingress[0]": 4}})
    drawn = isolation_matrix(asked([edges, counters]))
    first, second = ("".join(item.itertext()) for item in _page(drawn)[0])
    assert first == "✗ns/pod → ns/db, TCP 22: let in, documented refused (connected)denied: ingress"
    assert second == (
        "!ns/pod → ns/db, TCP 3306: refused, documented let in (dropped)"
        "allowed: ns/own egress[0]; ns/own ingress[0] (counted 4)"
    )
    assert drawn.index("differences") < drawn.index("<table")


@pytest.mark.parametrize(
    ("outcome", "rule", "state"),
    [
        ("connected", "allowed: x", State.OPEN),
        ("refused", "allowed: x", State.OPEN),
        ("dropped", "allowed: x", State.SHUT),
        ("dropped", "denied: ingress", State.REFUSED),
        ("refused", "denied: ingress", State.BREACH),
        ("silent", "denied: ingress", State.BREACH),
        ("prober failed", "denied: ingress", State.UNTOLD),
        ("no route", "allowed: x", State.UNTOLD),
    ],
)
def test_a_closed_port_is_no_wall(outcome: str, rule: str, state: State) -> None:
    """What was refused had arrived; only what was dropped was kept out, and a prober that died saw nothing."""
    detail = {"found": {outcome: ["TCP 80"]}, "rules": {rule: ["TCP 80"]}}
    (question,) = asked([Observation(1.0, "i/e", "ns/a", EDGES, "ns/b", Outcome.OK, detail)])
    assert question.state is state


def test_closed_pairs_are_no_tab_stops_and_all_else_is() -> None:
    """A keyboard reaches every row, and every cell that is not simply closed; each says its pair in words."""
    table = [_documented("a", "s", ("x", "", "let in")), _documented("b", "s", ("x", "", "refused"))]
    drawn = isolation_matrix(asked([*table, _attempt("a", "s", "x", "", "0"), _attempt("b", "s", "x", "", "403")]))
    assert [b.get("aria-label") for b in _page(drawn).iter("button")] == [
        "a: 1 of 1 questions answered as documented.",
        "a, s: let in, as documented",
        "b: 1 of 1 questions answered as documented.",
    ]
    assert len([t for t in _page(drawn).iter("span") if t.get("role") == "tooltip"]) == 4


def test_many_targets_are_turned_into_rows() -> None:
    """A table is read down: forty routes by four roles is forty rows."""
    rows = [_documented("role", "gateway", *(("GET", f"/r{i}", "refused") for i in range(40)))]
    drawn = isolation_matrix(asked(rows))
    assert len([th for th in _page(drawn).iter("th") if th.get("scope") == "row"]) == 40
    assert "to ↓ from →" in drawn


def test_the_whole_platforms_network_is_drawn_pair_by_pair() -> None:
    """Forty pods and more: grouped by namespace, every pair a cell, and no edge lost."""
    observations = network_observations(differences=5, silences=7)
    questions = asked(observations)
    probed = [places for o in observations if o.op == EDGES for places in o.detail["found"].values()]
    assert len(questions) == sum(map(len, probed))
    assert sum(q.state in {State.BREACH, State.SHUT} for q in questions) == 5
    assert sum(q.state is State.UNTOLD for q in questions) == 7
    drawn = isolation_matrix(questions)
    pairs = {(q.source, q.target) for q in questions}
    assert len([cell for cell in _page(drawn).iter("td") if cell.get("class") not in {"unasked", "corner"}]) == len(
        pairs
    )
    assert {"e-commerce-dev", "e-commerce-messaging", "monitoring"} <= {
        th.get("title") for th in _page(drawn).iter("th") if th.get("class") == "group"
    }
    assert len(drawn) < 1_500_000


def test_what_servers_and_policies_are_called_is_never_markup() -> None:
    """Names, rules and codes are text, wherever they stand."""
    evil = '<script>alert("x")</script>\x1b[31m'
    base = Asked(evil, evil, evil, evil, State.BREACH, evil, evil)
    drawn = isolation_matrix([base, replace(base, state=State.REFUSED, target="t")])
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    assert _page(drawn) is not None


def test_a_shared_suffix_is_said_once() -> None:
    """Only whole parts of names are shared, and never a whole name."""
    assert common_suffix(["auth-service-mysql", "sav-service-mysql"]) == "-service-mysql"
    assert common_suffix(["mysql", "sav-mysql"]) == ""
    assert common_suffix(["amysql", "bmysql"]) == ""
    assert common_suffix(["only-one"]) == ""


def test_a_table_as_documented_waits_to_be_opened() -> None:
    """Thirty of them would bury a page; one with a difference shows itself."""
    table = _documented("a", "s", ("x", "", "refused"))
    (closed,) = charts([table, _attempt("a", "s", "x", "", "403")])
    (breached,) = charts([table, _attempt("a", "s", "x", "", "0")])
    assert not closed.opens
    assert breached.opens
