"""Section 7: the object store's buckets, who may do what with them, and what is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sim.checks import tables
from sim.checks.facts import Doubt, Fact, ask, equals, every, exactly, observe_state, running
from sim.errors import Refused
from sim.scenario import Evidence, Scenario, Stage
from sim.servers.protocol import ObjectAnswer, ObjectStore

_SECTION = "7"
_FIRST, _SECOND = b"first version", b"second version"
# How S3 words "you may not"; a missing key or bucket is another matter and proves nothing about policies.
_DENIED = (401, 403)
_URL_LIFETIME_S = 60
_ANY_POLICY = ("public-read", "private")


def _scenario(
    name: str,
    claim: str,
    rehearse: Callable[[Stage], None],
    judge: Callable[..., Any],
    *,
    product_claim: bool = False,
) -> Scenario:
    return Scenario(
        f"conformance/object-store-{name}",
        claim,
        _SECTION,
        ("object-store",),
        rehearse,
        judge,
        product_claim=product_claim,
    )


@contextmanager
def _probe_object(stage: Stage, store: ObjectStore, bucket: str) -> Iterator[str]:
    """An object of the rig's own; neither it nor a version of it stays behind. Raises Refused when it cannot be put."""
    key = f"sim-probe/{stage.rng.getrandbits(48):012x}.txt"
    try:
        _granted(store.put(bucket, key, _FIRST), f"PUT {bucket}")
        yield key
    finally:
        store.delete(bucket, key, every_version=True)


def _granted(answer: ObjectAnswer, what: str) -> ObjectAnswer:
    if not answer.accepted:
        raise Refused(f"{what} with the owner's key was refused ({answer.status} {answer.code}).", answer.code)
    return answer


def _short(answer: ObjectAnswer) -> dict[str, Any]:
    """An answer without its body: what is in a bucket is nobody's business here."""
    return {"status": answer.status, "code": answer.code, "probe_body": answer.body == _FIRST}


def _each_bucket(
    op: str, observe: Callable[[Stage, ObjectStore, str], Any], policies: tuple[str, ...] = _ANY_POLICY
) -> Callable[[Stage], None]:
    """Only the buckets that the claim is about are tried."""

    def rehearse(stage: Stage) -> None:
        store = stage.servers.object_store()
        for bucket in stage.topology.object_store.buckets:
            if bucket.policy in policies:
                ask(stage, op, bucket.name, functools.partial(observe, stage, store, bucket.name))

    return rehearse


def _on_probe(
    do: Callable[[ObjectStore, str, str], ObjectAnswer],
) -> Callable[[Stage, ObjectStore, str], Any]:
    """Do something to an object that is surely there: its owner reads it first."""

    def observe(stage: Stage, store: ObjectStore, bucket: str) -> Any:
        with _probe_object(stage, store, bucket) as key:
            _granted(store.get(bucket, key), f"GET {bucket}")
            return _short(do(store, bucket, key))

    return observe


def _of_policy(policies: tuple[str, ...]) -> Callable[[Evidence], Mapping[str, Any]]:
    return lambda e: {b.name: None for b in e.topology.object_store.buckets if b.policy in policies}


def _readable(observed: Any, _documented: Any) -> str:
    if observed["status"] in _DENIED:
        return f"reading was refused ({observed['status']} {observed['code']}), documented allowed"
    if observed["status"] != 200 or not observed["probe_body"]:
        return Doubt(f"answered {observed['status']} {observed['code']} without the object that is there")
    return ""


def _closed(observed: Any, _documented: Any) -> str:
    if 200 <= observed["status"] < 300:
        return f"allowed ({observed['status']}), documented forbidden"
    if observed["status"] not in _DENIED:
        return Doubt(f"answered {observed['status']} {observed['code']}, which is no refusal")
    return ""


def _policy_scenario(
    name: str, claim: str, observe: Callable[[Stage, ObjectStore, str], Any], policies: tuple[str, ...], holds: str
) -> Scenario:
    op = f"anonymous-{name}"
    problem = _readable if name == "public-read" else _closed
    fact = Fact(op, _SECTION, _of_policy(policies), problem, holds)
    return _scenario(name, claim, _each_bucket(op, observe, policies), fact)


def _buckets(stage: Stage) -> None:
    store = stage.servers.object_store()
    observe_state(stage, store.name)
    ask(stage, "buckets", store.name, store.buckets)


def _two_versions(stage: Stage, store: ObjectStore, bucket: str) -> Any:
    with _probe_object(stage, store, bucket) as key:
        _granted(store.put(bucket, key, _SECOND), f"PUT {bucket}")
        latest = _granted(store.get(bucket, key), f"GET {bucket}").body
        kept = store.versions(bucket, key)
        return {"enabled": store.versioning(bucket), "kept": len(kept), "latest_is_last": latest == _SECOND}


