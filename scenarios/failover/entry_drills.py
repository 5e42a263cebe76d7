"""The one shape of every drill of a server that keeps things: entries written while it dies, and counted afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from scenarios.failover.broker_drills import wait
from sim.checks.entries import INVENTORY, RECOVERY_DEADLINE_S, UNFINISHED, WRITE
from sim.errors import SimError
from sim.faults.kill import Kill
from sim.history import Outcome
from sim.load.pacing import Progress
from sim.load.writing import Entries, writing
from sim.scenario import Stage
from sim.servers.shelf import Shelf

STEADY_S = 2.0
OUTAGE_S = 2.0
_CONFIRMS_AFTER = 10


@dataclass(frozen=True, slots=True)
class Keeper:
    """A server that keeps entries: a new client's shelf on it, and whether it serves."""

    server: str
    shelf: Callable[[], Shelf]
    ready: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Load:
    """``unfinished`` entries are begun just before the death and never finished."""

    prefix: str
    rate_per_s: float
    writers: int
    unfinished: int = 0


def kill_under_load(stage: Stage, keeper: Keeper, load: Load) -> None:
    """Steady state, death, outage, recovery, steady state, and what is there then, with what was begun still open."""
    entries = Entries(WRITE, keeper.server, load.prefix, load.rate_per_s, load.writers)
    with writing(stage, entries, keeper.shelf) as progress:
        let_pass(stage, progress, STEADY_S)
        open_ends = [_begin(stage, keeper, f"{load.prefix}-open-{n}") for n in range(load.unfinished)]
        with Kill(keeper.server, ready=keeper.ready).inject(stage) as killed:
            if killed:
                let_pass(stage, progress, OUTAGE_S)
        recover(stage, progress)
    take_inventory(stage, keeper, INVENTORY)
    for shelf in open_ends:
        shelf.close()


def _begin(stage: Stage, keeper: Keeper, entry: str) -> Shelf:
    shelf = keeper.shelf()
    begun = shelf.begin(entry)
    outcome = Outcome.OK if begun else Outcome.FAILED
    stage.record(UNFINISHED, keeper.server, outcome, actor="writer", id=entry)
    return shelf


def recover(stage: Stage, progress: Progress) -> None:
    """Wait until what is written from now on is acknowledged, and a while more."""
    healed_s = stage.clock.now_s()
    wait(
        stage,
        lambda: bool(progress.failure) or progress.confirmed_since(healed_s) >= _CONFIRMS_AFTER,
        RECOVERY_DEADLINE_S + 2.0,
    )
    let_pass(stage, progress, STEADY_S / 2)


def let_pass(stage: Stage, progress: Progress, seconds: float) -> None:
    """Time under load; cut short when a writer has died."""
    ends_s = stage.clock.now_s() + seconds
    wait(stage, lambda: bool(progress.failure) or stage.clock.now_s() >= ends_s, seconds + 1.0)


def take_inventory(stage: Stage, keeper: Keeper, op: str, *, without: frozenset[str] = frozenset()) -> None:
    """Everything that is there; ``without`` cuts entries off what was found, and says so."""
    shelf = keeper.shelf()
    try:
        found = shelf.inventory()
    except SimError as error:
        stage.record(op, keeper.server, Outcome.UNSURE, message=str(error))
        return
    finally:
        shelf.close()
    stage.record(
        op,
        keeper.server,
        Outcome.OK,
        whole=sorted(entry for entry, whole in found.items() if whole and entry not in without),
        broken=sorted(entry for entry, whole in found.items() if not whole and entry not in without),
        simulated=bool(without),
    )


def clear(keeper: Keeper) -> None:
    """Leave nothing behind, as far as the server lets us."""
    shelf = keeper.shelf()
    with suppress(SimError):
        shelf.clear()
    shelf.close()
