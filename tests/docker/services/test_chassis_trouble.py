"""What the chassis promises when something dies: database, broker node, the service itself, or its orders to stop."""

from __future__ import annotations

import json
import random
import secrets
import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.docker.services.chassis_stand import NAME, Client, Process, Stand, stand
from tests.docker.services.gateway_stand import eventually

_KILLS = 8
_CHANGED = {"name": "n", "unit_price_cents": 1, "on_sale": True}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("trouble")) as made:
        yield made


@pytest.fixture(scope="module")
def declared(site: Stand) -> None:
    """The queues are there, and stay."""
    with site.service("messages-broker-service"):
        pass


@pytest.fixture
def client(site: Stand) -> Iterator[Client]:
    with site.client() as made:
        yield made


def test_it_starts_before_anything_it_needs(site: Stand, client: Client) -> None:
    """No broker, no database, no queue: alive, not ready, saying what it waits for; ready when all of it came."""
    for way in (*site.nodes, site.database):
        way.cut()
    with site.service(ready=False) as sample:
        eventually(lambda: _listens(sample), 20)
        assert sample.health("/health/live")[0] == 200
        status, report = sample.health()
        assert (status, report["status"]) == (503, "not ready")
        assert {"broker", "database", "schema", "requests"} <= set(report["waiting_for"])
        for way in (*site.nodes, site.database):
            way.mend()
        eventually(lambda: list(sample.health()[1]["waiting_for"]) == ["requests"], 30)
        with site.service("messages-broker-service"):
            eventually(sample.is_ready, 20)
        assert client.ask("GET", "/ping").status == 200


@pytest.mark.usefixtures("declared")
def test_killed_between_commit_and_publish_nothing_is_lost(site: Stand, client: Client) -> None:
    """By itself right after the commit, or from outside at any instant: what was done has its event, in effect once.

    Asked again under its id it is answered, and not done again.
    """
    seed = secrets.randbelow(2**32)
    dice = random.Random(seed)  # noqa: S311 - repeatable
    client.take("orders-service.events")
    asked: dict[str, str] = {}
    for number in range(_KILLS):
        with site.service() as sample:
            # Delivered again after the restart, without anybody asking: a kill takes one delivery, never the message.
            eventually(lambda: [site.made(name) for name in asked] == [1] * len(asked))
            name, message_id = f"kill-{seed}-{number}", secrets.token_hex(16)
            asked[name] = message_id
            client.send("POST", "/made", {"name": name, "crash": number % 2 == 0}, message_id=message_id)
            if number % 2:
                time.sleep(dice.uniform(0.0, 0.03))
                sample.process.send_signal(signal.SIGKILL)
            assert sample.process.wait(10) == -signal.SIGKILL
    with site.service():
        # What was killed before its end is delivered again by the broker; the test's own repetition finds it done.
        for name, message_id in asked.items():
            answers = [
                client.ask("POST", "/made", {"name": name, "crash": number % 2 == 0}, message_id=message_id)
                for number in (list(asked).index(name), list(asked).index(name))
            ]
            assert [answer.status for answer in answers] == [201, 201], seed
            assert answers[0].document == answers[1].document
        eventually(lambda: site.rows("SELECT COUNT(*) FROM outbox") == [0])
    assert [site.made(name) for name in asked] == [1] * _KILLS, seed
    told = [(json.loads(body)["order_id"], properties.message_id) for properties, body in _told(client)]
    assert {name for name, _ in told} >= set(asked), seed
    assert client.take(f"{NAME}.dead-letter") == []
    # Published again after a kill it may be, but under the id its consumers know it by.
    assert len({pair for pair in told if pair[0] in asked}) == _KILLS, seed


@pytest.mark.usefixtures("declared")
def test_what_was_refused_is_not_done_when_the_broker_delivers_it_again(site: Stand, client: Client) -> None:
    """Its acknowledgement lost, a refused request comes back: whoever was told no is not served behind their back.

    The caller's own new attempt under the same key is another matter: it is tried anew.
    """
    gate, message_id = f"gate-{secrets.token_hex(4)}", secrets.token_hex(16)
    wanted = {"name": f"wanted-{secrets.token_hex(4)}", "after": gate}
    with site.service():
        assert client.ask("POST", "/made", wanted, message_id=message_id).status == 409
        assert client.ask("POST", "/made", {"name": gate}).status == 201
    again = client.send("POST", "/made", wanted, message_id=message_id, timeout_s=60.0)
    taken: list[int] = []

    def take() -> bool:
        method, _, _ = client.channel.basic_get(NAME)
        taken.extend([] if method is None else [method.delivery_tag])
        return bool(taken)

    eventually(take)
    client.channel.basic_nack(taken[0], requeue=True)
    with site.service():
        answer = client.wait(again, 20.0)
        assert answer is not None
        assert (answer.status, answer.document["detail"]) == (409, f"There is no {gate} yet.")
        assert site.made(wanted["name"]) == 0
        assert client.ask("POST", "/made", wanted, message_id=message_id).status == 201
        assert client.ask("POST", "/made", wanted, message_id=message_id).status == 201
    assert site.made(wanted["name"]) == 1


