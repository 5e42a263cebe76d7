"""The documented policies, by what they let through: each edge asked of the oracle."""

from __future__ import annotations

import functools

import pytest
import yaml

from sim.plan.cluster import DNS_POD, cluster_of
from sim.policy.objects import Direction, NetworkPolicy, Protocol
from sim.policy.verdict import Oracle, oracle_of
from sim.render.policies import ADDED, policy_files
from sim.topology.load import load_topology
from tests.unit.plan_sample import plan

MAIN, MESSAGING, MONITORING = "e-commerce-dev", "e-commerce-messaging", "monitoring"
GATEWAY, AUTH, ORDERS = f"{MAIN}/api-gateway", f"{MAIN}/auth-service", f"{MAIN}/orders-service"
AUTH_DB, REDIS, STORE = f"{MAIN}/auth-service-mysql", f"{MAIN}/redis", f"{MESSAGING}/minio"
BROKER, BROKER_2 = f"{MESSAGING}/rabbitmq-cluster-server-0", f"{MESSAGING}/rabbitmq-cluster-server-2"
PROMETHEUS, EXPORTER = f"{MONITORING}/prometheus-0", f"{MONITORING}/mysql-exporter"
ALERTS = f"{MONITORING}/alertmanager-0"


@functools.cache
def _oracle() -> Oracle:
    return oracle_of(cluster_of(plan()))


def _allowed(source: str, destination: str, port: int) -> bool:
    return _oracle().decide(source, destination, Protocol.TCP, port).allowed


@pytest.mark.parametrize(
    ("source", "destination", "port"),
    [
        (GATEWAY, AUTH, 8100),
        (GATEWAY, BROKER, 5672),
        (AUTH, AUTH_DB, 3306),
        (ORDERS, BROKER_2, 5672),
        (AUTH, REDIS, 6379),
        (f"{MAIN}/sav-service", STORE, 9000),
        (BROKER, BROKER_2, 25672),
        (BROKER, BROKER_2, 4369),
        (PROMETHEUS, AUTH, 9090),
        (PROMETHEUS, GATEWAY, 9090),
        (PROMETHEUS, BROKER, 15692),
        (PROMETHEUS, STORE, 9000),
        (PROMETHEUS, ALERTS, 9093),
        (EXPORTER, AUTH_DB, 3306),
        (ALERTS, f"{MONITORING}/alertmanager-1", 9094),
        (ALERTS, f"{MONITORING}/alert-sink", 1025),
    ],
)
def test_what_the_platform_lives_by_is_let_through(source: str, destination: str, port: int) -> None:
    """Documented rules, the added ones, and monitoring within itself."""
    assert _allowed(source, destination, port)


@pytest.mark.parametrize(
    ("source", "destination", "port"),
    [
        (AUTH, ORDERS, 8100),
        (AUTH, GATEWAY, 8100),
        (GATEWAY, AUTH, 9090),
        (GATEWAY, AUTH_DB, 3306),
        (ORDERS, AUTH_DB, 3306),
        (AUTH_DB, ORDERS, 8100),
        (f"{MAIN}/sav-service", REDIS, 6379),
        (ORDERS, STORE, 9000),
        (f"{MAIN}/sav-service", STORE, 9001),
        (ORDERS, BROKER, 15672),
        (ORDERS, BROKER, 25672),
        (BROKER, ORDERS, 8100),
        (BROKER, STORE, 9000),
        (EXPORTER, AUTH, 8100),
        (EXPORTER, STORE, 9000),
        (PROMETHEUS, AUTH, 8100),
        (PROMETHEUS, AUTH_DB, 3306),
        (PROMETHEUS, BROKER, 5672),
        (ORDERS, PROMETHEUS, 9090),
    ],
)
def test_what_the_document_forbids_is_denied(source: str, destination: str, port: int) -> None:
    """Service to service, foreign databases, the broker's inner ports, the store to strangers."""
    assert not _allowed(source, destination, port)


