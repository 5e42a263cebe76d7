"""The packaged platform says what the document's tables say. The tables are written out here a second time, by hand."""

from __future__ import annotations

import re

import pytest

from sim.topology.load import load_topology, topology_text
from sim.topology.model import Topology
from sim.topology.names import (
    alertmanager_names,
    broker_node_names,
    database_server_names,
    main_namespace,
    owner_of_database,
    prometheus_names,
    server_names,
    service_fqdn,
)

GIB = 2**30
MIB = 2**20
OWNERS = (
    "auth",
    "products",
    "baskets",
    "orders",
    "deliveries",
    "addresses",
    "websites",
    "sav",
    "contacts",
    "newsletters",
    "questions",
)


@pytest.fixture(scope="module")
def topology() -> Topology:
    return load_topology()


def test_thirteen_services_in_three_domains(topology: Topology) -> None:
    """Section 3: four core, four business, five support."""
    domains = {name: service.domain for name, service in topology.services.items()}
    assert domains == {
        **dict.fromkeys(("auth", "products", "baskets", "orders"), "core"),
        **dict.fromkeys(("deliveries", "addresses", "websites", "payments"), "business"),
        **dict.fromkeys(("sav", "contacts", "newsletters", "questions", "messages-broker"), "support"),
    }
    assert [name for name, service in topology.services.items() if service.planned] == ["payments"]
    assert {service.metrics_port for service in topology.services.values()} == {9090}
    assert all(service.name == f"{name}-service" for name, service in topology.services.items())


def test_the_gateway_listens_on_8100(topology: Topology) -> None:
    """Section 3, layer 4."""
    gateway = topology.gateway
    assert (gateway.name, gateway.http_port, gateway.metrics_port, gateway.service_type) == (
        "api-gateway",
        8100,
        9090,
        "ClusterIP",
    )


def test_eleven_databases_named_after_their_owner(topology: Topology) -> None:
    """Section 5: server, schema, user and secret all carry the service's name."""
    found = {n: (d.deployment, d.schema_name, d.user, d.secret) for n, d in topology.databases.items()}
    assert found == {n: (f"{n}-service-mysql", f"{n}_db", f"{n}_user", f"{n}-mysql-secret") for n in OWNERS}
    assert {n for n, s in topology.services.items() if s.database is None} == {"payments", "messages-broker"}
    assert all(owner_of_database(topology, name) == name for name in OWNERS)


def test_the_database_server_is_as_shown_for_auth(topology: Topology) -> None:
    """Section 5: image, flags, resources, probes."""
    server = topology.database_server
    assert server.image == "mysql:8.0"
    assert server.args == ("--default-authentication-plugin=mysql_native_password", "--skip-log-bin")
    assert (server.port, server.replicas, server.data_path) == (3306, 1, "/var/lib/mysql")
    requests, limits = server.resources.requests, server.resources.limits
    assert (requests.memory_bytes, requests.cpu_cores) == (256 * MIB, 0.1)
    assert (limits.memory_bytes, limits.cpu_cores) == (512 * MIB, 0.5)
    assert server.probes.liveness is not None
    assert server.probes.readiness is not None
    assert (server.probes.liveness.initial_delay_s, server.probes.readiness.initial_delay_s) == (60, 45)
    assert server.probes.readiness.command == ("mysqladmin", "ping", "-h", "localhost")


def test_the_broker_is_as_documented(topology: Topology) -> None:
    """Section 6: nodes, configuration values verbatim, plugins, ports, one exchange of each type."""
    broker = topology.broker
    assert (broker.name, broker.namespace, broker.replicas) == ("rabbitmq-cluster", "e-commerce-messaging", 3)
    assert broker.image == "rabbitmq:3.12-management"
    assert (broker.partition_handling, broker.default_queue_type) == ("autoheal", "quorum")
    assert broker.config == {
        "heartbeat": "60",
        "frame_max": "131072",
        "channel_max": "2047",
        "queue_master_locator": "min-masters",
        "vm_memory_high_watermark.relative": "0.8",
        "disk_free_limit.relative": "2.0",
    }
    assert set(broker.plugins) == {
        f"rabbitmq_{plugin}" for plugin in ("management", "prometheus", "peer_discovery_k8s", "federation", "shovel")
    }
    ports = (broker.amqp_port, broker.management_port, broker.metrics_port, broker.distribution_port, broker.epmd_port)
    assert ports == (5672, 15672, 15692, 25672, 4369)
    assert sorted(exchange.type for exchange in broker.exchanges) == ["direct", "fanout", "headers", "topic"]
    assert broker.storage_bytes == 20 * GIB
    assert (broker.resources.requests.memory_bytes, broker.resources.requests.cpu_cores) == (GIB, 0.5)
    assert (broker.resources.limits.memory_bytes, broker.resources.limits.cpu_cores) == (2 * GIB, 1.0)


