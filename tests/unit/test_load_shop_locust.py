"""Shoppers by Locust against a gateway of a few lines: the schedule is kept, latency counts from when due."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import replace

import pytest

from sim.clock import SystemClock
from sim.errors import RigError
from sim.load.journeys import MIX
from sim.load.open_loop import Segment
from sim.load.people import Customer, Goods, People
from sim.load.shop_engine import Crowdedness, locust_shop
from tests.unit.tiny_gateway import TinyGateway, tiny_gateway

_PEOPLE = People(
    Goods(("A", "B", "C"), ("c",), ("lamp",)),
    tuple(Customer(f"e{n}@example.com", "s3cret-word", f"token-{n}", f"address-{n}") for n in range(12)),
)
_CROWD = Crowdedness(MIX, _PEOPLE, "7", 40.0)


def test_every_request_is_sent_once_as_another_client_and_what_answers_told_is_used() -> None:
    """Two segments of one crowd: counted, none unsent, files uploaded by the URL that was given."""
    with tiny_gateway() as tiny, locust_shop(tiny.url, _CROWD, SystemClock()) as shop:
        reports = [shop.play(Segment(name, 40.0, 2.0)) for name in ("first", "second")]
    assert [(r.due, r.unsent, r.error_count, r.abandoned) for r in reports] == [(80, 0, 0, 0)] * 2
    assert sum(kind.count for r in reports for kind in r.kinds) == len(tiny.seen) == 160
    assert sum(interval.due for r in reports for interval in r.intervals) == sum(r.good for r in reports)
    asked = [(path, headers) for _, path, headers in tiny.seen if path.startswith("/api")]
    assert all(headers["x-forwarded-for"].startswith(("198.18.", "198.19.")) for _, headers in asked)
    assert len({headers["x-forwarded-for"] for _, headers in asked}) > 20
    tokens = [headers.get("authorization", "") for path, headers in asked if path.startswith("/api/baskets")]
    assert tokens
    assert all(token.startswith("Bearer token-") for token in tokens)
    uploads = [headers for _, path, headers in tiny.seen if path.startswith("/bucket")]
    assert all(headers["host"] == urllib.parse.urlsplit(tiny.url).netloc for headers in uploads)
    assert all("authorization" not in headers for headers in uploads)
    assert reports[0].cpu_share < 0.8


def test_a_gateway_below_a_path_is_asked_there_and_what_is_searched_for_is_percent_encoded() -> None:
    """As a browser would send it; no request is lost to a word with a space, an umlaut, or a character of URLs."""
    people = replace(_PEOPLE, goods=Goods(("A",), ("c",), ("oak lämp", "50%", "a#b")))
    crowd = replace(_CROWD, mix={"search": 1.0}, people=people)
    with tiny_gateway() as tiny, locust_shop(f"{tiny.url}/shop/", crowd, SystemClock()) as shop:
        report = shop.play(Segment("searched", 40.0, 1.0))
    assert (report.due, report.error_count, report.unsent) == (40, 0, 0)
    assert all(path.startswith("/shop/api/") for _, path, _ in tiny.seen)
    searched = {path.partition("q=")[2] for _, path, _ in tiny.seen if "q=" in path}
    assert "oak%20l%C3%A4mp&limit=20" in searched
    assert {"50%25&limit=20", "a%23b&limit=20"} <= searched


def test_an_address_of_an_upload_that_is_none_is_no_answer_and_stops_nobody() -> None:
    """A platform may hand out anything; the shopper goes home, the others go on."""
    crowd = replace(_CROWD, mix={"ticket": 1.0, "browse": 1.0})
    with tiny_gateway() as tiny, locust_shop(tiny.url, crowd, SystemClock()) as shop:
        tiny.upload_url = "http://[no-address/\n"
        report = shop.play(Segment("misled", 40.0, 4.0))
    assert set(report.errors) == {"upload the file: no answer: ValueError"}
    assert report.unsent == 0
    assert report.good > 60


def test_a_stall_is_charged_to_everybody_who_had_to_wait_for_it() -> None:
    """Half a second of silence: those due in it took the rest of it, though each was answered at once when sent."""
    began: list[float] = []

    def delay_s(now_s: float) -> float:
        began.append(now_s)
        return max(0.0, began[0] + 1.0 - now_s) if now_s > began[0] + 0.5 else 0.0

    with tiny_gateway() as tiny, locust_shop(tiny.url, _CROWD, SystemClock()) as shop:
        tiny.delay_s = delay_s
        report = shop.play(Segment("stalled", 40.0, 2.0))
    waited = [latency_s for latency_s in report.latencies.ordered_s() if latency_s > 0.1]
    assert len(waited) >= 10
    assert report.latencies.max_s > 0.35
    assert report.unsent == 0


def test_errors_are_counted_by_reason_and_a_shopper_turned_away_goes_home() -> None:
    """What fails is no latency; what would have followed is abandoned, neither unsent nor an error."""
    with tiny_gateway() as tiny, locust_shop(tiny.url, _CROWD, SystemClock()) as shop:
        tiny.status = lambda _method, path: 503 if path.startswith("/api/websites") else None
        report = shop.play(Segment("broken", 40.0, 4.0))
    assert set(report.errors) == {"site: 503"}
    assert report.abandoned > 10
    assert report.good + report.error_count + report.abandoned + _uploads(tiny) == report.due


def _uploads(tiny: TinyGateway) -> int:
    return sum(path.startswith("/bucket") for _, path, _ in tiny.seen)


def test_a_hopeless_segment_is_given_up() -> None:
    """When nearly everything fails, the rest of the schedule would only show the same."""
    crowd = replace(_CROWD, give_up=0.5, peak_per_s=100.0)
    with tiny_gateway() as tiny, locust_shop(tiny.url, crowd, SystemClock()) as shop:
        tiny.status = lambda _method, _path: 500
        report = shop.play(Segment("hopeless", 100.0, 20.0))
    assert report.cut_short
    assert report.duration_s < 10
    assert report.due < 1000


def test_two_workers_share_one_schedule_behind_locusts_master() -> None:
    """Half of the rate each, no customer in both, one report."""
    with tiny_gateway() as tiny, locust_shop(tiny.url, replace(_CROWD, workers=2), SystemClock()) as shop:
        report = shop.play(Segment("shared", 40.0, 2.0))
    assert (report.workers, report.due, report.unsent, report.error_count) == (2, 80, 0, 0)
    assert report.rate_per_s == pytest.approx(40.0)


def test_a_gateway_that_is_not_there_is_silent_and_no_secret_is_told() -> None:
    """Nobody answers: every request is an error by its reason, and the report holds no password."""
    with locust_shop("http://127.0.0.1:9", _CROWD, SystemClock()) as shop:
        report = shop.play(Segment("nobody", 20.0, 1.0))
    assert report.good == 0
    assert report.error_count > 5
    assert all("no answer" in reason for reason in report.errors)
    assert "s3cret" not in json.dumps(dict(report.errors))


def test_a_generator_that_dies_is_a_fault_of_the_rig() -> None:
    """Nothing is measured and nothing blamed."""
    with locust_shop("http://127.0.0.1:9", _CROWD, SystemClock()) as shop:
        shop._child.kill()
        with pytest.raises(RigError, match="load generator failed"):
            shop.play(Segment("dead", 1.0, 1.0))
