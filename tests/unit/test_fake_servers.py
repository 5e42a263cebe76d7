"""The other modelled servers, where a scenario relies on more than their good days."""

from __future__ import annotations

import pytest

from sim.clock import SystemClock
from sim.errors import Refused, RigError, Unreachable
from sim.plan.pods import build_plan
from sim.preparing import Wanted
from sim.runtime.fake.images import fake_images
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.venue import FakeVenue
from sim.topology.load import load_topology


@pytest.fixture(scope="module")
def plan_and_topology():  # noqa: ANN201 - a pair for the fixture below
    topology = load_topology()
    return build_plan(topology, "development", fake_images(topology), "192.0.2.0/24"), topology


@pytest.fixture
def platform(plan_and_topology) -> FakePlatform:  # noqa: ANN001
    plan, topology = plan_and_topology
    return FakePlatform(topology, plan, SystemClock(), seed=1)


def test_a_user_opens_its_own_database_and_no_other_server(platform: FakePlatform) -> None:
    """1044 for a foreign schema here, 1045 for its own name elsewhere, as MySQL says it."""
    auth, orders = platform.servers.sql("auth-service-mysql"), platform.servers.sql("orders-service-mysql")
    password = platform.secrets["AUTH_SERVICE_MYSQL_PASSWORD"]
    assert auth.login("auth_user", password, "auth_db").accepted
    assert auth.login("auth_user", password, "mysql").code == "1044"
    assert auth.login("auth_user", "wrong", "auth_db").code == "1045"
    assert orders.login("auth_user", password, "orders_db").code == "1045"
    assert auth.login("root", platform.secrets["AUTH_SERVICE_MYSQL_ROOT_PASSWORD"]).code == "1045"


def test_a_control_account_opens_what_it_was_given_until_it_is_dropped(platform: FakePlatform) -> None:
    """So that an isolation probe can be shown to see an open door."""
    sql = platform.servers.sql("orders-service-mysql")
    sql.create_account("canary", "pw", "orders_db")
    assert sql.login("canary", "pw", "orders_db").accepted
    sql.drop_account("canary")
    assert sql.login("canary", "pw", "orders_db").code == "1045"


def test_a_database_that_is_down_is_unreachable_for_everything(platform: FakePlatform) -> None:
    """Down is silence, never a refusal."""
    sql = platform.servers.sql("orders-service-mysql")
    platform.control.kill("orders-service-mysql")
    for question in (sql.version, sql.schemas, sql.accounts, lambda: sql.login("x", "y")):
        with pytest.raises(Unreachable):
            question()


def test_a_dropped_database_refuses_its_owner(platform: FakePlatform) -> None:
    """The grant outlives the schema, so the answer is 1049."""
    platform.databases["orders-service-mysql"].schemas.discard("orders_db")
    sql = platform.servers.sql("orders-service-mysql")
    with pytest.raises(Refused) as refusal:
        sql.round_trip("orders_user", platform.secrets["ORDERS_SERVICE_MYSQL_PASSWORD"], "orders_db", "v")
    assert refusal.value.code == "1049"


def test_a_deleted_object_leaves_its_versions_unless_all_are_asked_away(platform: FakePlatform) -> None:
    """Versioning keeps what a plain delete hides."""
    store = platform.servers.object_store()
    store.put("sav", "k", b"1")
    store.put("sav", "k", b"2")
    store.delete("sav", "k")
    assert store.get("sav", "k").code == "NoSuchKey"
    assert len(store.versions("sav", "k")) == 2
    store.delete("sav", "k", every_version=True)
    assert store.versions("sav", "k") == ()


def test_prometheus_sees_a_dead_target_as_down(platform: FakePlatform) -> None:
    """Both the target list and the up series say so."""
    prometheus = platform.servers.prometheus("prometheus-0")
    platform.control.stop("node-exporter")
    assert [t.job for t in prometheus.targets() if t.health == "down"] == ["node"]
    assert [value for _, value in prometheus.query('up{job="node"}')] == [0.0]


def test_the_exporter_sees_a_dead_database(platform: FakePlatform) -> None:
    """mysql_up falls to 0 for that one alone."""
    platform.control.kill("orders-service-mysql")
    down = [labels["instance"] for labels, v in platform.servers.prometheus("prometheus-0").query("mysql_up") if not v]
    assert down == ["orders-service-mysql"]


def test_a_query_beyond_plain_selectors_is_an_error_not_an_empty_answer(platform: FakePlatform) -> None:
    """A model must not answer what it does not understand."""
    with pytest.raises(RigError, match="plain selectors"):
        platform.servers.prometheus("prometheus-0").query("sum(up)")


def test_an_alert_is_delivered_after_the_group_wait_and_once(platform: FakePlatform) -> None:
    """Not before: a receiver hears of it when the group's first wait is over."""
    sink = platform.servers.alert_sink()
    platform.servers.alertmanager("alertmanager-0").fire("Probe", "critical", {})
    assert sink.deliveries("Probe") == ()
    platform.outbox.sent = [(due_s - 60, delivery) for due_s, delivery in platform.outbox.sent]
    assert sorted(d.channel for d in sink.deliveries("Probe")) == ["email", "slack"]


def test_a_name_the_plan_does_not_have_is_a_key_error(platform: FakePlatform) -> None:
    """As the protocol of the real clients promises."""
    with pytest.raises(KeyError):
        platform.servers.sql("nobody-mysql")


def test_a_rehearsal_cannot_be_mistaken_for_servers() -> None:
    """No image of it exists, no address is routed, and no port is published."""
    topology = load_topology()
    venue = FakeVenue.of(topology, Wanted(), SystemClock(), 1)
    images = [server.image for server in venue.plan.servers]
    assert all(image.digest.startswith("fake:") and image.reference.startswith("fake:") for image in images)
    assert venue.id == "fake"
    assert all(row.ports == {} and row.address.startswith("192.0.2.") for row in venue.rows())
    assert "fake" in venue.host().engine


def test_the_same_seed_gives_the_same_platform() -> None:
    """A rehearsal can be repeated, secrets included; another seed is another platform."""
    topology = load_topology()
    first, again, other = (FakeVenue.of(topology, Wanted(), SystemClock(), seed) for seed in (1, 1, 2))
    assert first.secrets == again.secrets
    assert first.secrets != other.secrets


def test_a_stack_of_some_kinds_has_only_those() -> None:
    """Asking for a server that was not wanted says so."""
    venue = FakeVenue.of(load_topology(), Wanted(kinds=frozenset({"redis"})), SystemClock(), 1)
    assert [server.name for server in venue.plan.servers] == ["redis"]
    with pytest.raises(RigError, match="no rabbitmq"):
        venue.servers.broker()
