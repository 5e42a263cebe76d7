"""Sections 7 and 10: what anybody, and each service's key, may do with each bucket and with a pre-signed URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from scenarios.isolation.asking import control, new_name, one, put, told
from sim.checks import store_wall
from sim.checks.facts import Fact, ask
from sim.checks.walls import S3, Wall, controlled
from sim.errors import Refused
from sim.plan.access import BucketUser, bucket_users
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.object_store_policies import allowing
from sim.servers.store_deeds import DEEDS, NEW, NOT_THERE, READ, THERE, S3Key, StoreDeed
from sim.servers.walls import StoreWall
from sim.topology.model import Bucket
from sim.verdict import Verdict

_POLICIES = "Amazon S3 User Guide: bucket policies"
_SIGNATURES = "Amazon S3 API Reference: authenticating requests by query parameters (Signature Version 4)"
_LIFETIME_S = 60
_BODY = b"sim-probe"


@dataclass(frozen=True, slots=True)
class _Names:
    """Object keys of the rig's own, in each bucket."""

    there: str
    new: str
    missing: str

    def of(self, deed: StoreDeed) -> str:
        return {THERE: self.there, NEW: self.new, NOT_THERE: self.missing}.get(deed.object, "")


@contextmanager
def _objects(stage: Stage) -> Iterator[_Names]:
    """One object in every bucket; neither it nor what was let in beside it stays."""
    store = stage.servers.object_store()
    prefix = f"sim-probe/{stage.rng.getrandbits(48):012x}"
    names = _Names(f"{prefix}-there", f"{prefix}-new", f"{prefix}-missing")
    buckets = [bucket.name for bucket in stage.topology.object_store.buckets]
    try:
        for bucket in buckets:
            done = store.put(bucket, names.there, _BODY)
            if not done.accepted:
                raise Refused(f"PUT {bucket} with the owner's key was refused ({done.status}).", done.code)
        yield names
    finally:
        for bucket in buckets:
            for name in (names.there, names.new, names.missing):
                store.delete(bucket, name, every_version=True)


def canary(stage: Stage) -> None:
    """A bucket that should not be is made and opened to everybody, read by nobody in particular, closed, refused."""
    wall, store, bucket = stage.servers.store_wall(), stage.servers.object_store(), new_name(stage, "canary")

    @contextmanager
    def opened() -> Iterator[None]:
        wall.set_policy(bucket, allowing(["*"], ["s3:GetObject"], bucket))
        try:
            yield
        finally:
            wall.set_policy(bucket, None)

    with ExitStack() as undo:
        wall.make_bucket(bucket)
        undo.callback(wall.remove_bucket, bucket)
        undo.callback(store.delete, bucket, "sim-probe", every_version=True)
        store.put(bucket, "sim-probe", _BODY)
        control(stage, wall.name, opened, partial(wall.attempt, None, READ, bucket, "sim-probe"))


def _key(stage: Stage, user: BucketUser) -> S3Key:
    return S3Key(user.name, stage.servers.secret(user.secret_key_secret))


def _anonymous(stage: Stage) -> None:
    canary(stage)
    anonymous(stage, stage.topology.object_store.buckets)


def anonymous(stage: Stage, buckets: tuple[Bucket, ...]) -> None:
    """Everything, without a key, on each of ``buckets``."""
    wall = stage.servers.store_wall()
    with _objects(stage) as names:
        for bucket in buckets:
            for deed in DEEDS:
                attempt = partial(wall.attempt, None, deed, bucket.name, names.of(deed))
                put(stage, store_wall.NOBODY, wall.name, [(deed.name, bucket.name)], one(attempt))


def _keys(stage: Stage) -> None:
    canary(stage)
    wall = stage.servers.store_wall()
    with _objects(stage) as names:
        for user in bucket_users(stage.topology):
            for bucket in stage.topology.object_store.buckets:
                for deed in store_wall.deeds_of(bucket, user.bucket):
                    attempt = partial(wall.attempt, _key(stage, user), deed, bucket.name, names.of(deed))
                    put(stage, user.name, wall.name, [(deed.name, bucket.name)], one(attempt))


def _policies(stage: Stage) -> None:
    canary(stage)
    policies(stage, stage.servers.object_store().buckets())


def policies(stage: Stage, buckets: tuple[str, ...]) -> None:
    """What the policy of each of ``buckets`` allows."""
    wall = stage.servers.store_wall()
    for bucket in buckets:
        ask(stage, "policy", bucket, partial(_allowed, wall, bucket))


def _allowed(wall: StoreWall, bucket: str) -> list[str]:
    return store_wall.as_rows(wall.policy(bucket))


