"""Section 8: Redis, its password, its persistence, and what services use it for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.checks import tables
from sim.checks.facts import Fact, accepted, ask, equals, every, observe_state, refused, running, setting, until
from sim.scenario import Scenario, Stage
from sim.servers.protocol import CacheServer

_SECTION = "8"
_TTL_S = 1
_EXPIRY_DEADLINE_S = 5.0


def _scenario(name: str, claim: str, rehearse: Callable[[Stage], None], judge: Callable[..., Any]) -> Scenario:
    return Scenario(f"conformance/cache-{name}", claim, _SECTION, ("redis",), rehearse, judge)


def _key(stage: Stage) -> str:
    return f"sim:probe:{stage.rng.getrandbits(48):012x}"


def _password(stage: Stage) -> str:
    return stage.servers.secret(stage.plan.of_kind("redis")[0].facts["password_secret"])


def _own_login(stage: Stage, cache: CacheServer) -> None:
    ask(stage, "login", cache.name, lambda: cache.authenticate(_password(stage)))


_LET_IN = Fact("login", _SECTION, lambda e: tables.on_cache(e, None), accepted, "the password opens it")


def _answer(stage: Stage) -> None:
    cache = stage.servers.cache()
    observe_state(stage, cache.name)
    _own_login(stage, cache)


def _no_password(stage: Stage) -> None:
    cache = stage.servers.cache()
    _own_login(stage, cache)
    ask(stage, "login-without", cache.name, lambda: cache.authenticate(None))


def _wrong_password(stage: Stage) -> None:
    cache = stage.servers.cache()
    _own_login(stage, cache)
    guess = f"wrong-{stage.rng.getrandbits(64):016x}"
    ask(stage, "login-wrong", cache.name, lambda: cache.authenticate(guess))


def _version(stage: Stage) -> None:
    cache = stage.servers.cache()
    ask(stage, "version", cache.name, cache.version)


def _config(*names: str) -> Callable[[Stage], None]:
    def rehearse(stage: Stage) -> None:
        cache = stage.servers.cache()
        ask(stage, "config", cache.name, lambda: cache.config(*names))

    return rehearse


def _persistence_problem(observed: Any, _documented: Any) -> str:
    kept = observed.get("appendonly") == "yes" or observed.get("save", "").strip()
    return "" if kept else "neither an append-only file nor snapshots: the documented data volume would stay empty"


def _expiry(stage: Stage) -> None:
    cache = stage.servers.cache()
    key = _key(stage)

    def expired() -> dict[str, Any]:
        try:
            cache.set(key, "session", expires_s=_TTL_S)
            first, left_s = cache.get(key), cache.time_to_live_s(key)
            last = until(stage, lambda: cache.get(key), lambda value: value is None, _EXPIRY_DEADLINE_S)
            return {"stored": first == "session", "had_limit": left_s >= 0, "gone": last is None}
        finally:
            cache.delete(key)

    ask(stage, "expire", cache.name, expired)


def _all_true(observed: Any, _documented: Any) -> str:
    return "; ".join(f"{name.replace('_', ' ')}: no, documented yes" for name, value in observed.items() if not value)


def _state(stage: Stage) -> None:
    cache = stage.servers.cache()
    key = _key(stage)

    def kept() -> dict[str, Any]:
        try:
            cache.set(key, "first")
            cache.set(key, "second")
            last, no_limit = cache.get(key), cache.time_to_live_s(key) == -1
            cache.delete(key)
            return {
                "last_write_read": last == "second",
                "kept_until_deleted": no_limit,
                "deleted": cache.get(key) is None,
            }
        finally:
            cache.delete(key)

    ask(stage, "state", cache.name, kept)


def _stream(stage: Stage) -> None:
    cache = stage.servers.cache()
    entry = {"service": "orders", "level": "info"}
    ask(stage, "stream", cache.name, lambda: cache.stream_round_trip(_key(stage), entry) == entry)


SCENARIOS = (
    _scenario(
        "answer",
        "The cache runs and answers PING to whoever has its password.",
        _answer,
        every(running(_SECTION, lambda e: tables.on_cache(e, "running")), _LET_IN),
    ),
    _scenario(
        "password-required",
        "Without a password the cache does nothing for anybody.",
        _no_password,
        every(
            _LET_IN,
            Fact(
                "login-without",
                _SECTION,
                lambda e: tables.on_cache(e, ("NOAUTH",)),
                refused,
                "no password, no answer (NOAUTH)",
            ),
        ),
    ),
    _scenario(
        "wrong-password",
        "A wrong password is turned away where the right one opens.",
        _wrong_password,
        every(
            _LET_IN,
            Fact(
                "login-wrong",
                _SECTION,
                lambda e: tables.on_cache(e, ("WRONGPASS",)),
                refused,
                "a wrong password is refused (WRONGPASS)",
            ),
        ),
    ),
    _scenario(
        "version",
        "The cache runs Redis of the documented release line.",
        _version,
        Fact(
            "version",
            _SECTION,
            lambda e: tables.on_cache(e, e.images["redis"]) if "redis" in e.images else {},
            tables.release_line,
            "the documented release line runs",
            excused=lambda e, _observed, _documented: tables.not_the_documented_image(e, "redis"),
        ),
    ),
    _scenario(
        "persistence",
        "What the cache holds is written to disk, so that its data volume serves a purpose.",
        _config("appendonly", "save"),
        Fact("config", _SECTION, lambda e: tables.on_cache(e, None), _persistence_problem, "writes are kept on disk"),
    ),
    _scenario(
        "data-directory",
        "The cache keeps its files under the path where the documented volume is mounted.",
        _config("dir"),
        Fact(
            "config",
            _SECTION,
            lambda e: tables.on_cache(e, e.topology.cache.data_path),
            setting("dir"),
            "the documented path",
        ),
    ),
    _scenario(
        "port",
        "The cache listens on the documented port.",
        _config("port"),
        Fact(
            "config",
            _SECTION,
            lambda e: tables.on_cache(e, e.topology.cache.port),
            setting("port"),
            "the documented port",
        ),
    ),
    _scenario(
        "expiry",
        "A key with a time to live is gone when its time is over, as sessions must be.",
        _expiry,
        Fact("expire", _SECTION, lambda e: tables.on_cache(e, None), _all_true, "a key expired in its time"),
    ),
    _scenario(
        "state",
        "Basket and order state is read back as last written, until it is deleted.",
        _state,
        Fact("state", _SECTION, lambda e: tables.on_cache(e, None), _all_true, "state was read back as last written"),
    ),
    _scenario(
        "log-stream",
        "A log line appended to a stream is read back from it, as log aggregation does.",
        _stream,
        Fact(
            "stream",
            _SECTION,
            lambda e: tables.on_cache(e, True),  # noqa: FBT003 - the documented value is a truth
            equals("a stream's entry read back"),
            "a stream's entry was read back",
        ),
    ),
)
