"""From document to plan: what is chosen, what it is called, and what must never be in it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import asdict

import pytest
from pydantic import TypeAdapter

from sim.errors import BadInput
from sim.plan.model import Plan
from sim.topology.model import AlertRule, EnvironmentName
from sim.topology.names import server_names
from tests.unit.plan_sample import SUBNET, edited, images, packaged, plan

_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def _texts(whole: Plan) -> list[str]:
    return [t for s in whole.servers for t in (*s.environment.values(), *(f.content for f in s.files))]


def test_the_whole_platform_is_planned() -> None:
    """Every server and pod the document names, the sink its alerts end in, and nothing else."""
    environments: tuple[EnvironmentName, ...] = ("development", "staging", "production")
    for environment in environments:
        named = {*server_names(packaged(), environment), "alert-sink"}
        assert {s.name for s in plan(environment=environment).servers} == named


def test_only_a_service_brings_what_it_needs() -> None:
    """auth: itself, its database, its cache, the broker and who declares its queues; nobody else, no gateway."""
    assert {s.name for s in plan(only=("auth",)).servers} == {
        "auth-service",
        "messages-broker-service",
        "auth-service-mysql",
        "redis",
        "rabbitmq-cluster-server-0",
        "rabbitmq-cluster-server-1",
        "rabbitmq-cluster-server-2",
    }


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ("auth-service", {"service", "mysql", "redis", "rabbitmq"}),
        ("sav", {"service", "mysql", "object-store", "rabbitmq"}),
        ("payments", {"service", "rabbitmq"}),
        ("api-gateway", {"gateway", "rabbitmq"}),
        ("gateway", {"gateway", "rabbitmq"}),
        ("service", {"service", "mysql", "redis", "object-store", "rabbitmq"}),
        ("minio", {"object-store"}),
        ("rabbitmq-cluster", {"rabbitmq"}),
        ("mysql", {"mysql"}),
        ("alertmanager", {"alertmanager", "alert-sink"}),
    ],
)
def test_only_takes_names_of_services_servers_apps_and_kinds(given: str, kinds: set[str]) -> None:
    """Whatever name a reader of the document would use."""
    assert {s.kind for s in plan(only=(given,)).servers} == kinds


def test_only_adds_up() -> None:
    """Two names bring the union, each server once."""
    names = [s.name for s in plan(only=("auth", "orders", "redis")).servers]
    assert len(names) == len(set(names)) == 6 + 3


@pytest.mark.parametrize(
    ("given", "meant"), [("ordes", "orders"), ("auth-service-mysq", "auth-service-mysql"), ("msql", "mysql")]
)
def test_an_unknown_name_suggests_near_ones(given: str, meant: str) -> None:
    """Bad input, and what was probably meant."""
    with pytest.raises(BadInput, match=given) as caught:
        plan(only=(given,))
    assert meant in caught.value.next_step


def test_a_name_near_nothing_lists_what_there_is() -> None:
    """The next step is a choice, not a shrug."""
    with pytest.raises(BadInput) as caught:
        plan(only=("zzzzzz",))
    assert "auth-service-mysql" in caught.value.next_step


def test_kinds_keep_what_they_start_after() -> None:
    """A scenario that needs an Alertmanager gets the sink its alerts end in, too."""
    assert {s.kind for s in plan(kinds=frozenset({"alertmanager"})).servers} == {"alertmanager", "alert-sink"}


def test_a_part_of_the_platform_keeps_its_addresses() -> None:
    """Leaving servers out moves none of the others."""
    whole = {s.name: s.address for s in plan().servers}
    part = {s.name: s.address for s in plan(only=("orders",)).servers}
    assert part.items() <= whole.items()


def test_every_placeholder_is_a_secret_that_will_be_generated() -> None:
    """None stays unfilled, and none is generated for nothing."""
    for whole in (plan(), plan(only=("sav",)), plan(object_store=("seaweedfs", "3"))):
        used = {name for text in _texts(whole) for name in _PLACEHOLDER.findall(text)}
        facts = {v for s in whole.servers for k, v in s.facts.items() if k.endswith("_secret")}
        assert used | facts == set(whole.secret_names)
        assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in whole.secret_names)


def test_another_syntaxs_dollars_are_no_secrets() -> None:
    """A rule may hold ``${1}`` or an open ``${``: Prometheus' own, not names of ours."""
    rule = AlertRule(
        name="Odd",
        severity="info",
        expr='label_replace(up, "a", "${1}", "b", "(.*)") == 0',
        **{"for": "0s"},
        summary="open ${ brace",
        section="9",
    )
    prometheus = packaged().monitoring.prometheus.model_copy(update={"rules": (rule,)})
    assert plan(edited(monitoring={"prometheus": prometheus})).secret_names == plan().secret_names


def test_a_database_named_with_a_leading_digit_has_working_secrets() -> None:
    """A DNS label may start with a digit, a placeholder may not."""
    databases = packaged().databases
    odd = databases["auth"].model_copy(update={"deployment": "2fa-mysql"})
    whole = plan(packaged().model_copy(update={"databases": {**databases, "auth": odd}}), only=("2fa-mysql",))
    used = {name for text in _texts(whole) for name in _PLACEHOLDER.findall(text)}
    assert len(used) == 3
    assert used == set(whole.secret_names)


def test_a_plan_holds_no_secret() -> None:
    """Two plans of one document are equal: whatever is random is not in them."""
    assert plan() == plan()
    passwords = [
        line
        for text in _texts(plan())
        for line in text.splitlines()
        if re.search("passw|secret|requirepass", line, re.IGNORECASE)
    ]
    assert passwords
    assert all("${" in line for line in passwords), passwords


def test_addresses_are_the_servers_own() -> None:
    """Each has one, no two the same, all inside the pod network."""
    environments: tuple[EnvironmentName, ...] = ("development", "production")
    for environment in environments:
        addresses = [s.address for s in plan(environment=environment).servers]
        assert len(set(addresses)) == len(addresses)
        assert all(ipaddress.ip_address(a) in ipaddress.ip_network(SUBNET) for a in addresses)


def test_names_are_kubernetes_names() -> None:
    """Relative to fully qualified, under the server's own namespace; a pod of a set has its headless name."""
    whole = plan()
    fqdn = "auth-service-mysql.e-commerce-dev.svc.cluster.local"
    assert fqdn in whole.server("auth-service-mysql").aliases
    node = whole.server("rabbitmq-cluster-server-1")
    assert "rabbitmq-cluster.e-commerce-messaging.svc.cluster.local" in node.aliases
    assert f"{node.name}.rabbitmq-cluster-nodes.e-commerce-messaging.svc.cluster.local" in node.aliases
    assert "alertmanager-1.alertmanager.monitoring.svc.cluster.local" in whole.server("alertmanager-1").aliases


def test_departures_speak_of_what_runs() -> None:
    """A stack of Redis alone reports no difference of a database's."""
    assert {d.server for d in plan(only=("redis",)).departures} == {"redis"}


def test_a_plan_survives_a_round_trip() -> None:
    """What ``sim up`` writes down, ``sim status`` reads back equal, JSON in between."""
    adapter = TypeAdapter(Plan)
    for whole in (plan(), plan(environment="production", object_store=("seaweedfs", "3"))):
        again = adapter.validate_json(adapter.dump_json(whole))
        assert again == whole
        assert asdict(again) == asdict(whole)


def test_servers_come_in_start_order() -> None:
    """Dearest first, and the sink before the Alertmanagers that tell it."""
    names = [s.name for s in plan().servers]
    assert names[0].startswith("rabbitmq-cluster-server")
    assert names.index("alert-sink") < names.index("alertmanager-0")


def test_a_user_server_cannot_take_the_sinks_name() -> None:
    """One of the two would silently not run."""
    with pytest.raises(BadInput, match="alert-sink"):
        plan(edited(cache={"name": "alert-sink"}))


def test_images_are_asked_for_by_component() -> None:
    """Replacing one image changes the servers of that kind alone."""
    other = plan(redis=("valkey", "8.0"))
    assert {s.kind for s in other.servers if s.image not in images().values()} == {"redis"}
