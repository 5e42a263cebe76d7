"""What the chassis promises while everything is there: requests, replays, malformed messages, traces, metrics."""

from __future__ import annotations

import json
import secrets
import struct
import time
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from tests.docker.services.chassis_stand import NAME, Client, Process, Stand, stand
from tests.docker.services.gateway_stand import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
EDITOR = json.dumps({"user_id": "u", "email": "e@example.com", "permissions": ["products.write"]})
CUSTOMER = json.dumps({"user_id": "u", "email": "e@example.com"})
ADMINISTRATOR = json.dumps({"user_id": "a", "email": "a@example.com", "permissions": ["dead-letters.manage"]})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("chassis")) as made:
        yield made


@pytest.fixture(scope="module")
def coordinator(site: Stand) -> Iterator[Process]:
    with site.service("messages-broker-service") as made:
        yield made


@pytest.fixture(scope="module")
def sample(site: Stand, coordinator: Process) -> Iterator[Process]:
    assert coordinator.is_ready()
    with site.service() as made:
        yield made


@pytest.fixture
def client(site: Stand, sample: Process) -> Iterator[Client]:
    assert sample.is_ready()
    with site.client() as made:
        yield made


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("GET", "/ping", None, {}), 200),
        (("GET", "/made", None, {}), 200),
        (("POST", "/made", {"name": "asked"}, {}), 201),
        (("GET", "/nowhere", None, {}), 404),
        (("DELETE", "/made", None, {}), 405),
        (("POST", "/made", b"{", {}), 400),
        (("POST", "/made", b"", {}), 400),
        (("POST", "/made", {"name": 7}, {}), 422),
        (("POST", "/made", b"x" * (5 * 2**20), {}), 413),
        (("GET", "/slow", None, {"query": "seconds=long"}), 422),
        (("GET", "/mine", None, {}), 401),
        (("GET", "/mine", None, {"identity": CUSTOMER}), 200),
        (("GET", "/edit", None, {"identity": CUSTOMER}), 403),
        (("GET", "/edit", None, {"identity": EDITOR}), 200),
        (("GET", "/inner", None, {"identity": EDITOR}), 404),
        (("GET", "/inner", None, {"app_id": "orders-service"}), 200),
        (("GET", "/bug", None, {}), 500),
    ],
)
def test_every_request_is_answered(client: Client, asked: tuple[str, str, Any, dict[str, Any]], status: int) -> None:
    """With the status that belongs to it; what is not 2xx is a problem document that says why."""
    method, path, body, headers = asked
    answer = client.ask(method, path, body, **headers)
    assert answer.status == status
    if status >= 400:
        assert (answer.document["status"], bool(answer.document["detail"])) == (status, True)
        assert "Traceback" not in json.dumps(answer.document)


def test_a_request_again_is_answered_and_not_done_again(client: Client, site: Stand) -> None:
    """One after the other and eight at once under one id: one effect, one and the same answer, one event."""
    name, message_id = secrets.token_hex(8), secrets.token_hex(16)
    client.take("orders-service.events")
    first = client.ask("POST", "/made", {"name": name}, message_id=message_id)
    assert client.ask("POST", "/made", {"name": name}, message_id=message_id).document == first.document
    other, other_id = secrets.token_hex(8), secrets.token_hex(16)
    sent = [client.send("POST", "/made", {"name": other}, message_id=other_id) for _ in range(8)]
    answers = [client.wait(correlation_id) for correlation_id in sent]
    assert {answer.status for answer in answers if answer} == {201}
    assert len({json.dumps(answer.document) for answer in answers if answer}) == 1
    assert (site.made(name), site.made(other)) == (1, 1)
    eventually(lambda: client.depth("orders-service.events") >= 2)
    told = [json.loads(body)["order_id"] for _, body in client.take("orders-service.events")]
    assert sorted(told) == sorted([name, other])


def test_another_request_under_the_same_id_is_refused(client: Client, site: Stand) -> None:
    """422, and nothing is done."""
    name, message_id = secrets.token_hex(8), secrets.token_hex(16)
    client.ask("POST", "/made", {"name": name}, message_id=message_id)
    assert client.ask("POST", "/made", {"name": f"{name}x"}, message_id=message_id).status == 422
    assert site.made(f"{name}x") == 0


def test_a_request_past_its_deadline_is_acknowledged_unread(client: Client, site: Stand, sample: Process) -> None:
    """Nobody waits for it: not done, not answered, not left in the queue, counted."""
    name = secrets.token_hex(8)
    assert client.wait(client.send("POST", "/made", {"name": name}, timeout_s=-1), within_s=0.5) is None
    assert client.ask("GET", "/made").status == 200
    assert (site.made(name), client.depth(NAME)) == (0, 0)
    assert "service_requests_expired_total 1.0" in sample.metrics()