def _versioning_problem(observed: Any, documented: Any) -> str:
    wrong = (
        equals("versioning")(observed["enabled"], documented),
        equals("versions kept of two")(observed["kept"], 2 if documented else 1),
        "" if observed["latest_is_last"] else "the last version is not the one that is read",
    )
    return "; ".join(sentence for sentence in wrong if sentence)


def _lifecycle_problem(observed: Any, documented: Any) -> str:
    if not observed:
        return f"no life-cycle rule, documented expiry of replaced versions after {documented} days"
    return (
        "" if documented in observed.values() else f"replaced versions expire after {observed}, not {documented} days"
    )


def _presigned(stage: Stage, store: ObjectStore, bucket: str) -> Any:
    with _probe_object(stage, store, bucket) as key:
        return {
            "valid": _short(store.presigned_get(bucket, key, _URL_LIFETIME_S)),
            "tampered": _short(store.presigned_get(bucket, key, _URL_LIFETIME_S, tampered=True)),
            "expired": _short(store.presigned_get(bucket, key, -1)),
        }


def _presigned_problem(observed: Any, _documented: Any) -> str:
    valid = _readable(observed["valid"], None)
    if valid:
        return type(valid)(f"a valid pre-signed URL: {valid}")
    for how in ("tampered", "expired"):
        problem = _closed(observed[how], None)
        if problem:
            return type(problem)(f"a pre-signed URL that was {how}: {problem}")
    return ""


def _console(stage: Stage) -> None:
    store = stage.servers.object_store()
    ask(stage, "console", store.name, lambda: {"status": store.console().status})


SCENARIOS = (
    _scenario(
        "buckets",
        "The documented buckets exist, and no other.",
        _buckets,
        every(
            running(_SECTION, lambda e: tables.on_object_store(e, "running")),
            Fact(
                "buckets",
                _SECTION,
                lambda e: tables.on_object_store(e, [b.name for b in e.topology.object_store.buckets]),
                exactly("buckets"),
                "exactly the documented buckets",
            ),
        ),
    ),
    _policy_scenario(
        "public-read",
        "Anybody may read an object of a bucket documented as publicly readable.",
        _on_probe(lambda store, bucket, key: store.anonymous_get(bucket, key)),
        ("public-read",),
        "public buckets are readable by anybody",
    ),
    _policy_scenario(
        "private-closed",
        "Nobody without a key may read an object of a private bucket (C3).",
        _on_probe(lambda store, bucket, key: store.anonymous_get(bucket, key)),
        ("private",),
        "private buckets refuse a reader without a key",
    ),
    _policy_scenario(
        "no-anonymous-write",
        "Nobody without a key may write to any bucket, the public ones included.",
        _on_probe(lambda store, bucket, key: store.anonymous_put(bucket, key, _SECOND)),
        _ANY_POLICY,
        "no bucket takes an object without a key",
    ),
    _policy_scenario(
        "no-anonymous-list",
        "Public reading is of objects whose name one knows: nobody without a key may list what a bucket holds.",
        _on_probe(lambda store, bucket, _key: store.anonymous_list(bucket)),
        _ANY_POLICY,
        "no bucket shows its list without a key",
    ),
    _scenario(
        "versioning",
        "A replaced object's earlier version is kept.",
        _each_bucket("versions", _two_versions),
        Fact(
            "versions",
            _SECTION,
            lambda e: {b.name: b.versioning for b in e.topology.object_store.buckets},
            _versioning_problem,
            "both versions of a replaced object are kept",
        ),
    ),
    _scenario(
        "lifecycle",
        "A life-cycle rule lets replaced versions expire after the configured time.",
        _each_bucket("lifecycle", lambda _stage, store, bucket: store.lifecycle(bucket)),
        Fact(
            "lifecycle",
            _SECTION,
            lambda e: {b.name: b.noncurrent_expiry_days for b in e.topology.object_store.buckets},
            _lifecycle_problem,
            "replaced versions expire by rule",
        ),
    ),
    _scenario(
        "presigned-urls",
        "A pre-signed URL opens its object, and opens nothing once altered or out of date.",
        # Only where the public may not read anyway does a URL's signature decide.
        _each_bucket("presigned", _presigned, ("private",)),
        Fact(
            "presigned",
            _SECTION,
            _of_policy(("private",)),
            _presigned_problem,
            "pre-signed URLs work, altered and expired ones do not",
        ),
    ),
    _scenario(
        "wrong-key",
        "A request signed with a wrong key is refused, even for a public object.",
        _each_bucket("wrong-key", _on_probe(lambda store, bucket, key: store.wrong_key_get(bucket, key))),
        Fact("wrong-key", _SECTION, _of_policy(_ANY_POLICY), _closed, "a wrong signature is refused"),
    ),
    _scenario(
        "console",
        "The product's own console answers on its documented port.",
        _console,
        Fact(
            "console",
            _SECTION,
            lambda e: tables.on_object_store(e, 200),
            lambda observed, documented: equals("the console's status")(observed["status"], documented),
            "the console answers",
        ),
        product_claim=True,
    ),
)
