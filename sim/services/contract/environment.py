"""The environment variables a service's container is given, by what it uses: the Laravel names of each setting.

Kubernetes gives them from ConfigMaps and Secrets; a plan gives them with ``${SECRET}`` placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EVERY_SERVICE: Final[Mapping[str, str]] = {
    "SERVICE_NAME": "deployment name (orders-service), also the name of its request queue",
    "HTTP_PORT": "port of /health, /health/live and /health/ready (and the gateway's own port)",
    "METRICS_PORT": "port of /metrics",
    "LOG_LEVEL": "debug, info, warning or error",
    "RABBITMQ_HOSTS": "every node's name, comma-separated; any one of them will do",
    "RABBITMQ_PORT": "AMQP port",
    "RABBITMQ_VHOST": "virtual host",
    "RABBITMQ_USER": "the service's own user",
    "RABBITMQ_PASSWORD": "its password",
    "RABBITMQ_HEARTBEAT_S": "seconds between heartbeats",
    "RABBITMQ_EXCHANGE_DIRECT": "point to point: requests",
    "RABBITMQ_EXCHANGE_TOPIC": "routing patterns: events",
    "RABBITMQ_EXCHANGE_FANOUT": "broadcast to every queue",
    "RABBITMQ_EXCHANGE_HEADERS": "routing by attributes: notifications",
    "RABBITMQ_EXCHANGE_DEAD_LETTER": "where messages go that nobody could process",
    "WORKERS": "handlers at work at once",
}
WITH_DATABASE: Final[Mapping[str, str]] = {
    "DB_HOST": "its own MySQL",
    "DB_PORT": "MySQL port",
    "DB_DATABASE": "its own schema",
    "DB_USERNAME": "its own user",
    "DB_PASSWORD": "its password",
}
WITH_CACHE: Final[Mapping[str, str]] = {
    "REDIS_HOST": "the cache",
    "REDIS_PORT": "Redis port",
    "REDIS_USERNAME": "the service's own user",
    "REDIS_PASSWORD": "its password",
    "REDIS_PREFIX": "what each of its keys begins with",
}
WITH_BUCKET: Final[Mapping[str, str]] = {
    "AWS_ENDPOINT_URL": "the object store",
    "AWS_ACCESS_KEY_ID": "the service's own key",
    "AWS_SECRET_ACCESS_KEY": "its secret",
    "AWS_BUCKET": "its own bucket",
    "AWS_DEFAULT_REGION": "region to sign for",
}
WITH_TOKENS: Final[Mapping[str, str]] = {
    "JWT_SECRET": "key of the tokens' HMAC-SHA-256; auth signs, the gateway verifies",
    "JWT_ISSUER": "iss claim",
    "JWT_AUDIENCE": "aud claim",
}
AUTH_ONLY: Final[Mapping[str, str]] = {
    "ADMIN_EMAIL": "the first administrator, made when there is none",
    "ADMIN_PASSWORD": "their password",
    "JWT_TTL_S": "how long an access token is good for",
    "JWT_REFRESH_TTL_S": "how long a refresh token is good for",
}
BROKER_SERVICE_ONLY: Final[Mapping[str, str]] = {
    "SERVICES": "every service's key=deployment name, comma-separated: whose queues to declare",
}
GATEWAY_ONLY: Final[Mapping[str, str]] = {
    "SERVICES": "every service's key=deployment name, comma-separated: where /api/<key>/ goes",
    "REQUEST_TIMEOUT_S": "how long a service may take to answer before 504",
    "MAX_IN_FLIGHT": "requests under way to one service before 503",
    "MAX_BODY_BYTES": "largest request body before 413",
    "RATE_LIMIT_PER_S": "requests a second of one client before 429; 0 for no limit",
    "RATE_LIMIT_BURST": "requests a client may make at once",
    "TRUSTED_PROXIES": "networks whose X-Forwarded-For is believed, comma-separated",
}
