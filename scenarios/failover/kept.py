"""The cache and the object store die by ``kill -9`` while they are written to."""

from __future__ import annotations

from contextlib import ExitStack

from scenarios.failover.entry_drills import OUTAGE_S, Keeper, Load, clear, kill_under_load, take_inventory
from sim.checks.entries import CONTROL_INVENTORY, CONTROL_MARK, CONTROL_WRITE, Kept, judge_entries
from sim.faults.kill import Kill
from sim.load.writing import Entries, put
from sim.scenario import Scenario, Stage

_CACHE = Load("entry", 100.0, 2)
_OBJECTS = Load("object", 50.0, 4, unfinished=1)
_CONTROL_ENTRIES = 30
_FSYNC_S = 1.0
"""``appendfsync everysec``: what Redis' own documentation says a crash may cost."""
_SAFE_SETTING = "appendonly"


def _rehearse_cache(stage: Stage) -> None:
    cache = stage.servers.cache()
    prefix = f"sim.ledger.{stage.rng.getrandbits(48):012x}."
    keeper = Keeper(cache.name, lambda: cache.shelf(prefix), lambda: bool(cache.version()))
    careless = Keeper(cache.name, lambda: cache.shelf(f"{prefix}control."), keeper.ready)
    with ExitStack() as cleanup:
        for one in (careless, keeper):
            cleanup.callback(clear, one)
        kill_under_load(stage, keeper, _CACHE)
        cache.configure(_SAFE_SETTING, "no")
        _fill_control(stage, careless)
        with Kill(cache.name, ready=keeper.ready, name=f"kill -9 {CONTROL_MARK}").inject(stage):
            pass  # it takes its own settings up again when it starts
        take_inventory(stage, careless, CONTROL_INVENTORY)


def _rehearse_objects(stage: Stage) -> None:
    store = stage.servers.object_store()
    bucket = next(iter(stage.topology.object_store.buckets)).name
    prefix = f"sim.ledger/{stage.rng.getrandbits(48):012x}/"
    hidden = f"sim.ledger/{stage.rng.getrandbits(48):012x}/"
    keeper = Keeper(store.name, lambda: store.shelf(bucket, prefix), lambda: bool(store.buckets()))
    robbed = Keeper(store.name, lambda: store.shelf(bucket, hidden), keeper.ready)
    with ExitStack() as cleanup:
        for one in (robbed, keeper):
            cleanup.callback(clear, one)
        _fill_control(stage, robbed)
        clear(robbed)
        kill_under_load(stage, keeper, _OBJECTS)
        take_inventory(stage, robbed, CONTROL_INVENTORY)


def _fill_control(stage: Stage, keeper: Keeper) -> None:
    entries = Entries(CONTROL_WRITE, keeper.server, "control", 1.0)
    shelf = keeper.shelf()
    for number in range(_CONTROL_ENTRIES):
        put(stage, entries, shelf, entries.id(0, number), stage.clock.now_s())
    shelf.close()


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="failover/cache-entries",
        claim="When the cache dies, entries it acknowledged are gone from its last second at most.",
        section="8",
        needs=("redis",),
        rehearse=_rehearse_cache,
        judge=judge_entries(
            Kept("cache entries", control="without its append-only file, kill -9 of the cache", within_s=_FSYNC_S)
        ),
        essential=False,
        source="Redis documentation, Persistence, appendfsync everysec",
        parameters={"rate_per_s": _CACHE.rate_per_s, "bound_s": _FSYNC_S, "outage_s": OUTAGE_S},
    ),
    Scenario(
        name="failover/object-store-puts",
        claim="When the store dies under uploads, every acknowledged object is whole and no cut-off one is there.",
        section="7",
        needs=("object-store",),
        rehearse=_rehearse_objects,
        judge=judge_entries(
            Kept("objects", control="objects that the rig took away behind the ledger's back", unfinished=True)
        ),
        product_claim=True,
        essential=False,
        source="Amazon S3 User Guide, strong read-after-write consistency, multipart upload; minio/warp",
        parameters={"rate_per_s": _OBJECTS.rate_per_s, "outage_s": OUTAGE_S},
    ),
)
