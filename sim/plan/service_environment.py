"""The environment variables of the gateway and the services: every name of their contract, filled from the document."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from sim.plan.access import broker_secret, bucket_users, cache_users, exchange
from sim.plan.draft import Draft, secret_name
from sim.plan.rabbitmq import node_host, node_names
from sim.services.contract.environment import (
    AUTH_ONLY,
    BROKER_SERVICE_ONLY,
    EVERY_SERVICE,
    GATEWAY_ONLY,
    WITH_BUCKET,
    WITH_CACHE,
    WITH_DATABASE,
    WITH_TOKENS,
)
from sim.topology.model import Service, Topology
from sim.topology.names import service_fqdn

AUTH = "auth"
"""The service (its key) that signs tokens and makes the first administrator."""
TOKEN_SECRET = secret_name("jwt", "secret")
ADMIN_EMAIL = "admin@example.com"

# Three replicas of a service, each with as many connections and a few more, stay far below MySQL's 151.
_WORKERS = 8
_REGION = "us-east-1"
_EXCHANGES = ("direct", "topic", "fanout", "headers")


def admin_secret(topology: Topology) -> str:
    return secret_name(topology.services[AUTH].name, "admin-password")


def gateway_environment(draft: Draft) -> Mapping[str, str]:
    topology = draft.topology
    gateway = topology.gateway
    values = {
        **_every(draft, gateway.name),
        **_tokens(topology),
        "SERVICES": _services(topology),
        "REQUEST_TIMEOUT_S": f"{gateway.request_timeout_s:g}",
        "MAX_IN_FLIGHT": str(gateway.max_in_flight),
        "MAX_BODY_BYTES": str(gateway.max_body_bytes),
        "RATE_LIMIT_PER_S": str(gateway.rate_limit.requests_per_s),
        "RATE_LIMIT_BURST": str(gateway.rate_limit.burst),
        # Whoever calls from outside the pod network arrives from its bridge, where the ingress would stand.
        "TRUSTED_PROXIES": f"{ipaddress.ip_network(draft.subnet)[1]}/32",
    }
    return _chosen(values, (EVERY_SERVICE, WITH_TOKENS, GATEWAY_ONLY))


def service_environment(draft: Draft, key: str, service: Service, *, coordinates: bool) -> Mapping[str, str]:
    tables = [EVERY_SERVICE]
    values = _every(draft, service.name)
    if service.database:
        tables.append(WITH_DATABASE)
        values |= _database(draft, service.database)
    if service.cache_use:
        tables.append(WITH_CACHE)
        values |= _cache(draft, service)
    if service.bucket:
        tables.append(WITH_BUCKET)
        values |= _bucket(draft.topology, service)
    if key == AUTH:
        tables += [WITH_TOKENS, AUTH_ONLY]
        values |= {**_tokens(draft.topology), **_first_administrator(draft.topology)}
    if coordinates:
        tables.append(BROKER_SERVICE_ONLY)
        values["SERVICES"] = _services(draft.topology)
    return _chosen(values, tables)


def _chosen(values: Mapping[str, str], tables: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
    """Exactly the names the tables have. Raises KeyError for one without a value."""
    return {name: values[name] for table in tables for name in table}


def _every(draft: Draft, deployment: str) -> dict[str, str]:
    topology = draft.topology
    broker, gateway = topology.broker, topology.gateway
    return {
        "SERVICE_NAME": deployment,
        "HTTP_PORT": str(gateway.http_port),
        "METRICS_PORT": str(_metrics_port(topology, deployment)),
        "LOG_LEVEL": "info",
        "RABBITMQ_HOSTS": ",".join(node_host(draft, node) for node in node_names(draft)),
        "RABBITMQ_PORT": str(broker.amqp_port),
        "RABBITMQ_VHOST": broker.vhost,
        "RABBITMQ_USER": deployment,
        "RABBITMQ_PASSWORD": f"${{{broker_secret(deployment)}}}",
        "RABBITMQ_HEARTBEAT_S": broker.config.get("heartbeat", "60"),
        **{f"RABBITMQ_EXCHANGE_{kind.upper()}": exchange(broker, kind) for kind in _EXCHANGES},
        "RABBITMQ_EXCHANGE_DEAD_LETTER": broker.dead_letter_exchange,
        "WORKERS": str(_WORKERS),
    }


def _metrics_port(topology: Topology, deployment: str) -> int:
    ports = {service.name: service.metrics_port for service in topology.services.values()}
    return ports.get(deployment, topology.gateway.metrics_port)


def _database(draft: Draft, key: str) -> dict[str, str]:
    database = draft.topology.databases[key]
    return {
        "DB_HOST": service_fqdn(database.deployment, draft.environment.namespace, draft.topology.cluster_domain),
        "DB_PORT": str(draft.topology.database_server.port),
        "DB_DATABASE": database.schema_name,
        "DB_USERNAME": database.user,
        "DB_PASSWORD": f"${{{secret_name(database.deployment, 'password')}}}",
    }


def _cache(draft: Draft, service: Service) -> dict[str, str]:
    cache = draft.topology.cache
    user = next(user for user in cache_users(draft.topology) if user.name == service.name)
    return {
        "REDIS_HOST": service_fqdn(cache.name, draft.environment.namespace, draft.topology.cluster_domain),
        "REDIS_PORT": str(cache.port),
        "REDIS_USERNAME": user.name,
        "REDIS_PASSWORD": f"${{{user.password_secret}}}",
        "REDIS_PREFIX": user.prefix,
    }


def _bucket(topology: Topology, service: Service) -> dict[str, str]:
    store = topology.object_store
    user = next(user for user in bucket_users(topology) if user.name == service.name)
    host = service_fqdn(store.name, store.namespace, topology.cluster_domain)
    return {
        "AWS_ENDPOINT_URL": f"http://{host}:{store.api_port}",
        "AWS_ACCESS_KEY_ID": user.name,
        "AWS_SECRET_ACCESS_KEY": f"${{{user.secret_key_secret}}}",
        "AWS_BUCKET": user.bucket,
        "AWS_DEFAULT_REGION": _REGION,
    }


def _tokens(topology: Topology) -> dict[str, str]:
    tokens = topology.tokens
    return {"JWT_SECRET": f"${{{TOKEN_SECRET}}}", "JWT_ISSUER": tokens.issuer, "JWT_AUDIENCE": tokens.audience}


def _first_administrator(topology: Topology) -> dict[str, str]:
    return {
        "ADMIN_EMAIL": ADMIN_EMAIL,
        "ADMIN_PASSWORD": f"${{{admin_secret(topology)}}}",
        "JWT_TTL_S": f"{topology.tokens.ttl_s:.0f}",
        "JWT_REFRESH_TTL_S": f"{topology.tokens.refresh_ttl_s:.0f}",
    }


def _services(topology: Topology) -> str:
    return ",".join(f"{key}={service.name}" for key, service in topology.services.items())
