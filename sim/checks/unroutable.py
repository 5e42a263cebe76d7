"""Messages that lead nowhere, sent between others: returned, each and only they, though the broker confirms them all.

A broker confirms what it could not route, too (RabbitMQ, "Reliability Guide", mandatory): a ledger that reads confirms
alone would call it acknowledged and then see it lost.
"""

from __future__ import annotations

from sim.checks.findings import Findings
from sim.checks.ledger import ledger, named
from sim.history import Outcome, only
from sim.scenario import Evidence
from sim.verdict import Verdict

ROUTABLE, UNROUTABLE, CONSUME, DRAIN, LOAD = "publish", "publish-nowhere", "consume", "drain", "load"
_RETURNED = "returned"


def judge_unroutable(evidence: Evidence) -> Verdict:
    """FAIL when one was taken for delivered, or a good one returned; UNKNOWN when either kind was not sent."""
    seen = evidence.observations
    findings = Findings()
    good, nowhere = only(seen, ROUTABLE), only(seen, UNROUTABLE)
    books = ledger(good, only(seen, CONSUME))
    findings.numbers.update({**books.numbers(), "rto_ms": 0.0, "rpo_ms": 0.0})
    findings.numbers["unroutable"] = float(len(nowhere))
    taken = tuple(str(o.detail["id"]) for o in nowhere if o.outcome is Outcome.OK)
    unclear = [o for o in nowhere if o.outcome is Outcome.UNSURE]
    refused = tuple(str(o.detail["id"]) for o in good if o.outcome is Outcome.FAILED)
    told = [o for o in nowhere if _RETURNED in str(o.detail.get("message", ""))]
    findings.numbers["returned"] = float(len(told))
    if taken:
        findings.wrong.append(
            f"{len(taken)} messages that lead nowhere were confirmed and not returned: {named(taken)}"
        )
    if refused:
        findings.wrong.append(f"{len(refused)} messages with a way were refused: {named(refused)}")
    ends = {str(o.detail.get("of")) for o in only(seen, LOAD) if o.outcome is Outcome.OK}
    findings.open += [f"the load of {op} did not end well" for op in (ROUTABLE, UNROUTABLE) if op not in ends]
    if not nowhere or not books.acknowledged:
        findings.open.append("not both kinds of message were sent")
    if unclear:
        findings.open.append(f"{len(unclear)} messages that lead nowhere got no answer")
    if any(o.outcome is Outcome.OK for o in only(seen, DRAIN)):
        if books.lost:
            findings.wrong.append(f"{len(books.lost)} acknowledged messages lost: {named(books.lost)}")
    else:
        findings.open.append("the queue was not drained to its end")
    findings.told.append(f"a ledger that reads confirms alone would have called {len(told)} acknowledged and then lost")
    return findings.verdict(
        lambda _: f"{len(told)} of {len(nowhere)} messages that lead nowhere returned, all {len(good)} others kept"
    )
