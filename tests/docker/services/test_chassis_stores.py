"""Cache and bucket of a service on real servers: what they promise while these are there, and when they are gone."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import docker
import pytest
import redis
import requests

from sim.runtime.readiness import ready_probe
from sim.servers.object_store import S3Server
from sim.servers.object_store_setup import set_up_buckets
from sim.services.chassis.bucket import S3Bucket
from sim.services.chassis.cache import RedisCache
from sim.services.chassis.dependency import Dependency
from sim.services.chassis.service import CacheGone
from sim.services.chassis.settings import BucketSettings, CacheSettings
from sim.services.chassis.workers import Workers
from sim.services.contract.problem import Problem
from tests.docker.services.gateway_stand import eventually
from tests.docker.services.proxy import Proxy, proxy
from tests.docker.test_servers import test_object_store as stand_in
from tests.docker.test_servers.conftest import Running, container, image_of, server_spec

_AT_ONCE_S = 0.1
_RANDOM = Random(1)  # noqa: S311 - repeatable


def _quiet(*_arguments: Any, **_named: Any) -> None:
    """No log."""


@contextmanager
def _watched(dependency: Dependency) -> Iterator[None]:
    """As a running service watches it; up when the ``with`` begins."""
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    workers = Workers("test", 1)

    async def watch() -> None:
        stop = asyncio.Event()
        watching = asyncio.ensure_future(dependency.watch(workers))
        loops.append((asyncio.get_running_loop(), stop))
        await stop.wait()
        watching.cancel()
        await asyncio.wait([watching])

    thread = threading.Thread(target=lambda: asyncio.run(watch()), daemon=True)
    workers.start()
    thread.start()
    try:
        eventually(lambda: dependency.up)
        yield
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        workers.stop()


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env(timeout=60)
    yield client
    client.close()


@pytest.fixture(scope="module")
def way_to_redis(engine: docker.DockerClient) -> Iterator[Proxy]:
    password = ("--requirepass", "pw", "--protected-mode", "no", "--save", "")
    with (
        container(engine, "redis", ("redis-server", *password)) as running,
        proxy(lambda: (running.address, 6379)) as way,
    ):
        running.wait_ready(lambda: _refused(running), 30)
        yield way


def _refused(running: Running) -> str | None:
    try:
        redis.Redis(running.address, password="pw", socket_connect_timeout=1).ping()
    except redis.RedisError as error:
        return str(error)
    return None


def _cache(way: Proxy, prefix: str) -> RedisCache:
    settings = CacheSettings("127.0.0.1", way.port, "default", "pw", prefix)
    return RedisCache(settings, connections=4, log=_quiet, random=_RANDOM)


def test_a_cache_keeps_to_its_own_prefix(way_to_redis: Proxy) -> None:
    """Set, get, set if absent, delete by pattern: another prefix's keys are never met, whatever is in its name."""
    cache, other = _cache(way_to_redis, "a*[x]:"), _cache(way_to_redis, "abc[x]:")
    with _watched(cache.dependency), _watched(other.dependency):
        other.set("k", "theirs", 60)
        cache.set("k", b"\x00\xff", 60)
        assert cache.get("k") == b"\x00\xff"
        assert cache.get("absent") is None
        assert [cache.add("once", "1", 60), cache.add("once", "2", 60)] == [True, False]
        for number in range(1200):
            cache.set(f"many:{number}", "x", 60)
        assert cache.delete_matching("many:*") == 1200
        assert cache.delete_matching("*") == 2
        assert (cache.get("k"), other.get("k")) == (None, b"theirs")
        cache.set("short", "x", 1)
        eventually(lambda: cache.get("short") is None)