@pytest.mark.usefixtures("declared")
def test_a_database_that_dies_costs_503_at_once_and_holds_events(site: Stand, client: Client) -> None:
    """Killed for real: requests are refused quickly, events wait, health says so; all of it passes by itself."""
    with site.service() as sample:
        held = [secrets.token_hex(6) for _ in range(10)]
        with site.database_killed():
            assert client.ask("GET", "/made").status == 503
            eventually(lambda: sample.health()[1]["dependencies"]["database"]["state"] == "down")
            refused = [client.ask("GET", "/made") for _ in range(10)]
            assert {answer.status for answer in refused} == {503}
            assert max(answer.seconds for answer in refused) < 0.5
            assert refused[0].headers["retry-after"] >= 1
            assert client.ask("GET", "/ping").status == 200
            assert sample.health()[0] == 503
            for sku in held:
                client.tell("product.changed", {"sku": sku, **_CHANGED})
            eventually(lambda: client.depth(f"{NAME}.events") == len(held))
        eventually(sample.is_ready, 20)
        assert client.ask("POST", "/made", {"name": "after"}).status == 201
        eventually(lambda: [site.made(sku) for sku in held] == [1] * 10, 20)
        assert client.take(f"{NAME}.dead-letter") == []


@pytest.mark.usefixtures("declared")
def test_a_database_that_freezes_costs_one_time_out_and_then_nothing(site: Stand, client: Client) -> None:
    """Paused, it keeps its connections open: those under way end with 503 within seconds, the next at once."""
    with site.service() as sample:
        assert client.ask("GET", "/made").status == 200
        site.mysql.container.pause()
        try:
            first = client.ask("GET", "/made")
            assert (first.status, first.seconds < 6.0) == (503, True)
            eventually(lambda: sample.health()[0] == 503, 10)
            assert client.ask("GET", "/made").seconds < 0.5
        finally:
            site.mysql.container.unpause()
        eventually(sample.is_ready, 20)
        assert client.ask("GET", "/made").status == 200


@pytest.mark.usefixtures("declared")
def test_a_broker_node_that_goes_is_replaced_by_another(site: Stand, client: Client) -> None:
    """Cut off from one address it consumes through the other within seconds; what was committed meanwhile is told."""
    with site.service() as sample:
        for gone, other in (site.nodes, site.nodes[::-1]):
            gone.cut()
            eventually(partial(_is_at, sample, other.port), 10)
            assert client.ask("POST", "/made", {"name": f"via-{other.port}"}).status == 201
            gone.mend()
        eventually(lambda: site.rows("SELECT COUNT(*) FROM outbox") == [0])


@pytest.mark.usefixtures("declared")
def test_without_any_broker_it_waits_and_comes_back(site: Stand, client: Client) -> None:
    """Both ways cut: alive, not ready; requests wait in their queue and are answered once it is back."""
    with site.service() as sample:
        for node in site.nodes:
            node.cut()
        eventually(lambda: sample.health()[0] == 503, 10)
        assert sample.health("/health/live")[0] == 200
        waiting = client.send("GET", "/made", timeout_s=20.0)
        for node in site.nodes:
            node.mend()
        answer = client.wait(waiting, 15)
        assert answer is not None
        assert answer.status == 200
        eventually(sample.is_ready, 10)


@pytest.mark.usefixtures("declared")
def test_a_broker_short_of_memory_is_waited_for(site: Stand, client: Client) -> None:
    """It takes no more messages: not ready, and saying so; the answer it would not take arrives once it does."""
    with site.service() as sample:
        # A broker blocks whoever publishes while it is short: the answer must come after its tool is through.
        asked = client.send("GET", "/slow", query="seconds=6", timeout_s=60.0)
        eventually(lambda: "service_requests_in_flight 1.0" in sample.metrics())
        site.broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            eventually(lambda: sample.health()[1]["dependencies"]["broker"]["state"] == "blocked", 30.0)
            assert sample.health()[0] == 503
        finally:
            site.broker.control("set_vm_memory_high_watermark", "0.4")
        answer = client.wait(asked, 30)
        assert answer is not None
        assert answer.status == 200
        eventually(sample.is_ready)