def test_three_buckets_with_the_policies_of_the_table(topology: Topology) -> None:
    """Section 7: the table's word on ``sav``, not the setup job's."""
    store = topology.object_store
    assert {bucket.name: (bucket.owner, bucket.policy) for bucket in store.buckets} == {
        "products": ("products", "public-read"),
        "sav": ("sav", "private"),
        "newsletters": ("newsletters", "public-read"),
    }
    assert all(bucket.versioning for bucket in store.buckets)
    assert (store.image, store.api_port, store.console_port) == ("minio/minio:latest", 9000, 9001)
    assert (store.replicas, store.planned_replicas, store.storage_bytes) == (1, 4, 10 * GIB)


def test_four_services_use_the_cache(topology: Topology) -> None:
    """Section 8."""
    assert {n for n, s in topology.services.items() if s.cache_use} == {"auth", "products", "baskets", "orders"}
    cache = topology.cache
    assert (cache.image, cache.port, cache.data_path) == ("redis:7-alpine", 6379, "/data")
    assert (cache.resources.requests.memory_bytes, cache.resources.limits.memory_bytes) == (128 * MIB, 256 * MIB)
    assert cache.probes.liveness is not None
    assert cache.probes.readiness is not None
    assert (cache.probes.liveness.initial_delay_s, cache.probes.readiness.initial_delay_s) == (30, 5)


def test_the_environments_are_those_of_the_overlays(topology: Topology) -> None:
    """Section 4: namespace, replicas, limits, storage, host."""
    found = {
        name: (e.namespace, e.replicas, e.limits.memory_bytes, e.limits.cpu_cores, e.storage, e.ingress_host)
        for name, e in topology.environments.items()
    }
    assert found == {
        "development": ("e-commerce-dev", 1, 256 * MIB, 0.1, "emptyDir", "dev.votredomaine.com"),
        "staging": ("e-commerce-staging", 2, 512 * MIB, 0.25, "persistentVolume", "staging.votredomaine.com"),
        "production": ("e-commerce-prod", 3, GIB, 0.5, "persistentVolume", "www.votredomaine.com"),
    }
    assert [name for name, e in topology.environments.items() if e.autoscaling] == ["production"]
    assert main_namespace(topology, "staging") == "e-commerce-staging"


def test_monitoring_is_as_documented(topology: Topology) -> None:
    """Section 9: replicas, retention, storage, and who hears of what."""
    prometheus, alertmanager = topology.monitoring.prometheus, topology.monitoring.alertmanager
    assert (prometheus.replicas, prometheus.retention_s, prometheus.storage_bytes) == (2, 30 * 86400, 50 * GIB)
    assert (prometheus.resources.requests.memory_bytes, prometheus.resources.limits.memory_bytes) == (2 * GIB, 4 * GIB)
    assert (alertmanager.replicas, alertmanager.retention_s, alertmanager.storage_bytes) == (2, 120 * 3600, 5 * GIB)
    assert {route.severity: (route.receiver, route.channels) for route in alertmanager.routes} == {
        "critical": ("critical-alerts", ("email", "slack")),
        "warning": ("warning-alerts", ("email",)),
        "info": ("web.hook", ("webhook",)),
    }
    jobs = {job.target: (job.port, job.interval_s) for job in prometheus.scrape_jobs}
    assert jobs["microservices"] == (9090, 30.0)
    assert jobs["broker"][0] == 15692
    assert {"microservices", "broker", "databases", "object-store", "node", "kube-state-metrics"} <= jobs.keys()


def test_each_documented_alert_has_a_rule(topology: Topology) -> None:
    """Section 9 gives five examples; all three severities are used."""
    rules = {rule.name: rule for rule in topology.monitoring.prometheus.rules}
    assert len(rules) == 5
    assert "> 80" in rules["HighMemoryUsage"].expr
    assert "changes(process_start_time_seconds" in rules["CrashLoop"].expr
    assert "mysql_up == 0" in rules["DatabaseConnectionFailure"].expr
    assert "rabbitmq_queue_messages_ready" in rules["RabbitMQBacklog"].expr
    assert rules["SlowApiResponse"].expr.endswith("> 1")
    assert {rule.severity for rule in rules.values()} == {"critical", "warning", "info"}


