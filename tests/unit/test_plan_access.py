"""Least privilege on what all services share: who may touch which queue, exchange, key and bucket."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from sim.plan.access import broker_users
from sim.servers.object_store_setup import own_bucket
from sim.services.contract.events import EVENTS
from sim.services.contract.queues import service_queues
from sim.services.contract.shop import ASKS
from tests.unit.plan_sample import file, packaged, plan

_OTHERS = ("orders-service", "orders-service.events", "orders-service.dead-letter", "ecommerce.dead-letter.queue")


@dataclass(frozen=True, slots=True)
class _Rights:
    configure: str
    write: str
    read: str

    def may(self, what: str, resource: str) -> bool:
        return re.search(getattr(self, what), resource) is not None


@pytest.fixture(scope="module")
def rights() -> dict[str, _Rights]:
    definitions = json.loads(file(plan().of_kind("rabbitmq")[0], "/etc/rabbitmq/definitions.json"))
    return {p["user"]: _Rights(p["configure"], p["write"], p["read"]) for p in definitions["permissions"]}


def _services() -> dict[str, str]:
    return {key: s.name for key, s in packaged().services.items() if key != "messages-broker"}


def test_a_service_reads_its_own_queues_alone(rights: dict[str, _Rights]) -> None:
    """Requests and events, not even its dead letters; nobody else's."""
    for deployment in _services().values():
        mine = rights[deployment]
        assert mine.may("read", deployment)
        assert mine.may("read", f"{deployment}.events")
        for other in {*_OTHERS, f"{deployment}.dead-letter", f"my-{deployment}"} - {deployment, f"{deployment}.events"}:
            assert not mine.may("read", other), (deployment, other)


def test_a_service_declares_nothing(rights: dict[str, _Rights]) -> None:
    """Topology is its coordinator's work."""
    for deployment in _services().values():
        for resource in (deployment, "anything", "ecommerce.direct", "amq.default"):
            assert not rights[deployment].may("configure", resource)


def test_a_service_publishes_what_the_contract_has_it_say(rights: dict[str, _Rights]) -> None:
    """Replies; the exchanges of its own events; requests only if it asks anybody."""
    names = {e.type: e.name for e in packaged().broker.exchanges}
    for key, deployment in _services().items():
        said = {names[e.exchange] for e in EVENTS if e.publisher == key} | (
            {names["direct"]} if ASKS.get(key) else set()
        )
        written = {
            n for n in (*names.values(), "ecommerce.dead-letter", *_OTHERS) if rights[deployment].may("write", n)
        }
        assert written == said, deployment
        assert rights[deployment].may("write", "amq.default"), "direct replies go through the default exchange"


def test_the_coordinator_has_every_queue_and_exchange_of_the_contract_and_no_other(rights: dict[str, _Rights]) -> None:
    """It declares, binds, looks at dead letters and gives them back."""
    mine = rights["messages-broker-service"]
    deployments = {key: s.name for key, s in packaged().services.items()}
    queues = {q.name for q in service_queues(deployments)} | {f"{d}.dead-letter" for d in deployments.values()}
    exchanges = {*(e.name for e in packaged().broker.exchanges), "ecommerce.dead-letter"}
    queues.add("ecommerce.dead-letter.queue")
    for resource in queues | exchanges:
        assert all(mine.may(what, resource) for what in ("configure", "write", "read")), resource
    for resource in ("sim.probe.1", "api-gateway-0.broadcasts", "amq.topic", "orders-serviceX"):
        assert not any(mine.may(what, resource) for what in ("configure", "write", "read")), resource


def test_the_gateway_asks_and_hears_broadcasts(rights: dict[str, _Rights]) -> None:
    """Its pods' own queues, the direct exchange to write to, the fanout to bind to; no service's queue."""
    mine = rights["api-gateway"]
    for pod in ("api-gateway-0", "api-gateway-14"):
        assert all(mine.may(what, f"{pod}.broadcasts") for what in ("configure", "write", "read"))
    assert {
        n
        for n in ("ecommerce.direct", "ecommerce.topic", "ecommerce.fanout", "amq.default", *_OTHERS)
        if mine.may("write", n)
    } == {"ecommerce.direct"}
    assert {
        n for n in ("ecommerce.direct", "ecommerce.topic", "ecommerce.fanout", *_OTHERS) if mine.may("read", n)
    } == {"ecommerce.fanout"}


def test_every_user_has_a_password_of_its_own() -> None:
    """One a deployment, never the application's."""
    users = broker_users(packaged())
    assert len({u.password_secret for u in users}) == len(users) == 14


def test_a_cache_user_is_kept_to_its_own_keys() -> None:
    """Four users; no administration, nothing dangerous; the file holds no password."""
    written = file(plan().server("redis"), "/etc/redis/sim.conf")
    users = [line.split() for line in written.splitlines() if line.startswith("user ")]
    assert {u[1] for u in users} == {f"{key}-service" for key in ("auth", "products", "baskets", "orders")}
    for user in users:
        assert f"~{user[1]}:*" in user
        assert user[-3:] == ["+@all", "-@dangerous", "-@admin"]
        assert re.fullmatch(r">\$\{[A-Z_]+\}", user[3])


@pytest.mark.parametrize("software", ["minio", "seaweedfs"])
def test_every_bucket_user_has_a_secret_whatever_store_runs(software: str) -> None:
    """Written into a stand-in's file, or given to MinIO once it answers: generated with the stack either way."""
    whole = plan(only=("minio",), object_store=(software, "1"))
    assert {"SAV_SERVICE_S3_SECRET_KEY", "PRODUCTS_SERVICE_S3_SECRET_KEY"} <= set(whole.secret_names)


def test_a_bucket_users_policy_names_its_bucket_alone() -> None:
    """No other bucket, no wildcard over buckets, nothing that changes the bucket itself."""
    statements = own_bucket("sav")["Statement"]
    assert {r for s in statements for r in s["Resource"]} == {"arn:aws:s3:::sav", "arn:aws:s3:::sav/*"}
    actions = {a for s in statements for a in s["Action"]}
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"} <= actions
    assert not [a for a in actions if "Policy" in a or (a.endswith("Bucket") and a != "s3:ListBucket") or "*" in a]
