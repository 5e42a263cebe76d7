"""The gateway and the services as planned: replicas, names, environment, images, what they wait for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import sim.services
from sim.errors import BadInput
from sim.plan.model import Plan
from sim.plan.pods import build_plan
from sim.services.catalogue import SERVICE_MODULES
from sim.services.contract import environment as contract
from sim.services.contract.shop import ASKS
from sim.topology.model import EnvironmentName, Topology
from sim.topology.names import deployment_names
from sim.verdict import Fidelity
from tests.unit.plan_sample import SUBNET, edited, file, images, packaged, plan

_MIB = 2**20
_PLACEHOLDER = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")
_SECRETS = re.compile("PASSWORD|SECRET")


def _with_service(key: str, **fields: Any) -> Topology:
    services = packaged().services
    changed = services[key].model_copy(update=fields)
    return packaged().model_copy(update={"services": {**services, key: changed}})


@pytest.mark.parametrize(("environment", "replicas"), [("development", 1), ("staging", 2), ("production", 3)])
def test_every_deployment_has_the_environments_replicas(environment: EnvironmentName, replicas: int) -> None:
    """Section 4's 1, 2 and 3: one pod bears its Deployment's name, several are numbered, all answer at one name."""
    whole = plan(environment=environment)
    for deployment in deployment_names(packaged()):
        pods = [s for s in whole.servers if s.app == deployment]
        numbered = [f"{deployment}-{n}" for n in range(replicas)]
        assert sorted(p.name for p in pods) == ([deployment] if replicas == 1 else numbered)
        assert sorted(p.hostname for p in pods) == numbered
        assert all(f"{deployment}.{whole.namespace}.svc.cluster.local" in p.aliases for p in pods)
        assert len({p.aliases[-1] for p in pods}) == replicas, "each pod has a name of its own, too"


def _expected(topology: Topology, deployment: str) -> set[str]:
    tables: list[Mapping[str, str]] = [contract.EVERY_SERVICE]
    if deployment == topology.gateway.name:
        return {n for t in (*tables, contract.WITH_TOKENS, contract.GATEWAY_ONLY) for n in t}
    key, service = next((k, s) for k, s in topology.services.items() if s.name == deployment)
    tables += [contract.WITH_DATABASE] * bool(service.database)
    tables += [contract.WITH_CACHE] * bool(service.cache_use)
    tables += [contract.WITH_BUCKET] * bool(service.bucket)
    tables += [contract.WITH_TOKENS, contract.AUTH_ONLY] * (key == "auth")
    tables += [contract.BROKER_SERVICE_ONLY] * (key == "messages-broker")
    return {n for t in tables for n in t}


def test_the_environment_is_exactly_the_contracts() -> None:
    """Nothing missing, nothing more: no service is told another's credentials."""
    whole = plan()
    for deployment in deployment_names(packaged()):
        environment = whole.server(deployment).environment
        assert set(environment) == _expected(packaged(), deployment), deployment
        assert all(environment.values()), deployment


def test_every_credential_is_a_secret_of_the_services_own() -> None:
    """Placeholders, each used by one deployment alone; what auth signs, the gateway checks."""
    users: dict[str, set[str]] = {}
    for server in plan().servers:
        if server.kind in {"service", "gateway"}:
            for name, value in server.environment.items():
                assert bool(_SECRETS.search(name)) == bool(_PLACEHOLDER.fullmatch(value)), (server.name, name)
                if _PLACEHOLDER.fullmatch(value):
                    users.setdefault(value, set()).add(server.app)
    assert {v for v, apps in users.items() if len(apps) > 1} == {"${JWT_SECRET}"}
    assert users["${JWT_SECRET}"] == {"auth-service", "api-gateway"}
    assert users["${AUTH_SERVICE_ADMIN_PASSWORD}"] == {"auth-service"}


