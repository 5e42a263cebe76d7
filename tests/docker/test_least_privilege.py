"""The rights each service is given, tried on the real servers: what its work takes is allowed, nothing beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

import pika
import pytest
import redis
from minio import Minio
from minio.error import S3Error
from pika.adapters.blocking_connection import BlockingChannel

from sim.plan.access import broker_secret
from sim.preparing import Wanted, prepare, read_document
from sim.runtime.engine import connect
from sim.runtime.rising import Phase
from sim.runtime.stack import LiveStack, raised

_DEAD_LETTERS = "ecommerce.dead-letter"
_REFUSED = 403
_PATIENCE_S = 15.0

Act = Callable[[BlockingChannel], Any]


class _Silent:
    def server(self, name: str, phase: Phase, elapsed_s: float) -> None:
        """A test has no use for progress."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The shared servers alone: no service of ours may have prepared the ground."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        client = connect()
        order = prepare(client, read_document(None), Wanted(only=("rabbitmq", "redis", "minio")), print)
        with raised(client, order, _Silent()) as found:
            yield found


@pytest.fixture(scope="module")
def as_(stack: LiveStack) -> Iterator[Callable[[str], pika.BlockingConnection]]:
    """A connection by a deployment's own user, one each."""
    node = stack.plan.of_kind("rabbitmq")[0]
    endpoint = stack.engine.endpoint(node.name, "amqp")
    opened: dict[str, pika.BlockingConnection] = {}

    def connection(deployment: str) -> pika.BlockingConnection:
        if deployment not in opened:
            login = pika.PlainCredentials(deployment, stack.secrets[broker_secret(deployment)])
            parameters = pika.ConnectionParameters(endpoint.host, endpoint.port, node.facts["vhost"], login)
            opened[deployment] = pika.BlockingConnection(parameters)
        return opened[deployment]

    yield connection
    for each in opened.values():
        each.close()


@pytest.fixture(scope="module")
def declared(as_: Callable[[str], pika.BlockingConnection]) -> None:
    """Two services' queues, as their coordinator declares them."""
    channel = as_("messages-broker-service").channel()
    for deployment in ("orders-service", "products-service"):
        arguments = {"x-dead-letter-exchange": _DEAD_LETTERS, "x-dead-letter-routing-key": deployment}
        for queue in (deployment, f"{deployment}.events"):
            channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum", **arguments})
        channel.queue_declare(f"{deployment}.dead-letter", durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind(f"{deployment}.dead-letter", _DEAD_LETTERS, deployment)
        channel.queue_bind(deployment, "ecommerce.direct", deployment)
        channel.queue_bind(f"{deployment}.events", "ecommerce.topic", "order.placed")
        channel.queue_bind(f"{deployment}.events", "ecommerce.fanout", "")
    channel.close()


@pytest.fixture
def emptied(as_: Callable[[str], pika.BlockingConnection], declared: None) -> None:  # noqa: ARG001 - comes after it
    """What another test left in them is not this one's."""
    channel = as_("messages-broker-service").channel()
    for queue in ("products-service", "products-service.dead-letter"):
        channel.queue_purge(queue)
    channel.close()


def _consume(queue: str) -> Act:
    return lambda channel: channel.basic_consume(queue, lambda *_: None)


def _publish(exchange: str, key: str) -> Act:
    def act(channel: BlockingChannel) -> None:
        channel.confirm_delivery()
        channel.basic_publish(exchange, key, b"{}")

    return act


def _declare(queue: str) -> Act:
    return lambda channel: channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "classic"})


def _own_broadcasts(channel: BlockingChannel) -> None:
    channel.queue_declare("api-gateway-0.broadcasts", arguments={"x-queue-type": "classic"}, auto_delete=True)
    channel.queue_bind("api-gateway-0.broadcasts", "ecommerce.fanout", "")


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("user", "act", "allowed"),
    [
        ("orders-service", _consume("orders-service"), True),
        ("orders-service", _consume("orders-service.events"), True),
        ("orders-service", _consume("products-service"), False),
        ("orders-service", _consume("orders-service.dead-letter"), False),
        ("orders-service", _declare("anything"), False),
        ("orders-service", _publish("ecommerce.direct", "products-service"), True),
        ("orders-service", _publish("ecommerce.topic", "order.placed"), True),
        ("orders-service", _publish("ecommerce.fanout", ""), False),
        ("products-service", _publish("ecommerce.direct", "orders-service"), False),
        ("contacts-service", _publish("ecommerce.topic", "order.placed"), False),
        ("api-gateway", _publish("ecommerce.direct", "orders-service"), True),
        ("api-gateway", _publish("ecommerce.fanout", ""), False),
        ("api-gateway", _consume("orders-service"), False),
        ("api-gateway", _own_broadcasts, True),
        ("api-gateway", lambda c: c.queue_bind("api-gateway-0.broadcasts", "ecommerce.topic", "#"), False),
        ("messages-broker-service", _consume("orders-service.dead-letter"), True),
        ("messages-broker-service", _declare("stranger"), False),
    ],
)
def test_a_service_may_do_its_work_and_nothing_else(
    as_: Callable[[str], pika.BlockingConnection], user: str, act: Act, *, allowed: bool
) -> None:
    """Refused by the broker (403) what is not its work, beside the same right where it is somebody's work."""
    channel = as_(user).channel()
    if allowed:
        act(channel)
        channel.close()
        return
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refusal:
        act(channel)
    assert refusal.value.reply_code == _REFUSED