@pytest.mark.usefixtures("declared")
def test_told_to_stop_it_finishes_what_it_began(site: Stand, client: Client) -> None:
    """The request under way is answered, what comes after stays in the queue for others; exit 0, well within 8 s."""
    with site.service() as sample:
        under_way = client.send("GET", "/slow", query="seconds=1.5")
        eventually(lambda: "service_requests_in_flight 1.0" in sample.metrics())
        began_s = time.monotonic()
        sample.process.send_signal(signal.SIGTERM)
        eventually(lambda: len(sample.said("stopping")) == 1)
        later = client.send("POST", "/made", {"name": "later"}, timeout_s=30.0)
        assert sample.process.wait(10) == 0
        assert 1.0 < time.monotonic() - began_s < 4.0
        answer = client.wait(under_way)
        assert answer is not None
        assert answer.status == 200
        assert sample.said("stopped")[0]["drained"] is True
    with site.service():
        answer = client.wait(later, 10)
        assert answer is not None
        assert answer.status == 201


@pytest.mark.usefixtures("declared")
def test_told_twice_it_stops_at_once(site: Stand, client: Client) -> None:
    """What it was doing is delivered again elsewhere."""
    with site.service() as sample:
        client.send("GET", "/slow", query="seconds=6", timeout_s=5.0)
        eventually(lambda: "service_requests_in_flight 1.0" in sample.metrics())
        sample.process.send_signal(signal.SIGINT)
        eventually(lambda: len(sample.said("stopping")) == 1)
        began_s = time.monotonic()
        sample.process.send_signal(signal.SIGINT)
        assert sample.process.wait(5) == 128 + signal.SIGINT
        assert time.monotonic() - began_s < 1.0


@pytest.mark.usefixtures("declared")
def test_an_applied_migration_that_was_changed_is_refused(site: Stand) -> None:
    """Exit 1 and the file's name: code and schema cannot both be right."""
    checksum = site.rows("SELECT checksum FROM schema_migrations")[0]
    site.rows("UPDATE schema_migrations SET checksum = 'other'")
    try:
        with site.service(ready=False) as sample:
            assert sample.process.wait(15) == 1
            (line,) = sample.said("the schema cannot be brought up to date")
            assert "0001_made.sql was changed" in line["reason"]
    finally:
        site.rows(f"UPDATE schema_migrations SET checksum = '{checksum}'")  # noqa: S608 - as it was read


@pytest.mark.usefixtures("declared")
def test_a_migration_that_was_cut_off_is_gone_on_with(site: Stand) -> None:
    """Killed after a statement and before its record: the statement's effect is found, and the rest is done."""
    site.rows("UPDATE schema_migrations SET statements_done = 1, finished_at = NULL")
    site.rows("DELETE FROM counters")
    with site.service():
        assert site.rows("SELECT COUNT(*) FROM counters") == [2]
        assert site.rows("SELECT statements_done, finished_at IS NOT NULL FROM schema_migrations") == [(3, 1)]


@pytest.mark.usefixtures("declared")
def test_replicas_migrate_once(site: Stand) -> None:
    """Three started at once on an empty schema: one does it, the others wait, all are ready."""
    for table in ("made", "counters", "schema_migrations", "inbox", "outbox"):
        site.rows(f"DROP TABLE {table}")
    with site.service(ready=False) as one, site.service(ready=False) as two, site.service(ready=False) as three:
        for replica in (one, two, three):
            eventually(replica.is_ready, 30)
        assert sum(len(replica.said("schema migrated")) for replica in (one, two, three)) == 1
        assert site.rows("SELECT COUNT(*) FROM counters") == [2]


def _listens(sample: Process) -> bool:
    try:
        return sample.health("/health/live")[0] == 200
    except OSError:
        return False


def _is_at(sample: Process, port: int) -> bool:
    status, report = sample.health()
    return status == 200 and str(port) in str(report["dependencies"]["broker"]["reason"])


def _told(client: Client) -> list[tuple[Any, bytes]]:
    """Everything in the orders' queue, once it can be there."""
    eventually(lambda: client.depth("orders-service.events") >= _KILLS)
    return client.take("orders-service.events")