def test_every_service_reaches_one_database_its_own() -> None:
    """Thirteen services, eleven databases, eleven edges."""
    databases = [s for s in plan().servers if s.kind == "mysql"]
    services = [s for s in plan().servers if s.kind in {"service", "gateway"}]
    edges = [
        (service.facts["service"], database.facts["service"])
        for service in services
        for database in databases
        if _allowed(f"{MAIN}/{service.name}", f"{MAIN}/{database.name}", 3306)
    ]
    assert len(edges) == 11
    assert all(owner == database for owner, database in edges)


def test_names_may_be_looked_up_by_all_under_deny_all_and_by_the_broker() -> None:
    """UDP and TCP 53, nothing else of that server."""
    for pod in (GATEWAY, AUTH_DB, BROKER):
        for protocol in (Protocol.UDP, Protocol.TCP):
            assert _oracle().decide(pod, DNS_POD.full_name, protocol, 53).allowed
        assert not _oracle().decide(pod, DNS_POD.full_name, Protocol.TCP, 80).allowed


def test_the_gateway_is_entered_from_the_ingress_namespace_alone() -> None:
    """Whoever else calls its port is turned away: even monitoring, even unconfined."""
    assert not _allowed(EXPORTER, GATEWAY, 8100)
    rule = next(p for p in plan().policies if p.name == "allow-ingress-to-gateway-ingress")
    assert [str(peer) for peer in rule.ingress[0].peers] == ["namespaces kubernetes.io/metadata.name=traefik"]


def test_what_the_document_lacks_says_why() -> None:
    """Each policy of a rule that resolves a contradiction names it; the document's own have no such reason."""
    rules = {rule.name: rule.resolves for rule in load_topology().security.network_policies.rules}
    for policy in plan().policies:
        resolves = next((r for name, r in rules.items() if policy.name.startswith(name)), None)
        assert (policy.added or "").partition(":")[0] == (resolves or "")


def test_each_environment_has_its_own_namespace() -> None:
    """C21: a policy in e-commerce would protect nobody."""
    namespaces = {policy.namespace for policy in plan(environment="production").policies}
    assert namespaces == {"e-commerce-prod", MESSAGING}


def test_names_are_unique() -> None:
    """Two objects of one name in one namespace are one object to an API server."""
    names = [policy.full_name for policy in plan().policies]
    assert len(set(names)) == len(names)


def _documents() -> list[dict[str, object]]:
    return [d for text in policy_files(plan().policies).values() for d in yaml.safe_load_all(text)]


def test_manifests_are_plain_v1_and_complete() -> None:
    """One document a policy, in a file of its namespace; sections cited, reasons annotated."""
    files = policy_files(plan().policies)
    assert set(files) == {f"{MAIN}.yaml", f"{MESSAGING}.yaml"}
    documents = _documents()
    assert len(documents) == len(plan().policies)
    assert {(d["apiVersion"], d["kind"]) for d in documents} == {("networking.k8s.io/v1", "NetworkPolicy")}
    by_name = {d["metadata"]["namespace"] + "/" + d["metadata"]["name"]: d for d in documents}  # type: ignore[index]
    deny = by_name[f"{MAIN}/deny-all-default"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    cache = by_name[f"{MAIN}/allow-cache-users-ingress"]
    assert cache["metadata"]["annotations"][ADDED].startswith("C4: ")  # type: ignore[index]
    users = ["auth-service", "products-service", "baskets-service", "orders-service"]
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": users}]}
    assert cache["spec"] == {
        "podSelector": {"matchLabels": {"app": "redis"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": selector}], "ports": [{"protocol": "TCP", "port": 6379}]}],
    }


def test_every_policy_isolates_in_the_one_direction_of_its_name() -> None:
    """But deny-all, which isolates in both."""

    def directions(policy: NetworkPolicy) -> tuple[Direction, ...]:
        return tuple(Direction) if policy.name == "deny-all-default" else (Direction(policy.name.rpartition("-")[2]),)

    assert all(set(policy.policy_types) == set(directions(policy)) for policy in plan().policies)