def test_deadlocked_handlers_are_run_again(client: Client, site: Stand) -> None:
    """Two that lock the same two rows in opposite orders both succeed, each counted once."""
    before = dict(site.rows("SELECT name, value FROM counters"))
    sent = [client.send("POST", path) for path in ("/cross/a/b", "/cross/b/a")]
    assert [answer.status for answer in map(client.wait, sent) if answer] == [200, 200]
    after = dict(site.rows("SELECT name, value FROM counters"))
    assert {name: after[name] - before[name] for name in after} == {"a": 2, "b": 2}


def test_a_service_asks_another(client: Client, site: Stand) -> None:
    """503 at once while there is no such queue or nobody there in time; its answer when there is."""
    assert client.ask("GET", "/onward", timeout_s=1.0).status == 504
    with site.service("payments-service"):
        answer = client.ask("GET", "/onward")
        assert (answer.status, answer.document["service"]) == (200, "payments-service")


def test_a_trace_goes_through_to_logs_and_events(client: Client, sample: Process) -> None:
    """The caller's trace id is in the service's log lines and in the header of the event it caused."""
    client.take("orders-service.events")
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    client.ask("POST", "/made", {"name": secrets.token_hex(8)}, traceparent=parent)
    client.ask("GET", "/mine", identity=CUSTOMER, traceparent=parent)
    eventually(lambda: client.depth("orders-service.events") == 1)
    ((properties, _),) = client.take("orders-service.events")
    assert properties.headers["traceparent"].split("-")[1] == TRACE

    def requests() -> set[str]:
        return {line["route"] for line in sample.said("request") if line.get("trace_id") == TRACE}

    eventually(lambda: len(requests()) == 2)  # logged after they were answered
    assert requests() == {"baskets.make", "baskets.mine"}
    assert TRACE in {line.get("trace_id") for line in sample.said("at work")}


def test_metrics_have_the_golden_signals(client: Client, sample: Process) -> None:
    """Traffic and errors by route and status, latency, saturation; and what the service depends on."""
    client.ask("GET", "/made")
    page = sample.metrics()
    for line in (
        'service_requests_total{route="baskets.list",status="200"}',
        'service_request_duration_seconds_bucket{le="0.05",route="baskets.list"}',
        "service_requests_in_flight 0.0",
        'service_dependency_up{dependency="broker"} 1.0',
        'service_dependency_up{dependency="database"} 1.0',
        "service_outbox_depth",
        "process_resident_memory_bytes",
    ):
        assert line in page, line


def test_malformed_messages_are_dead_lettered_and_harm_nobody(client: Client, sample: Process, site: Stand) -> None:
    """On both queues; none is left, none is lost, the service is the same process and answers on."""
    client.take(f"{NAME}.dead-letter")
    pid, made = sample.process.pid, site.rows("SELECT COUNT(*) FROM made")
    requests = (
        pika.BasicProperties(),
        pika.BasicProperties(type="reply", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}),
        pika.BasicProperties(type="request", headers={"method": 1, "path": "/made"}, reply_to="x", message_id="m"),
        pika.BasicProperties(type="request", headers={"method": "GET", "path": "/made"}, message_id="m"),
        pika.BasicProperties(
            type="request", headers={"method": "GET", "path": "/", "identity": "{"}, reply_to="x", message_id="m"
        ),
    )
    events = (
        (pika.BasicProperties(), b"\xff\xfe"),
        (pika.BasicProperties(type="order.placed", message_id="m"), b"{"),
        (pika.BasicProperties(type="order.placed", message_id="m"), b"{}"),
        (pika.BasicProperties(type="product.changed"), b'{"sku":"A","name":"n","unit_price_cents":1,"on_sale":true}'),
        (pika.BasicProperties(type="no.such.event", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}), b"{}"),
    )
    for number in range(100):
        client.channel.basic_publish("", NAME, b"\x00" * number, requests[number % len(requests)])
        properties, body = events[number % len(events)]
        client.channel.basic_publish("", f"{NAME}.events", body, properties)
    eventually(lambda: client.depth(f"{NAME}.dead-letter") >= 200, 20)
    assert (client.depth(NAME), client.depth(f"{NAME}.events")) == (0, 0)
    assert client.ask("GET", "/ping").status == 200
    for kind in ("request", "event"):
        said = sample.said(f"malformed {kind}, dead-lettered")
        assert len(said) >= 100
        assert all(line["trace_id"] for line in said)
        assert any(line["trace_id"] == TRACE for line in said)
    assert (sample.process.pid, sample.process.poll(), site.rows("SELECT COUNT(*) FROM made")) == (pid, None, made)


