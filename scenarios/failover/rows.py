"""MySQL dies by ``kill -9`` in the middle of commits, beside one that was told not to write its log at each."""

from __future__ import annotations

from contextlib import ExitStack

from scenarios.failover.entry_drills import (
    OUTAGE_S,
    STEADY_S,
    Keeper,
    Load,
    clear,
    kill_under_load,
    let_pass,
    take_inventory,
)
from sim.checks.entries import (
    CONTROL_INVENTORY,
    CONTROL_MARK,
    CONTROL_WRITE,
    Kept,
    judge_entries,
)
from sim.errors import RigError
from sim.faults.kill import Kill
from sim.history import Outcome, only
from sim.load.writing import Entries, writing
from sim.scenario import Scenario, Stage
from sim.topology.model import Database

_LOAD = Load("row", 100.0, 4, unfinished=3)
_CONTROL_PER_S = 100.0
_DURABILITY = "innodb_flush_log_at_trx_commit"
_CUT = 5


def _rehearse(stage: Stage) -> None:
    databases = _databases(stage)
    if len(databases) < 2:
        raise RigError("The drill needs two databases, the second for its control.", next_step="start two services")
    chosen, other = stage.rng.sample(databases, 2)
    table = f"sim_ledger_{stage.rng.getrandbits(48):012x}"
    keeper, careless = _keeper(stage, chosen, table), _keeper(stage, other, table)
    with ExitStack() as cleanup:
        for one in (keeper, careless):
            cleanup.callback(clear, one)
        _lose(stage, careless)
        kill_under_load(stage, keeper, _LOAD)
        take_inventory(stage, careless, CONTROL_INVENTORY)
        if acknowledged := _all_there(stage):
            take_inventory(stage, careless, CONTROL_INVENTORY, without=frozenset(acknowledged[-_CUT:]))


def _lose(stage: Stage, keeper: Keeper) -> None:
    """The control: the same death for a server that writes its log once a second."""
    stage.servers.sql(keeper.server).set_global(_DURABILITY, "0")
    entries = Entries(CONTROL_WRITE, keeper.server, "control", _CONTROL_PER_S, 2)
    with writing(stage, entries, keeper.shelf) as progress:
        let_pass(stage, progress, STEADY_S)
        fault = Kill(keeper.server, ready=keeper.ready, name=f"kill -9 {CONTROL_MARK}")
        with fault.inject(stage):
            progress.stop.set()


def _all_there(stage: Stage) -> list[str]:
    """The control's acknowledged entries in order, when the host lost none of them; else nothing."""
    seen = stage.history.of(stage.scenario)
    acknowledged = [str(o.detail["id"]) for o in only(seen, CONTROL_WRITE) if o.outcome is Outcome.OK]
    found = next((o for o in reversed(only(seen, CONTROL_INVENTORY)) if o.outcome is Outcome.OK), None)
    whole = set(found.detail["whole"]) if found else set()
    return acknowledged if whole.issuperset(acknowledged) else []


def _databases(stage: Stage) -> list[Database]:
    running = {server.name for server in stage.plan.of_kind("mysql")}
    return [database for database in stage.topology.databases.values() if database.deployment in running]


def _keeper(stage: Stage, database: Database, table: str) -> Keeper:
    server = stage.servers.sql(database.deployment)
    return Keeper(
        database.deployment,
        lambda: server.shelf(database.schema_name, table),
        lambda: bool(server.version()),
    )


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/mysql-commits",
        claim="When a database dies in the middle of commits, every committed transaction is there and no other.",
        section="5",
        needs=("mysql",),
        rehearse=_rehearse,
        judge=judge_entries(
            Kept(
                "committed transactions",
                control=f"with {_DURABILITY} off, kill -9 of another database",
                unfinished=True,
            )
        ),
        essential=False,
        source="MySQL 8.0 manual, innodb_flush_log_at_trx_commit; Jepsen on indeterminate outcomes",
        parameters={"rate_per_s": _LOAD.rate_per_s, "writers": float(_LOAD.writers), "outage_s": OUTAGE_S},
    ),
)
