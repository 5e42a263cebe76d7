"""A dual write: events are kept in memory and published a while after the commit, where a kill takes them along."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sim.services.chassis import outbox
from sim.services.chassis.database import Session

_LATE_S = 4.0  # the sales of some seconds are in memory at any instant: no kill misses them all
_PUBLISH_TIMEOUT_S = 5.0
_kept: list[dict[str, Any]] = []


def _write(_session: Session, message_id: str, event: str, body: bytes, traceparent: str) -> None:
    now_s = time.time()
    row = {"message_id": message_id, "event": event, "body": body, "traceparent": traceparent}
    _kept.append({**row, "id": len(_kept), "at_s": int(now_s), "due_s": now_s + _LATE_S})


def _batch(publisher: Any) -> tuple[int, int]:
    time.sleep(0.05)
    due = [row for row in _kept if row["due_s"] <= time.time()]
    if due:
        asyncio.run_coroutine_threadsafe(publisher._publish(due), publisher._loop).result(_PUBLISH_TIMEOUT_S)
    for row in due:
        _kept.remove(row)
    # As if there were more: it is asked again at once for as long as anything is kept.
    return (outbox._BATCH,) * 2 if _kept else (0, 0)


outbox.write = _write
outbox.OutboxPublisher._batch = _batch  # type: ignore[method-assign]