class _Spoilt(pika.BasicProperties):
    """Properties of which the one header is these bytes, whatever they are."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self._value = value

    def encode(self) -> list[bytes]:
        table = b"\x01h" + self._value
        return [struct.pack(">HI", pika.BasicProperties.FLAG_HEADERS, len(table)), table]


def _nested(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return value


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(_Spoilt(b"T" + struct.pack(">Q", 2**63)), id="a date after the year 9999"),
        pytest.param(_Spoilt(_nested(3000)), id="lists three thousand deep"),
        pytest.param(pika.BasicProperties(type="request", message_id="m", reply_to=b"\xff\xfe"), id="no text"),
        pytest.param(pika.BasicProperties(type=b"\xff", message_id=b"\xff", app_id=b"\xff"), id="bytes everywhere"),
    ],
)
def test_what_the_driver_cannot_decode_costs_nobody_a_connection(
    client: Client, sample: Process, spoilt: pika.BasicProperties
) -> None:
    """Requests and events alike: a dead letter at its first delivery, shown as far as it can be; nothing is cut off."""
    # The test's own driver could not take them either.
    client.channel.queue_purge(f"{NAME}.dead-letter")
    lost = len(sample.said("broker connection lost"))
    for queue in (NAME, f"{NAME}.events"):
        client.channel.basic_publish("", queue, b"{}", spoilt)
    eventually(lambda: client.depth(f"{NAME}.dead-letter") >= 2)
    assert (client.depth(NAME), client.depth(f"{NAME}.events")) == (0, 0)
    shown = client.ask("GET", f"/dead-letters/{NAME}", service="messages-broker-service", identity=ADMINISTRATOR)
    assert (shown.status, len(shown.document["items"])) == (200, 2)
    assert client.ask("GET", "/ping").status == 200
    assert len(sample.said("broker connection lost")) == lost
    client.channel.queue_purge(f"{NAME}.dead-letter")


def test_an_answer_to_nowhere_harms_nobody(client: Client, sample: Process) -> None:
    """A reply address that is none, gone, or forged so that the broker would hang up: the service goes on."""
    for reply_to in ("nowhere", "amq.rabbitmq.reply-to", "amq.rabbitmq.reply-to.g1h2AA.bogus==", "\x00"):
        client.channel.basic_publish(
            "",
            NAME,
            b"",
            pika.BasicProperties(
                type="request", message_id="m", reply_to=reply_to, headers={"method": "GET", "path": "/ping"}
            ),
        )
    assert client.ask("GET", "/ping").status == 200
    assert sample.said("broker connection lost") == []


def test_dead_letters_are_shown_and_requeued(client: Client) -> None:
    """Looking takes nothing away, however often; a requeued one goes through its queue again."""
    client.take(f"{NAME}.dead-letter")
    client.channel.basic_publish("", NAME, b"why", pika.BasicProperties(type="odd", message_id="dead-1"))
    client.channel.basic_publish("", NAME, b"why", pika.BasicProperties(type="odd", message_id="dead-2"))
    eventually(lambda: client.depth(f"{NAME}.dead-letter") == 2)
    asked: dict[str, Any] = {"service": "messages-broker-service", "identity": ADMINISTRATOR}
    for _ in range(25):
        seen = client.ask("GET", "/dead-letters/baskets", **asked)
        letters = {letter["message_id"]: letter["reason"] for letter in seen.document["items"]}
        assert letters == {"dead-1": "rejected", "dead-2": "rejected"}
    asking = client.ask("POST", "/dead-letters/baskets/requeue", {"message_ids": ["dead-2"]}, **asked)
    assert (asking.status, asking.document) == (200, {"requeued": 1})
    # It died again, of the same: it is back, and it is counted as one.
    eventually(lambda: client.depth(f"{NAME}.dead-letter") == 2)
    assert client.ask("GET", "/dead-letters/nobody", **asked).status == 404
    assert (
        client.ask("GET", "/dead-letters/baskets", service="messages-broker-service", identity=CUSTOMER).status == 403
    )


def test_poison_is_set_aside_after_its_delivery_limit(client: Client, site: Stand, sample: Process) -> None:
    """Five deliveries, then a dead letter; nothing of it stays, and events after it have their effects."""
    client.take(f"{NAME}.dead-letter")
    poison, good = secrets.token_hex(6), secrets.token_hex(6)
    changed = {"unit_price_cents": 1, "on_sale": True}
    client.tell("product.changed", {"sku": poison, "name": "poison", **changed})
    client.tell("product.changed", {"sku": good, "name": "good", **changed})
    eventually(lambda: client.depth(f"{NAME}.dead-letter") == 1, 30)
    ((properties, _),) = client.take(f"{NAME}.dead-letter")
    assert properties.headers["x-first-death-reason"] == "delivery_limit"
    tried = [line for line in sample.said("event handler failed") if line["event"] == "product.changed"]
    assert len(tried) == 6
    assert (site.made(poison), site.made(good)) == (0, 1)


def test_an_event_again_has_its_effects_once(client: Client, site: Stand) -> None:
    """However often it is delivered; broadcasts that are not ours are acknowledged."""
    sku, message_id = secrets.token_hex(6), secrets.token_hex(16)
    for _ in range(5):
        client.tell("product.changed", {"sku": sku, "name": "n", "unit_price_cents": 1, "on_sale": True}, message_id)
    client.channel.basic_publish(
        "ecommerce.fanout", "", b"{}", pika.BasicProperties(type="session.revoked", message_id=secrets.token_hex(8))
    )
    eventually(lambda: site.made(sku) == 1)
    time.sleep(0.5)
    assert (site.made(sku), client.depth(f"{NAME}.events"), client.depth(f"{NAME}.dead-letter")) == (1, 0, 0)
