"""The labels of pods: what Services, ServiceMonitors and network policies select them by.

Sections 5 and 12 label pods ``app``, section 9 adds ``component: microservice``. Pods that an operator makes
(RabbitMQ's, Prometheus') carry the operator's recommended labels, and no manifest of ours could give them others.
"""

from __future__ import annotations

from collections.abc import Mapping

APP = "app"
COMPONENT = "component"
NAME = "app.kubernetes.io/name"
PART = "app.kubernetes.io/component"

MICROSERVICE = "microservice"
GATEWAY = "gateway"
DATABASE = "database"
CACHE = "cache"
OBJECT_STORE = "object-store"
BROKER = "rabbitmq"
MONITORING = "monitoring"


def own_labels(app: str, component: str) -> Mapping[str, str]:
    return {APP: app, COMPONENT: component}


def operator_labels(name: str, component: str) -> Mapping[str, str]:
    return {NAME: name, PART: component}
