"""MySQL OLTP at a fixed rate, in the shape of sysbench's ``oltp_read_write``: what is carried, and how fast."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

from scenarios.throughput.direct import CONTROL_S, MEASURED_S, STALL_S, Kept, load_server, usual_segments
from sim.checks.direct_load import ROWS, judge_mysql
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Scenario, Stage
from sim.servers.protocol import SqlSession

RATE_PER_S = 40.0
CONNECTIONS = 4
TABLE_ROWS = 1000
_RANGE = 100
_POINT_SELECTS = 10
_TRANSACTION = "transaction"
_NAME = "@"
"""Stands for the table's name."""
_TABLE = "CREATE TABLE @ (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120), pad CHAR(60), KEY (k)) ENGINE=InnoDB"
_INSERT = "INSERT INTO @ (id, k, c, pad) VALUES (%s, %s, %s, %s)"
_POINT = "SELECT c FROM @ WHERE id = %s"
_RANGES = (
    "SELECT c FROM @ WHERE id BETWEEN %s AND %s",
    "SELECT SUM(k) FROM @ WHERE id BETWEEN %s AND %s",
    "SELECT c FROM @ WHERE id BETWEEN %s AND %s ORDER BY c",
    "SELECT DISTINCT c FROM @ WHERE id BETWEEN %s AND %s ORDER BY c",
)
_Statements = Sequence[tuple[str, Sequence[Any]]]


def rehearse(stage: Stage) -> None:
    server = stage.plan.of_kind("mysql")[0]
    facts = server.facts
    schema = facts["schema"]
    table = f"sim_oltp_{stage.rng.getrandbits(32):08x}"
    client = stage.servers.sql(server.name)
    user, password = facts["user"], stage.servers.secret(facts["password_secret"])

    def opened() -> SqlSession:
        return client.session(user, password, schema)

    kept = [Kept(opened) for _ in range(CONNECTIONS)]
    try:
        kept[0].use(lambda session: session.transact(_prepared(table)))
        workers = [partial(_one, connection, table, stage.rng.getrandbits(32)) for connection in kept]
        load_server(stage, server.name, workers, usual_segments(RATE_PER_S))
        _count(stage, server.name, schema, table)
    finally:
        for connection in kept[1:]:
            connection.close()
        kept[0].use(lambda session: session.transact([("DROP TABLE IF EXISTS @".replace(_NAME, table), ())]))
        kept[0].close()


def _one(connection: Kept[SqlSession], table: str, seed: int, number: int) -> str:
    rng = random.Random(f"{seed}/{number}")  # noqa: S311 - reproducible, not secret
    connection.use(lambda session: session.transact(_read_write(table, rng)))
    return _TRANSACTION


def _prepared(table: str) -> _Statements:
    return (
        (_TABLE.replace(_NAME, table), ()),
        *((_INSERT.replace(_NAME, table), _row(number, number)) for number in range(1, TABLE_ROWS + 1)),
    )


def _read_write(table: str, rng: random.Random) -> _Statements:
    """Of ``oltp_read_write.lua``: ten points, four ranges, two updates, a row deleted and put back."""
    first = rng.randint(1, TABLE_ROWS - _RANGE)
    span = (first, first + _RANGE - 1)
    # Rows are locked in ascending order, so that transactions wait for each other and never in a circle.
    updated, changed, replaced = sorted(rng.sample(range(1, TABLE_ROWS + 1), 3))
    statements: _Statements = (
        *((_POINT, (rng.randint(1, TABLE_ROWS),)) for _ in range(_POINT_SELECTS)),
        *((text, span) for text in _RANGES),
        ("UPDATE @ SET k = k + 1 WHERE id = %s", (updated,)),
        ("UPDATE @ SET c = %s WHERE id = %s", ("c" * 119, changed)),
        ("DELETE FROM @ WHERE id = %s", (replaced,)),
        (_INSERT, _row(replaced, rng.randint(1, TABLE_ROWS))),
    )
    return [(text.replace(_NAME, table), values) for text, values in statements]


def _row(number: int, k: int) -> Sequence[Any]:
    return (number, k, "c" * 119, "p" * 59)


def _count(stage: Stage, server: str, schema: str, table: str) -> None:
    """Every transaction puts back what it takes away: none was half done."""
    try:
        rows = stage.servers.sql(server).count(schema, table)
    except SimError as error:
        stage.record(ROWS, server, Outcome.UNSURE, message=str(error))
        return
    stage.record(ROWS, server, Outcome.OK, rows=rows, wanted=TABLE_ROWS)


MYSQL = Scenario(
    name="throughput/mysql",
    claim="A database carries a steady rate of transactions, 99 % within a second of when due, none half done.",
    section="5",
    needs=("mysql",),
    rehearse=rehearse,
    judge=judge_mysql,
    essential=False,
    source="sysbench, oltp_read_write; document, section 9 (alert above 1 s)",
    parameters={
        "rate_per_s": RATE_PER_S,
        "connections": float(CONNECTIONS),
        "rows": float(TABLE_ROWS),
        "measured_s": MEASURED_S,
        "control_s": CONTROL_S,
        "stall_s": STALL_S,
    },
)
