"""Events leave through a table: written in the transaction of what they tell, published after it, surely.

A row is deleted when the broker has confirmed its message. A process killed in between publishes it again after its
restart, or another replica does: consumers know each event by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final

from sim.services.chassis.amqp import Properties
from sim.services.chassis.backoff import Backoff
from sim.services.chassis.confirms import ConfirmedPublisher, NotConfirmed
from sim.services.chassis.database import Database, Session
from sim.services.chassis.logs import Logs
from sim.services.chassis.metrics import Metrics
from sim.services.chassis.outcomes import Contention
from sim.services.chassis.service import Row
from sim.services.chassis.settings import BrokerSettings
from sim.services.chassis.workers import Workers
from sim.services.contract.events import EVENT_BY_NAME
from sim.services.contract.message import JSON, TRACEPARENT
from sim.services.contract.problem import Problem

TABLE: Final = """
CREATE TABLE IF NOT EXISTS outbox (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  message_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  body MEDIUMBLOB NOT NULL,
  traceparent VARCHAR(55) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (id),
  UNIQUE KEY outbox_message_id (message_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""
_BATCH: Final = 100
_POLL_S: Final = 5.0
_PUBLISH_TIMEOUT_S: Final = 10.0
_PERSISTENT: Final = 2


def write(session: Session, message_id: str, event: str, body: bytes, traceparent: str) -> None:
    session.execute(
        "INSERT INTO outbox (message_id, event, body, traceparent) VALUES (%s, %s, %s, %s)",
        (message_id, event, body, traceparent),
    )


def event_message(broker: BrokerSettings, app_id: str, row: Row) -> tuple[str, str, Properties]:
    """Exchange, routing key and properties of one row."""
    kind = EVENT_BY_NAME[row["event"]]
    headers: dict[str, Any] = {**kind.attributes}
    if row["traceparent"]:
        headers[TRACEPARENT] = row["traceparent"]
    properties = Properties(
        content_type=JSON,
        headers=headers,
        delivery_mode=_PERSISTENT,
        message_id=row["message_id"],
        timestamp=int(row["at_s"]),
        type=kind.name,
        app_id=app_id,
    )
    return broker.exchange(kind.exchange), kind.name, properties


class OutboxPublisher:
    """Woken after each commit, and every few seconds for what another replica left behind.

    Rows of a batch are locked (SKIP LOCKED: replicas share the work) until the broker has confirmed them, and
    published in the order they were written.
    """

    def __init__(
        self,
        database: Database,
        publisher: ConfirmedPublisher,
        broker: BrokerSettings,
        *,
        app_id: str,
        metrics: Metrics,
        logs: Logs,
        random: Random,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._broker = broker
        self._app_id = app_id
        self._metrics = metrics
        self._logs = logs
        self._random = random
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._told = False

    def wake(self) -> None:
        """There is something to publish; from any thread."""
        self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self, workers: Workers) -> None:
        """For ever."""
        backoff = Backoff(self._random)
        while True:
            with suppress(TimeoutError):  # the slow look round
                await asyncio.wait_for(self._woken.wait(), _POLL_S * self._random.uniform(0.8, 1.2))
            self._woken.clear()
            if await self.flush(workers):
                backoff.reset()
            else:
                await asyncio.sleep(backoff.next_s())
                self._woken.set()

    async def flush(self, workers: Workers) -> bool:
        """Publish what there is; False when some of it could not be, and is to be tried again."""
        while self._publisher.is_ready and self._database.dependency.up:
            try:
                found, confirmed = await workers.run(self._batch)
            except (Problem, Contention):
                return False
            except Exception as error:  # noqa: BLE001 - whatever it is, the rows are still there
                self._logs.failure("outbox could not be published", error)
                return False
            if confirmed < found:
                return False
            if found < _BATCH:
                return True
        # Nothing can be done now: the next look round is soon enough.
        return True

    def _batch(self) -> tuple[int, int]:
        """In a worker thread: lock, publish, delete, commit."""
        with self._database.session() as session:
            rows = session.rows(
                "SELECT id, message_id, event, body, traceparent, UNIX_TIMESTAMP(created_at) AS at_s FROM outbox"
                " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
                (_BATCH,),
            )
            if not rows:
                self._metrics.outbox_depth.set(0)
                return 0, 0
            publishing = asyncio.run_coroutine_threadsafe(self._publish(rows), self._loop)
            confirmed = publishing.result(_PUBLISH_TIMEOUT_S)
            if confirmed:
                marks = ", ".join(["%s"] * len(confirmed))
                session.execute(f"DELETE FROM outbox WHERE id IN ({marks})", confirmed)  # noqa: S608 - only %s marks
            left = session.row("SELECT COUNT(*) AS n FROM outbox", ()) if len(rows) == _BATCH else None
        self._metrics.outbox_depth.set(left["n"] if left else len(rows) - len(confirmed))
        self._metrics.published.inc(len(confirmed))
        return len(rows), len(confirmed)

    async def _publish(self, rows: Sequence[Row]) -> list[int]:
        """On the loop: the ids of the rows the broker confirmed."""
        sent = []
        for row in rows:
            exchange, key, properties = event_message(self._broker, self._app_id, row)
            sent.append(asyncio.ensure_future(self._publisher.publish(exchange, key, row["body"], properties)))
        results = await asyncio.gather(*sent, return_exceptions=True)
        confirmed = []
        for row, result in zip(rows, results, strict=True):
            if result is None:
                confirmed.append(row["id"])
            elif not isinstance(result, NotConfirmed):
                raise result
        failed = len(rows) - len(confirmed)
        if failed and not self._told:
            reason = next(str(result) for result in results if result is not None)
            self._logs.log("warning", "events stay in the outbox", count=failed, reason=reason)
        self._told = bool(failed)
        return confirmed