def _urls(stage: Stage) -> None:
    canary(stage)
    users = bucket_users(stage.topology)
    with _objects(stage) as names:
        for user, other in zip(users, (*users[1:], *users[:1]), strict=True):
            _written(stage, user, other, names)
            if store_wall.readable_by_url_alone(stage.topology, user.bucket):
                _read(stage, user, other, names)


def _written(stage: Stage, user: BucketUser, other: BucketUser, names: _Names) -> None:
    wall, key = stage.servers.store_wall(), _key(stage, user)
    url = wall.presigned(key, "PUT", user.bucket, names.new, _LIFETIME_S)
    foreign = wall.presigned(key, "PUT", other.bucket, names.new, _LIFETIME_S)
    late = wall.presigned(key, "PUT", user.bucket, names.new, -_LIFETIME_S)
    tries = {
        **_altered(url, names.new, names.missing, user, other),
        "by another method": ("DELETE", url),
        "after its time": ("PUT", late),
        "for a foreign bucket": ("PUT", foreign),
    }
    _follow(stage, user, store_wall.WRITE_URL, tries, ("PUT", _BODY))


def _read(stage: Stage, user: BucketUser, other: BucketUser, names: _Names) -> None:
    wall, key = stage.servers.store_wall(), _key(stage, user)
    url = wall.presigned(key, "GET", user.bucket, names.there, _LIFETIME_S)
    tries = {
        **_altered(url, names.there, names.missing, user, other),
        "by another method": ("DELETE", url.replace(names.there, names.missing)),
        "after its time": ("GET", wall.presigned(key, "GET", user.bucket, names.there, -_LIFETIME_S)),
    }
    del tries["for another bucket"]  # a public one is read without any URL
    _follow(stage, user, store_wall.READ_URL, tries, ("GET", b""))


def _altered(url: str, name: str, another: str, user: BucketUser, other: BucketUser) -> dict[str, tuple[str, str]]:
    """How → (method, URL); an empty method is the one that was signed."""
    signature = url.partition("X-Amz-Signature=")[2]
    return {
        store_wall.AS_SIGNED: ("", url),
        "for another object": ("", url.replace(name, another)),
        "for another bucket": ("", url.replace(f"/{user.bucket}/", f"/{other.bucket}/")),
        "for a longer time": ("", url.replace(f"X-Amz-Expires={_LIFETIME_S}", f"X-Amz-Expires={_LIFETIME_S * 60}")),
        "in another's name": ("", url.replace(f"X-Amz-Credential={user.name}", f"X-Amz-Credential={other.name}")),
        "with another signature": ("", url.replace(signature, signature[::-1])),
        "without its signature": ("", url.partition("?")[0]),
    }


def _follow(
    stage: Stage, user: BucketUser, action: str, tries: Mapping[str, tuple[str, str]], signed: tuple[str, bytes]
) -> None:
    """``signed`` is the method the URL was signed for, with the body that goes with it."""
    wall = stage.servers.store_wall()
    for how, (method, url) in tries.items():
        follow = partial(wall.follow, method or signed[0], url, b"" if method == "DELETE" else signed[1])
        put(stage, user.name, wall.name, [(f"{action} {how}", user.bucket)], one(follow))


def _scenario(
    name: str,
    claim: str,
    rehearse: Callable[[Stage], None],
    judge: Callable[[Evidence], Verdict],
    source: str = _POLICIES,
) -> Scenario:
    return Scenario(
        f"isolation/buckets-{name}", claim, "7", ("object-store",), told(judge, rehearse), judge, source=source
    )


SCENARIOS = (
    _scenario(
        "anonymous",
        "Whoever has no key reads known objects of public buckets; all else, lists and policies too, is refused (C3).",
        _anonymous,
        Wall(store_wall.expected_anonymous, S3, "nobody gets more than the documented public reading"),
    ),
    _scenario(
        "keys",
        "A service's key opens its own bucket's objects, and nothing of another's that is not public.",
        _keys,
        Wall(store_wall.expected_keys, S3, "each key has its own bucket and no other"),
    ),
    _scenario(
        "policies",
        "What each bucket's policy allows is what the document's table says, and nothing more (C3).",
        _policies,
        controlled(
            Fact("policy", "7", store_wall.expected_policies, store_wall.policies_problem, "policies as documented"), S3
        ),
    ),
    _scenario(
        "urls",
        "A pre-signed URL does what it was signed for, once altered, expired or signed for a foreign bucket nothing.",
        _urls,
        Wall(store_wall.expected_urls, S3, "URLs do what they were signed for and nothing else"),
        _SIGNATURES,
    ),
)