def test_a_cache_that_is_gone_says_so_at_once_and_comes_back(way_to_redis: Proxy) -> None:
    """The first call may find out; the next cost nothing; it is found again without being asked."""
    cache = _cache(way_to_redis, "gone:")
    with _watched(cache.dependency):
        cache.set("k", "v", 60)
        way_to_redis.cut()
        try:
            with pytest.raises(CacheGone):
                cache.get("k")
            eventually(lambda: not cache.dependency.up)
            assert _seconds(lambda: cache.get("k"), CacheGone) < _AT_ONCE_S
        finally:
            way_to_redis.mend()
        eventually(lambda: cache.dependency.up)
        assert cache.get("k") == b"v"


@pytest.fixture(scope="module")
def way_to_store(engine: docker.DockerClient) -> Iterator[Proxy]:
    minio = image_of("object-store").software == "minio"
    files = {} if minio else {"/etc/s3.json": json.dumps(stand_in._CONFIG)}
    credentials = {"MINIO_ROOT_USER": "access", "MINIO_ROOT_PASSWORD": "secret-key"} if minio else {}
    command = (stand_in._MINIO if minio else stand_in._SEAWEEDFS).split()
    with (
        container(engine, "object-store", command, files=files, environment=credentials) as running,
        proxy(lambda: (running.address, 9000)) as way,
    ):
        spec = server_spec("object-store", access_key_secret="A", secret_key_secret="S")
        secret = {"A": "access", "S": "secret-key"}
        running.wait_ready(ready_probe(spec, lambda _port: running.endpoint(9000), secret), 60)
        store = S3Server("minio", lambda: running.endpoint(9000), access_key="access", secret_key="secret-key")
        set_up_buckets(store, stand_in._DOCUMENTED)
        yield way


@pytest.fixture
def bucket(way_to_store: Proxy) -> Iterator[S3Bucket]:
    endpoint = f"http://127.0.0.1:{way_to_store.port}"
    settings = BucketSettings(endpoint, "access", "secret-key", "sav", "us-east-1")
    made = S3Bucket(settings, connections=4, log=_quiet, random=_RANDOM)
    with _watched(made.dependency):
        yield made


def test_an_object_is_put_read_measured_and_deleted(bucket: S3Bucket) -> None:
    """Under whatever name; what is absent is None, or a problem 404; deleting it again is as good."""
    key, body = f"tickets/é {secrets.token_hex(4)}.txt", b"\x00" * 100_000
    assert bucket.size_bytes(key) is None
    bucket.put(key, body, "text/plain")
    assert (bucket.size_bytes(key), bucket.get(key)) == (len(body), body)
    bucket.delete(key)
    bucket.delete(key)
    with pytest.raises(Problem) as raised:
        bucket.get(key)
    assert raised.value.status == 404


def test_a_presigned_url_is_all_a_stranger_needs(bucket: S3Bucket) -> None:
    """To put and to get that one object; without the signature the private bucket refuses."""
    key = f"tickets/{secrets.token_hex(4)}"
    assert requests.put(bucket.presigned_put(key, 60), data=b"attached", timeout=10).status_code == 200
    assert requests.get(bucket.presigned_get(key, 60), timeout=10).content == b"attached"
    assert requests.get(bucket.public_url(key), timeout=10).status_code == 403


def test_a_store_that_is_gone_is_503_at_once_and_comes_back(bucket: S3Bucket, way_to_store: Proxy) -> None:
    """URLs can be signed all the same; whoever follows them meets the store itself."""
    bucket.put("k", b"v", "text/plain")
    way_to_store.cut()
    try:
        with pytest.raises(Problem) as raised:
            bucket.get("k")
        assert raised.value.status == 503
        eventually(lambda: not bucket.dependency.up)
        assert _seconds(lambda: bucket.get("k"), Problem) < _AT_ONCE_S
        assert "X-Amz-Signature" in bucket.presigned_get("k", 60)
    finally:
        way_to_store.mend()
    eventually(lambda: bucket.dependency.up)
    assert bucket.get("k") == b"v"


def _seconds(call: Callable[[], object], raises: type[Exception]) -> float:
    began_s = time.monotonic()
    with pytest.raises(raises):
        call()
    return time.monotonic() - began_s
