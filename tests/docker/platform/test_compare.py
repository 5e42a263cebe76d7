"""Two builds of a service in turns on a real platform: what got dearer is called, and all is as it was afterwards."""

from __future__ import annotations

from sim.comparison.judgement import FEWEST_REPEATS
from sim.comparison.model import Call
from sim.runtime.stack import LiveStack
from sim.verdict import Status
from tests.bench.compare import SERVICE, in_turns, told, variant

_BURN = "began = time.thread_time(); [None for _ in iter(lambda: time.thread_time() - began < 0.0005, False)]"
"""Half a millisecond of processor time: about as much as a request to the catalogue costs the service by itself."""


def test_a_build_whose_requests_cost_more_is_called_and_the_service_is_as_it_was(platform: LiveStack) -> None:
    """By its processor time, beside a neighbour that did not change, on whatever machine this is."""
    with variant(platform, _BURN) as image:
        found = in_turns(platform, image, seed=1, repeats=FEWEST_REPEATS)
    assert found.paired
    assert found.status is Status.FAIL, told(found)
    cost = next(change for change in found.changes if change.metric == "cpu_ms_per_request")
    assert cost.call is Call.REGRESSION, told(found)
    assert cost.beside
    assert platform.control.state(SERVICE).state == "running"
    digests = [{i.digest for i in r.record.images if i.component == "service"} for r in found.before.repeats]
    assert digests == [{platform.plan.server(SERVICE).image.digest}] * len(found.before.repeats)
