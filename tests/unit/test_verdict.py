"""Three-valued verdicts and how they add up."""

from __future__ import annotations

from sim.verdict import Fidelity, Status, furthest, worst


def test_worst_wins() -> None:
    """One FAIL among passes is a FAIL; one UNKNOWN among passes is UNKNOWN."""
    assert worst([Status.PASS, Status.FAIL, Status.UNKNOWN]) is Status.FAIL
    assert worst([Status.PASS, Status.UNKNOWN, Status.PASS]) is Status.UNKNOWN
    assert worst([Status.PASS, Status.PASS]) is Status.PASS


def test_nothing_shown_is_unknown() -> None:
    """No status at all is UNKNOWN, never PASS."""
    assert worst([]) is Status.UNKNOWN


def test_furthest_fidelity_wins() -> None:
    """A chain is as near to the document as its farthest link."""
    assert furthest([Fidelity.DOCUMENTED, Fidelity.STAND_IN, Fidelity.SAME_SOFTWARE]) is Fidelity.STAND_IN
    assert furthest([Fidelity.DOCUMENTED, Fidelity.SAME_SOFTWARE]) is Fidelity.SAME_SOFTWARE
    assert furthest([]) is Fidelity.DOCUMENTED
