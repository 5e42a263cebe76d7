"""A whole environment of a service, to spoil in tests."""

from __future__ import annotations

COMPLETE = {
    "SERVICE_NAME": "payments-service",
    "HTTP_PORT": "8080",
    "METRICS_PORT": "9090",
    "LOG_LEVEL": "info",
    "RABBITMQ_HOSTS": "node-0,node-1:5673, node-2",
    "RABBITMQ_PORT": "5672",
    "RABBITMQ_VHOST": "e-commerce",
    "RABBITMQ_USER": "payments",
    "RABBITMQ_PASSWORD": "broker-secret",
    "RABBITMQ_HEARTBEAT_S": "60",
    "RABBITMQ_EXCHANGE_DIRECT": "ecommerce.direct",
    "RABBITMQ_EXCHANGE_TOPIC": "ecommerce.topic",
    "RABBITMQ_EXCHANGE_FANOUT": "ecommerce.fanout",
    "RABBITMQ_EXCHANGE_HEADERS": "ecommerce.headers",
    "RABBITMQ_EXCHANGE_DEAD_LETTER": "ecommerce.dead-letter",
    "WORKERS": "8",
    "DB_HOST": "mysql",
    "DB_PORT": "3306",
    "DB_DATABASE": "payments_db",
    "DB_USERNAME": "payments_user",
    "DB_PASSWORD": "database-secret",
    "REDIS_HOST": "redis",
    "REDIS_PORT": "6379",
    "REDIS_USERNAME": "payments",
    "REDIS_PASSWORD": "cache-secret",
    "REDIS_PREFIX": "payments:",
    "AWS_ENDPOINT_URL": "http://minio:9000",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "bucket-secret",
    "AWS_BUCKET": "payments",
    "AWS_DEFAULT_REGION": "us-east-1",
}
SECRETS = ("broker-secret", "database-secret", "cache-secret", "bucket-secret")
