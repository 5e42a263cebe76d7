"""Traces as W3C writes them, continued or begun, and in every log line."""

from __future__ import annotations

import io
import json

import pytest

from sim.services.chassis.logs import Logs
from sim.services.chassis.tracing import continue_trace, current_trace, tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_a_trace_is_continued_with_a_span_of_its_own() -> None:
    """Same trace and flags, the caller's span as parent, and a header for whoever is called next."""
    trace = continue_trace(f"00-{TRACE}-{SPAN}-01")
    assert (trace.trace_id, trace.parent_id, trace.sampled) == (TRACE, SPAN, True)
    assert trace.span_id != SPAN
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-01"
    assert continue_trace(f"00-{TRACE}-{SPAN}-00").traceparent.endswith("-00")


def test_a_later_version_may_say_more() -> None:
    """Fields after the flags are for versions to come; version 00 has none."""
    assert continue_trace(f"01-{TRACE}-{SPAN}-01-more").trace_id == TRACE
    assert continue_trace(f"00-{TRACE}-{SPAN}-01-more").trace_id != TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        7,
        "",
        "00",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"01-{TRACE}-{SPAN}-01-{'x' * 600}",
    ],
)
def test_a_header_that_is_none_begins_a_trace(header: object) -> None:
    """Never an error: a new trace without a parent."""
    trace = continue_trace(header)
    assert (len(trace.trace_id), trace.parent_id, trace.trace_id == TRACE) == (32, "", False)


def test_a_log_line_carries_the_trace_at_hand() -> None:
    """Inside the ``with`` and nowhere else; one JSON object a line, in UTF-8."""
    stream = io.BytesIO()
    logs = Logs("orders-service", "orders-1", "info", stream)
    with tracing(continue_trace(f"00-{TRACE}-{SPAN}-01")):
        logs.log("info", "inside é\nstill one line", status=201)
    logs.log("info", "outside")
    logs.log("debug", "too quiet")
    inside, outside = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (inside["trace_id"], inside["parent_span_id"], inside["status"]) == (TRACE, SPAN, 201)
    assert (inside["service"], inside["pod"], inside["level"]) == ("orders-service", "orders-1", "info")
    assert "trace_id" not in outside
    assert current_trace() is None


def test_a_failure_says_where_it_happened() -> None:
    """Kind, reason and place of an exception; its traceback stays inside the one line."""
    stream = io.BytesIO()
    with pytest.raises(ZeroDivisionError) as raised:
        1 // int("0")
    Logs("s", "p", "error", stream).failure("handler failed", raised.value, route="orders.show")
    (line,) = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (line["error"], line["reason"], line["route"]) == ("ZeroDivisionError", str(raised.value), "orders.show")
    assert "test_tracing.py" in line["trace"]