def test_names_a_service_is_given_lead_to_servers() -> None:
    """Every host in every environment is a name of a server of the plan, with that port."""
    whole = plan(environment="production")
    ports = {(alias, port.number) for s in whole.servers for alias in s.aliases for port in s.ports}
    for server in whole.servers:
        given = server.environment
        if server.kind in {"service", "gateway"}:
            hosts = given["RABBITMQ_HOSTS"].split(",")
            assert len(hosts) == packaged().broker.replicas
            assert {(host, int(given["RABBITMQ_PORT"])) for host in hosts} <= ports
        if "DB_HOST" in given:
            assert (given["DB_HOST"], int(given["DB_PORT"])) in ports
        if "REDIS_HOST" in given:
            assert (given["REDIS_HOST"], int(given["REDIS_PORT"])) in ports
        if "AWS_ENDPOINT_URL" in given:
            host, _, port = given["AWS_ENDPOINT_URL"].removeprefix("http://").partition(":")
            assert (host, int(port)) in ports


def test_the_gateways_settings_are_the_documents() -> None:
    """Numbers as the gateway reads them; the pod network's bridge, where the ingress would stand, may say who calls."""
    given = plan().server("api-gateway").environment
    chosen = {name: given[name] for name in contract.GATEWAY_ONLY if name != "SERVICES"}
    assert chosen == {
        "REQUEST_TIMEOUT_S": "5",
        "MAX_IN_FLIGHT": "256",
        "MAX_BODY_BYTES": str(_MIB),
        "RATE_LIMIT_PER_S": "50",
        "RATE_LIMIT_BURST": "100",
        "TRUSTED_PROXIES": "10.213.7.1/32",
    }
    services = dict(pair.split("=") for pair in given["SERVICES"].split(","))
    assert services == {key: service.name for key, service in packaged().services.items()}
    assert plan().server("messages-broker-service").environment["SERVICES"] == given["SERVICES"]


def test_the_environments_memory_limit_holds_and_its_cpu_limit_on_request() -> None:
    """256Mi in development; 100m of a core only when asked for, and the difference is told."""
    pod = plan().server("orders-service")
    assert (pod.limits.memory_bytes, pod.limits.cpu_cores) == (256 * _MIB, None)
    assert [d for d in plan().departures if d.server == "service" and "100m" in d.what]
    strict = plan(environment_limits=True)
    assert strict.server("orders-service").limits.cpu_cores == 0.1
    assert not [d for d in strict.departures if d.server == "service"]


def test_a_stand_in_is_confined_and_a_real_image_runs_as_it_comes() -> None:
    """Its own command, its own probe, the same environment and names; its neighbours stay what they were."""
    real = images()["redis"]
    chosen = {**images(), "orders-service": real}
    whole = build_plan(packaged(), "production", chosen, SUBNET)
    before = {s.name: s for s in plan(environment="production").servers}
    for server in whole.servers:
        if server.app == "orders-service":
            assert (server.image, server.command, server.confined, server.healthcheck) == (real, (), False, None)
            assert server.environment == before[server.name].environment
        else:
            assert server == before[server.name]
    stand_in = before["orders-service-0"]
    assert stand_in.confined
    assert stand_in.command == ("python3", "-m", "sim.services", "orders-service")


def test_services_wait_for_what_they_use_and_never_for_each_other() -> None:
    """Their databases, brokers, cache and store; a stack of one service is not a stack of all."""
    whole = plan()
    kinds = {s.name: s.kind for s in whole.servers}
    assert set(whole.server("sav-service").after) == {
        "sav-service-mysql",
        "minio",
        *(s.name for s in whole.of_kind("rabbitmq")),
    }
    for server in (*whole.of_kind("service"), *whole.of_kind("gateway")):
        assert not {"service", "gateway"} & {kinds[name] for name in server.after}


def test_who_declares_the_queues_starts_before_those_who_wait_for_them() -> None:
    """In the order of creation, though nobody is held up should it not come."""
    names = [s.name for s in plan().servers if s.kind in {"service", "gateway"}]
    assert names[0] == "messages-broker-service"


