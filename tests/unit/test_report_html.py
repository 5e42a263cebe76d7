"""The page: verdict first, everything escaped, nothing from outside, well-formed, readable where scripts are off."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import ClassVar

import pytest

from sim.history import Observation, Outcome
from sim.record import Host, Record, ScenarioResult, StartupSpan
from sim.report.html import render_html
from sim.topology.model import Topology
from sim.verdict import Fidelity, Status
from tests.unit.report_sample import sample_logs, sample_observations, sample_record, sample_topology

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>]]>-->\x00\x1b[31m\x08\u202e&amp;{{ 7*7 }}"""


class Page(HTMLParser):
    """Elements, attributes and text of a page; complains of what is not closed in order."""

    _VOID: ClassVar = {"meta", "br", "img", "link", "input", "hr"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def names(self) -> set[str]:
        return {tag for tag, _ in self.elements}


@pytest.fixture(scope="module")
def topology() -> Topology:
    return sample_topology()


@pytest.fixture(scope="module")
def record(topology: Topology) -> Record:
    return sample_record(topology)


@pytest.fixture(scope="module")
def page(record: Record, topology: Topology) -> str:
    return render_html(record, topology, sample_observations(topology), sample_logs(), {"minio": "logs/minio.log"})


def test_the_page_is_well_formed(page: str) -> None:
    """Every element is closed, in order; ids are unique and every link within the page leads somewhere."""
    parsed = Page(page)
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {a["href"] for tag, a in parsed.elements if tag == "a" and str(a.get("href", "")).startswith("#")}
    assert anchors
    assert {str(anchor)[1:] for anchor in anchors} <= set(ids)


def test_the_page_needs_no_network(page: str) -> None:
    """No link, no image, frame or font, and no address but the SVG namespace's name."""
    parsed = Page(page)
    assert not parsed.names() & {"link", "img", "iframe", "object", "embed", "base", "form"}
    assert not [a for _, a in parsed.elements if any(name.startswith("on") for name in a)]
    loading = [a[n] for _, a in parsed.elements for n in ("src", "srcset", "poster", "data", "xlink:href") if n in a]
    assert loading == []
    urls = set(re.findall(r"(?:https?:)?//[\w.-]+", re.sub(r">[^<]*<", "><", page)))
    assert urls <= {"http://www.w3.org"}
    assert not re.search(r"@import|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_the_one_script_is_named_by_its_hash_and_hides_nothing_by_itself(page: str) -> None:
    """Whatever a server wrote cannot run: the policy knows one text. Where scripts are off, there is no box to fill."""
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in page
    assert '<search id="filter" hidden>' in page


def test_every_scenario_can_be_found_and_linked_to(page: str, record: Record) -> None:
    """Its words are those that are typed: name, verdict, claim, reason; its address is its own."""
    parsed = Page(page)
    rows = {str(a["id"]): str(a["data-words"]) for _, a in parsed.elements if "data-words" in a}
    links = {a["href"] for tag, a in parsed.elements if tag == "a" and a.get("class") == "here"}
    assert len(rows) == len(record.scenarios)
    assert links == {f"#{row}" for row in rows}
    for result in record.scenarios:
        words = next(words for words in rows.values() if words.startswith(f"{result.name} {result.verdict}"))
        assert result.claim in words
        assert " ".join(result.reason.split()) in words


def test_pictures_come_first_and_what_is_long_is_folded(page: str) -> None:
    """The timeline before evidence and numbers; the table of images behind a line that says what is in it."""
    drawn = page.index("Operations over time")
    assert drawn < page.index("<h4>Evidence</h4>", drawn)
    assert re.search(r"<summary>Images, and how near each is to the documented one: \d+ [^<]+</summary>", page)


def test_the_verdict_comes_first(page: str) -> None:
    """Verdict, why, exit and counts stand before anything else; what failed before what passed."""
    text = Page(page).text
    order = [
        text.index("FAIL", text.index("staging")),
        text.index("2 of 18 claims do not hold"),
        text.index("Exit 1: the platform failed"),
        text.index("15 passed"),
        text.index("Images, and how near"),
        text.index("Nobody reads the support attachments"),
        text.index("Each of the 11 servers holds its own database"),
        text.index("The console answers on port 9001"),
        text.index("Where the document and the servers differ"),
    ]
    assert order == sorted(order)


def test_every_part_is_there(page: str, record: Record) -> None:
    """Every claim, every server, the contradictions, the pictures, and the link to the whole log."""
    parsed = Page(page)
    for result in record.scenarios:
        assert result.claim in parsed.text
    for server in record.servers:
        assert server.name in parsed.text
    for row in record.contradictions:
        assert " ".join(row.what.split()) in parsed.text
    labels = [str(a.get("aria-label")) for tag, a in parsed.elements if tag in {"svg", "table"} and "aria-label" in a]
    for expected in (
        "questions answered as documented",
        "Operations over time",
        "Latency by percentile",
        "servers ready",
    ):
        assert any(expected in label for label in labels), expected
    assert ("a", {"href": "logs/minio.log"}) in parsed.elements


def test_a_departure_shared_by_many_servers_is_said_once(page: str) -> None:
    """Eleven databases that differ alike are one line."""
    assert Page(page).text.count("--default-authentication-plugin=mysql_native_password is not passed") == 1
    assert "11 servers: *-service-mysql" in page


def test_everything_a_server_may_have_written_is_escaped(record: Record, topology: Topology) -> None:
    """Markup in any text of the record, a log or an observation is shown, not obeyed; controls are made visible."""
    result = ScenarioResult(
        f"isolation/{HOSTILE}",
        HOSTILE,
        "5",
        Status.FAIL,
        Fidelity.STAND_IN,
        HOSTILE,
        {HOSTILE: 1.0},
        (HOSTILE,),
        source=HOSTILE,
        needs=(HOSTILE,),
        observations=1,
    )
    hostile = replace(
        record,
        run_id=HOSTILE,
        platform=HOSTILE,
        environment=HOSTILE,
        host=Host(1, 1, HOSTILE, HOSTILE, HOSTILE),
        scenarios=(result, replace(result, verdict=Status.PASS, name=f"{HOSTILE}/x")),
        images=tuple(replace(i, reason=HOSTILE, used=HOSTILE, documented=HOSTILE) for i in record.images),
        servers=tuple(replace(s, name=f"{HOSTILE}{n}", state=HOSTILE) for n, s in enumerate(record.servers)),
        timeline=(StartupSpan(HOSTILE, 0.0, 1.0, None),),
        departures=tuple(replace(d, server=HOSTILE, what=HOSTILE, reason=HOSTILE) for d in record.departures[:1]),
        contradictions=tuple(replace(c, what=HOSTILE, evidence=(HOSTILE,)) for c in record.contradictions),
    )
    observed = [
        Observation(
            1.0, result.name, HOSTILE, "login", HOSTILE, Outcome.OK, {"user": HOSTILE, "owner": False, "code": HOSTILE}
        ),
        Observation(1.0, result.name, "x", "publish", HOSTILE, Outcome.OK, {"latency_s": 0.1}),
        Observation(1.5, result.name, "x", "fault", HOSTILE, Outcome.OK, {"name": HOSTILE, "phase": "inject"}),
        Observation(1.6, result.name, "x", "leader", HOSTILE, Outcome.OK, {"leader": HOSTILE}),
    ]
    page = render_html(hostile, topology, observed, {HOSTILE: HOSTILE}, {HOSTILE: "logs/x.log"})
    parsed = Page(page)
    assert "img" not in parsed.names()
    assert [tag for tag, _ in parsed.elements].count("script") == 1  # the page's own
    assert not [a for _, a in parsed.elements if any(name.startswith("on") for name in a)]
    assert "<script>alert(1)</script>" in parsed.text
    assert "{{ 7*7 }}" in parsed.text
    assert not set(page) & {"\x00", "\x1b", "\x08", "\u202e"}


def test_logs_are_shown_from_their_end(record: Record, topology: Topology) -> None:
    """A long log shows its last lines and says how many are left out; an endless line is cut."""
    log = "\n".join(f"line {i}" for i in range(5000)) + "\n" + "x" * 50_000
    page = render_html(record, topology, (), {"minio": log}, {"minio": "logs/minio.log"})
    assert "line 4999" in page
    assert "line 4000" not in page
    assert "4801 earlier lines are in the log file" in page
    assert "x" * 3000 not in page


def _only(record: Record, *results: ScenarioResult, verdict: Status) -> str:
    run = replace(record, scenarios=results, verdict=verdict, servers=(), timeline=(), images=(), departures=())
    return Page(render_html(run, None, (), {}, {})).text


def test_a_passing_run_says_so(record: Record) -> None:
    """Green: one sentence, exit 0, no section for failures."""
    results = tuple(r for r in record.scenarios if r.verdict is Status.PASS)
    text = _only(record, *results, verdict=Status.PASS)
    assert f"All {len(results)} claims judged hold on the servers that ran." in text
    assert "Exit 0" in text
    assert "What failed" not in text


def test_a_rehearsal_claims_nothing_of_the_platform(record: Record) -> None:
    """Without servers a PASS proves the rig only, and the first sentence says so."""
    results = tuple(r for r in record.scenarios if r.verdict is Status.PASS)
    text = _only(replace(record, runtime="fake"), *results, verdict=Status.PASS)
    assert "rehearsal without servers, which shows nothing of the platform" in text
    assert "on the servers that ran" not in text
    assert "● documented" not in text


def test_a_run_without_scenarios_says_that_nothing_was_shown(record: Record) -> None:
    """An empty run is UNKNOWN and the page says why."""
    text = _only(record, verdict=Status.UNKNOWN)
    assert "No scenario ran, so nothing was shown." in text
    assert "Exit 3: the rig could not tell" in text


def test_strict_lists_what_counts_with_what_was_not_shown(record: Record) -> None:
    """Under strict nothing is set apart."""
    beyond = tuple(r for r in record.scenarios if r.beyond_fidelity)
    run = replace(record, scenarios=beyond, verdict=Status.UNKNOWN, strict=True)
    text = Page(render_html(run, None, (), {}, {})).text
    assert "Not provable on these images" not in text
    assert "What was not shown" in text
    assert "1 of 1 claim was not shown either way" in text
