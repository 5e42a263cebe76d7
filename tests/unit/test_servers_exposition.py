"""Prometheus' text format: numbers by name and labels, whatever else is on the page."""

from __future__ import annotations

from sim.servers.exposition import samples, total

_PAGE = """# HELP a_total what it is
# TYPE a_total counter
a_total{service="orders",status="200"} 3
a_total{service="orders",status="503"} 2 1700000000000
a_total{service="auth",note="a \\"quoted\\" } brace"} 4e0
alone 1.5
broken{ 7
worse NaNumber
nothing
"""


def test_samples_are_read_with_their_labels_and_nonsense_is_left_out() -> None:
    """Quoted quotes and braces, time stamps, exponents; comments and half lines are no samples."""
    found = list(samples(_PAGE))
    assert [(s.name, s.value) for s in found] == [("a_total", 3), ("a_total", 2), ("a_total", 4), ("alone", 1.5)]
    assert found[0].labels == {"service": "orders", "status": "200"}
    assert found[2].labels["service"] == "auth"


def test_totals_add_up_what_has_the_labels() -> None:
    """All of a name, or those of some labels; nothing is nought."""
    assert total(_PAGE, "a_total") == 9
    assert total(_PAGE, "a_total", service="orders") == 5
    assert total(_PAGE, "a_total", service="orders", status="503") == 2
    assert total(_PAGE, "absent") == 0
    assert total("", "a_total") == 0