def _taken(channel: BlockingChannel, queue: str) -> tuple[Any, Any, Any]:
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        found: tuple[Any, Any, Any] = channel.basic_get(queue)
        if found[0] is not None:
            return found
        channel.connection.process_data_events(0.1)
    raise AssertionError(f"nothing came to {queue}")


@pytest.mark.usefixtures("emptied")
def test_a_question_is_answered_by_direct_reply(as_: Callable[[str], pika.BlockingConnection]) -> None:
    """The gateway asks, the service answers: neither needs a right on the other's queues."""
    asking, answering = as_("api-gateway"), as_("products-service").channel()
    channel, got = asking.channel(), list[bytes]()
    channel.basic_consume("amq.rabbitmq.reply-to", lambda *call: got.append(call[3]), auto_ack=True)
    properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id="1")
    channel.basic_publish("ecommerce.direct", "products-service", b"question", properties)
    method, asked, _ = _taken(answering, "products-service")
    answering.basic_publish("", asked.reply_to, b"answer", pika.BasicProperties(correlation_id=asked.correlation_id))
    answering.basic_ack(method.delivery_tag)
    deadline_s = time.monotonic() + _PATIENCE_S
    while not got and time.monotonic() < deadline_s:
        asking.process_data_events(0.1)
    assert got == [b"answer"]


@pytest.mark.usefixtures("emptied")
def test_dead_letters_go_to_their_owner_and_strangers_to_the_unclaimed(
    as_: Callable[[str], pika.BlockingConnection], stack: LiveStack
) -> None:
    """A rejected request ends with its service's; what names no service is kept all the same."""
    operator = as_("messages-broker-service").channel()
    as_("api-gateway").channel().basic_publish("ecommerce.direct", "products-service", b"poison")
    consumer = as_("products-service").channel()
    consumer.basic_reject(_taken(consumer, "products-service")[0].delivery_tag, requeue=False)
    assert _taken(operator, "products-service.dead-letter")[2] == b"poison"
    broker = stack.servers.broker()
    probe = "sim.probe.stray"
    broker.declare_queue(probe)
    try:
        publisher = broker.publisher(1)
        publisher.publish("", probe, b"stray")
        publisher.close()
        assert broker.get(probe, acknowledge=False) == b"stray"
        assert _taken(operator, f"{_DEAD_LETTERS}.queue")[2] == b"stray"
    finally:
        broker.delete_queue(probe)


def test_a_cache_user_has_its_own_keys_and_no_others(stack: LiveStack) -> None:
    """Set, read and scan below its prefix; another's key, and every command that touches all, are refused."""
    endpoint = stack.engine.endpoint("redis", "redis")
    password = stack.secrets["ORDERS_SERVICE_REDIS_PASSWORD"]
    with redis.Redis(endpoint.host, endpoint.port, username="orders-service", password=password) as client:
        client.set("orders-service:a", "1", ex=5)
        assert client.get("orders-service:a") == b"1"
        assert list(client.scan_iter("orders-service:*")) == [b"orders-service:a"]
        asks: tuple[Callable[[], Any], ...] = (
            partial(client.get, "auth-service:a"),
            client.flushall,
            partial(client.keys, "*"),
            partial(client.config_get, "*"),
            client.acl_list,
        )
        for refused in asks:
            with pytest.raises(redis.exceptions.NoPermissionError):
                refused()


def test_a_bucket_user_has_its_own_bucket_and_no_other(stack: LiveStack) -> None:
    """Put, get, list and pre-sign there; other buckets, new ones and policies are refused."""
    endpoint = stack.engine.endpoint("minio", "s3")
    secret = stack.secrets["SAV_SERVICE_S3_SECRET_KEY"]
    client = Minio(str(endpoint), "sav-service", secret, secure=False, region="us-east-1")
    client.put_object("sav", "attachment", BytesIO(b"x"), 1)
    assert [o.object_name for o in client.list_objects("sav")] == ["attachment"]
    asks: tuple[Callable[[], Any], ...] = (
        lambda: client.put_object("products", "attachment", BytesIO(b"x"), 1),
        lambda: list(client.list_objects("newsletters")),
        lambda: client.make_bucket("mine"),
        lambda: client.set_bucket_policy("sav", "{}"),
    )
    for refused in asks:
        with pytest.raises(S3Error) as refusal:
            refused()
        assert refusal.value.code == "AccessDenied"
    client.remove_object("sav", "attachment")