def test_a_service_without_image_or_stand_in_is_reported_not_started() -> None:
    """A document with a fourteenth service still comes up; asked for by name, it says what is missing."""
    wishes = packaged().services["contacts"].model_copy(update={"name": "wishes-service", "database": None})
    topology = packaged().model_copy(update={"services": {**packaged().services, "wishes": wishes}})
    whole = plan(topology)
    assert not [s for s in whole.servers if s.app == "wishes-service"]
    with pytest.raises(BadInput, match="no stand-in") as caught:
        plan(topology, only=("wishes",))
    assert "image" in caught.value.next_step
    given = {**images(), "wishes-service": images()["service"]}
    assert build_plan(topology, "development", given, SUBNET).server("wishes-service").app == "wishes-service"


def test_a_document_without_one_type_of_exchange_is_refused() -> None:
    """The services need one of each; said in the document's words."""
    exchanges = tuple(e for e in packaged().broker.exchanges if e.type != "topic")
    with pytest.raises(BadInput, match="no topic exchange"):
        plan(edited(broker={"exchanges": exchanges}))


def test_prometheus_asks_every_pod_by_its_own_name() -> None:
    """As a ServiceMonitor finds pods: one target each, named by pod and by service; none that is left out."""
    whole = plan(environment="staging")
    jobs = _jobs(whole)
    targets = jobs["e-commerce-services"]["static_configs"][0]["targets"]
    pods = [s for s in whole.servers if s.kind in {"gateway", "service"}]
    assert set(targets) == {f"{p.aliases[-1]}:9090" for p in pods}
    assert len(targets) == 28
    rules = {r["target_label"]: r for r in jobs["e-commerce-services"]["relabel_configs"]}
    address = "orders-service-1.orders-service.e-commerce-staging.svc.cluster.local:9090"
    assert address in targets
    found = {label: re.fullmatch(r["regex"], address)[1] for label, r in rules.items()}  # type: ignore[index]
    assert found == {"instance": "orders-service-1", "service": "orders-service"}
    part = _jobs(plan(only=("prometheus-0", "payments")))["e-commerce-services"]["static_configs"][0]["targets"]
    assert {t.partition(".")[0] for t in part} == {"payments-service-0", "messages-broker-service-0"}


def _jobs(whole: Plan) -> dict[str, dict[str, Any]]:
    configuration = yaml.safe_load(file(whole.server("prometheus-0"), "/etc/prometheus/prometheus.yml"))
    return {job["job_name"]: job for job in configuration["scrape_configs"]}


def test_the_documents_own_image_is_the_real_one() -> None:
    """``services.<key>.image`` and ``gateway.image`` name them by deployment."""
    from sim.plan.services import given_images  # noqa: PLC0415 - beside the one test that needs it

    topology = _with_service("auth", image="registry.local/auth:1.2").model_copy(
        update={"gateway": packaged().gateway.model_copy(update={"image": "registry.local/gateway:9"})}
    )
    assert given_images(topology) == {
        "auth-service": "registry.local/auth:1.2",
        "api-gateway": "registry.local/gateway:9",
    }
    assert not given_images(packaged())


def test_who_asks_others_is_known_to_the_contract() -> None:
    """The right to publish requests follows this table: a service that asks without standing in it would be refused."""
    folder = Path(sim.services.__file__).parent
    asking = {
        path.parent.name.replace("_", "-") for path in folder.glob("*/*.py") if ".ask(" in path.read_text("utf-8")
    }
    assert asking & set(SERVICE_MODULES) <= set(ASKS)
    assert "orders" in asking, "the table is not empty for want of a search that finds"


def test_fidelity_is_the_images() -> None:
    """What ran is in the row of each pod: a stand-in is never taken for the real thing."""
    assert all(s.image.component == "service" for s in plan().of_kind("service"))
    assert plan().server("orders-service").image.fidelity is Fidelity.SAME_SOFTWARE, "as the sample's images say"