def test_the_autoscaling_table(topology: Topology) -> None:
    """Section 12."""
    rows = {row.service: (row.min_replicas, row.max_replicas) for row in topology.autoscaling}
    assert rows == {"gateway": (3, 15), "auth": (3, 10), "products": (3, 12), "orders": (3, 10), "others": (2, 8)}
    assert {(row.cpu_percent, row.memory_percent) for row in topology.autoscaling} == {(70, 80)}
    assert [(budget.service, budget.min_available) for budget in topology.disruption_budgets] == [("auth", 2)]


def test_synchronisation_by_environment(topology: Topology) -> None:
    """Section 11."""
    assert {s.environment: (s.automated, s.prune, s.self_heal, s.approval) for s in topology.gitops} == {
        "development": (False, False, False, False),
        "staging": (True, True, True, False),
        "production": (True, True, True, True),
    }


def test_security_facts(topology: Topology) -> None:
    """Section 10: deny-all first; what the document leaves out names the contradiction it answers."""
    policies = topology.security.network_policies
    assert policies.default_deny == "deny-all-default"
    added = {rule.name: rule.resolves for rule in policies.rules if rule.resolves}
    assert set(added.values()) == {"C4", "C12", "C13", "C28"}
    assert topology.environments["production"].pod_security == "restricted"
    assert topology.environments["development"].pod_security == "baseline"
    assert not topology.security.access_control.automount_token
    assert topology.security.external_secrets.refresh_s == 3600


def test_contradictions_are_numbered_without_a_gap(topology: Topology) -> None:
    """C1 to C9 keep their numbers; others follow."""
    ids = [contradiction.id for contradiction in topology.contradictions]
    assert ids == [f"C{number}" for number in range(1, len(ids) + 1)]
    assert len(ids) >= 12


def test_every_contradiction_mentioned_exists(topology: Topology) -> None:
    """A comment that says C14 leads somewhere."""
    mentioned = set(re.findall(r"\bC\d+\b", topology_text()))
    assert mentioned == {contradiction.id for contradiction in topology.contradictions}


def test_what_is_not_simulated_is_said_with_a_reason(topology: Topology) -> None:
    """Every documented component is either started or owed a reason."""
    names = {entry.name for entry in topology.not_simulated}
    assert {
        "Traefik",
        "cert-manager",
        "Fail2Ban",
        "External Secrets",
        "Cilium",
        "OPA Gatekeeper",
        "Grafana",
        "Jaeger",
        "FluentBit",
        "kube-state-metrics",
        "ArgoCD",
        "MinIO console",
    } <= names
    assert all(len(entry.reason) > 20 for entry in topology.not_simulated)


def test_sections_are_those_of_the_document() -> None:
    """The table of contents has twelve."""
    assert {int(number) for number in re.findall(r'section: "(\d+)"', topology_text())} <= set(range(1, 13))


def test_derived_names(topology: Topology) -> None:
    """Pods are named as their operators name them; twenty-two servers, and pods for fourteen deployments."""
    assert broker_node_names(topology) == tuple(f"rabbitmq-cluster-server-{index}" for index in range(3))
    assert prometheus_names(topology) == ("prometheus-0", "prometheus-1")
    assert alertmanager_names(topology) == ("alertmanager-0", "alertmanager-1")
    assert database_server_names(topology) == tuple(f"{owner}-service-mysql" for owner in OWNERS)
    assert len(set(server_names(topology))) == len(server_names(topology)) == 22 + 14
    assert {"api-gateway", "orders-service"} <= set(server_names(topology))
    production = server_names(topology, "production")
    assert len(set(production)) == len(production) == 22 + 14 * 3
    assert {"api-gateway-2", "orders-service-0"} <= set(production)
    fqdn = service_fqdn(topology.broker.name, topology.broker.namespace, topology.cluster_domain)
    assert fqdn == "rabbitmq-cluster.e-commerce-messaging.svc.cluster.local"


def test_a_database_nobody_owns_is_an_error(topology: Topology) -> None:
    """Not a silent None."""
    with pytest.raises(KeyError, match="no service owns the database 'payments'"):
        owner_of_database(topology, "payments")


def test_a_topology_never_changes(topology: Topology) -> None:
    """What was planned from is what is judged against."""
    with pytest.raises(ValueError, match="frozen"):
        topology.broker.replicas = 5  # type: ignore[misc]
