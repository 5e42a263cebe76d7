"""For every conformance scenario one way to spoil the platform that must make it fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.runtime.fake.mysql import FakeAccount
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.queues import FakeUser
from tests.fake.conformance_rehearsal import Sabotage, topology

_AUTH, _ORDERS = "auth-service-mysql", "orders-service-mysql"
_NODE, _OTHER_NODE = "rabbitmq-cluster-server-0", "rabbitmq-cluster-server-1"
_MAIN = "e-commerce-dev.svc.cluster.local"
_NOWHERE = ("192.0.2.250",)


def _user(platform: FakePlatform, server: str, user: str, host: str = "%") -> FakeAccount:
    return platform.databases[server].accounts[user, host]


def _variable(name: str, value: str) -> Sabotage:
    return lambda p: p.databases[_ORDERS].variables.update({name: value})


def _setting(name: str, value: object) -> Sabotage:
    return lambda p: p.broker.nodes[_NODE].settings.update({name: value})


def _retype(exchange: str, kind: str) -> Sabotage:
    return lambda p: p.broker.exchanges.update({exchange: kind})


def _policy(pattern: str, **definition: object) -> Sabotage:
    policy = {"pattern": pattern, "priority": 9, "definition": definition}
    return lambda p: p.broker.policies.update({"spoiled": policy})


def _halve_memory(server: str) -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        platform.processes[server].memory_limit_bytes //= 2

    return spoil


def _other_image(platform: FakePlatform) -> None:
    spec = platform.processes["redis"].spec
    platform.processes["redis"].spec = replace(spec, image=replace(spec.image, digest="fake:other"))


def _other_management_port(platform: FakePlatform) -> None:
    def moved(port_name: str, number: int) -> int:
        return number + 1 if port_name == "management" else number

    platform.plan = replace(
        platform.plan,
        servers=tuple(
            replace(s, ports=tuple(replace(p, number=moved(p.name, p.number)) for p in s.ports))
            for s in platform.plan.servers
        ),
    )


def _open_root(platform: FakePlatform) -> None:
    accounts = platform.databases[_AUTH].accounts
    accounts["root", "%"] = accounts["root", "localhost"]


def _enter_default_vhost(platform: FakePlatform) -> None:
    platform.broker.vhosts["/"] = "classic"
    platform.broker.permissions["/"] = dict(platform.broker.permissions[platform.broker.vhost])


def _bucket(name: str, *actions: str) -> Sabotage:
    return lambda p: p.objects["minio"].buckets[name].anonymous.update(actions)


def _attribute(state: str, server: str, **values: object) -> Sabotage:
    """Set plain attributes of one server's state."""

    def spoil(platform: FakePlatform) -> None:
        for name, value in values.items():
            setattr(getattr(platform, state)[server], name, value)

    return spoil


def _receiver(severity: str, receiver: str) -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        for state in platform.alertmanagers.values():
            state.routes[severity] = receiver

    return spoil


def _channels(receiver: str, *channels: str) -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        for state in platform.alertmanagers.values():
            state.channels[receiver] = channels

    return spoil


SABOTAGES: Mapping[str, Sabotage] = {
    "conformance/servers-running": lambda p: p.control.kill(_ORDERS),
    "conformance/images-on-record": _other_image,
    "conformance/limits-mysql": _halve_memory(_ORDERS),
    "conformance/limits-rabbitmq": _halve_memory(_NODE),
    "conformance/limits-object-store": _halve_memory("minio"),
    "conformance/limits-redis": _halve_memory("redis"),
    "conformance/limits-prometheus": _halve_memory("prometheus-0"),
    "conformance/dns-short-names": lambda p: p.zone.update({f"redis.{_MAIN}": _NOWHERE}),
    "conformance/dns-full-names": lambda p: p.zone.update(
        {"rabbitmq-cluster.e-commerce-messaging.svc.cluster.local": p.control.resolve(_NODE, _NODE)[:1]}
    ),
    "conformance/dns-unknown-names": lambda p: p.zone.update({"no-such-service.svc.cluster.local": _NOWHERE}),
    "conformance/databases-answer": _attribute("databases", _ORDERS, accounts={}),
    "conformance/databases-version": _attribute("databases", _ORDERS, version="5.7.44"),
    "conformance/databases-own-schema": lambda p: p.databases[_AUTH].schemas.add("orders_db"),
    "conformance/databases-own-user": lambda p: p.databases[_AUTH].accounts.update(
        {("orders_user", "%"): FakeAccount("x", "mysql_native_password")}
    ),
    "conformance/databases-user-grants": lambda p: _user(p, _AUTH, "auth_user").grants.append(
        ("SELECT", "orders_db.*")
    ),
    "conformance/databases-no-global-privileges": lambda p: _user(p, _AUTH, "exporter").grants.append(
        ("SELECT", "*.*")
    ),
    "conformance/databases-no-remote-root": _open_root,
    "conformance/databases-no-anonymous-accounts": lambda p: p.databases[_AUTH].accounts.update(
        {("", "localhost"): FakeAccount("", "mysql_native_password")}
    ),
    "conformance/databases-wrong-password": _variable("skip_grant_tables", "ON"),
    "conformance/databases-authentication-plugin": lambda p: setattr(
        _user(p, _AUTH, "auth_user"), "plugin", "caching_sha2_password"
    ),
    "conformance/databases-binary-log": _variable("log_bin", "ON"),
    "conformance/databases-port": _variable("port", "3307"),
    "conformance/databases-data-directory": _variable("datadir", "/tmp/mysql/"),  # noqa: S108 - a wrong path on purpose
    "conformance/databases-durability": _variable("innodb_flush_log_at_trx_commit", "2"),
    "conformance/databases-commit-read-back": lambda p: p.databases[_ORDERS].schemas.discard("orders_db"),
    "conformance/broker-cluster-members": lambda p: p.control.stop(_OTHER_NODE),
    "conformance/broker-no-partitions": lambda p: p.broker.partitions.update({_NODE: (_OTHER_NODE,)}),
    "conformance/broker-version": lambda p: setattr(p.broker.nodes[_NODE], "version", "3.11.0"),
    "conformance/broker-connection-tuning": _setting("heartbeat", 600),
    "conformance/broker-memory-watermark": _setting("vm_memory_high_watermark.relative", 0.4),
    "conformance/broker-disk-limit": _setting("disk_free_limit.relative", 0.1),
    "conformance/broker-master-locator": _setting("queue_master_locator", "client-local"),
    "conformance/broker-partition-handling": _setting("cluster_partition_handling", "ignore"),
    "conformance/broker-plugins": lambda p: p.broker.nodes[_NODE].plugins.remove("rabbitmq_shovel"),
    "conformance/broker-default-queue-type": lambda p: p.broker.vhosts.update({p.broker.vhost: "classic"}),
    "conformance/broker-exchanges": lambda p: p.broker.exchanges.pop("ecommerce.topic"),
    "conformance/broker-dead-letter-policy": lambda p: p.broker.policies.clear(),
    "conformance/broker-no-guest": lambda p: p.broker.users.update({"guest": FakeUser("guest", ("administrator",))}),
    "conformance/broker-wrong-password": lambda p: setattr(p.broker, "check_passwords", False),
    "conformance/broker-foreign-vhost": _enter_default_vhost,
    "conformance/broker-metrics": lambda p: p.broker.nodes[_NODE].withheld.add("rabbitmq_queues"),
    "conformance/broker-management": _other_management_port,
    "conformance/broker-quorum-by-default": lambda p: p.broker.vhosts.update({p.broker.vhost: "classic"}),
    "conformance/broker-exchange-direct": _retype("ecommerce.direct", "fanout"),
    "conformance/broker-exchange-topic": _retype("ecommerce.topic", "direct"),
    "conformance/broker-exchange-fanout": _retype("ecommerce.fanout", "direct"),
    "conformance/broker-exchange-headers": _retype("ecommerce.headers", "fanout"),
    "conformance/broker-confirms": _policy(r"\.confirms$", **{"max-length": 5}),
    "conformance/broker-unroutable": lambda p: setattr(p.broker, "return_unroutable", False),
    "conformance/broker-redelivery": _policy(r"\.redelivery$", **{"delivery-limit": 0}),
    "conformance/broker-dead-letters": _policy(r"\.dead$", **{"max-length": 0}),
    "conformance/broker-message-expiry": _policy(r"\.dead$", **{"max-length": 0}),
    "conformance/object-store-buckets": lambda p: p.objects["minio"].buckets.pop("sav"),
    "conformance/object-store-public-read": lambda p: p.objects["minio"].buckets["products"].anonymous.clear(),
    "conformance/object-store-private-closed": _bucket("sav", "s3:GetObject"),
    "conformance/object-store-no-anonymous-write": _bucket("products", "s3:PutObject"),
    "conformance/object-store-no-anonymous-list": _bucket("products", "s3:ListBucket"),
    "conformance/object-store-versioning": lambda p: setattr(p.objects["minio"].buckets["sav"], "versioned", False),
    "conformance/object-store-lifecycle": lambda p: p.objects["minio"].buckets["sav"].lifecycle.clear(),
    "conformance/object-store-presigned-urls": _attribute("objects", "minio", check_signatures=False),
    "conformance/object-store-wrong-key": _attribute("objects", "minio", check_signatures=False),
    "conformance/object-store-console": _attribute("objects", "minio", console_status=503),
    "conformance/cache-answer": _attribute("caches", "redis", password="another"),
    "conformance/cache-password-required": _attribute("caches", "redis", password=None),
    "conformance/cache-wrong-password": _attribute("caches", "redis", any_password=True),
    "conformance/cache-version": _attribute("caches", "redis", version="6.2.0"),
    "conformance/cache-persistence": lambda p: p.caches["redis"].settings.update(appendonly="no", save=""),
    "conformance/cache-data-directory": lambda p: p.caches["redis"].settings.update(dir="/"),
    "conformance/cache-port": lambda p: p.caches["redis"].settings.update(port="6380"),
    "conformance/cache-expiry": _attribute("caches", "redis", read_only=True),
    "conformance/cache-state": _attribute("caches", "redis", read_only=True),
    "conformance/cache-log-stream": _attribute("caches", "redis", read_only=True),
    "conformance/alertmanager-peers": _attribute("alertmanagers", "alertmanager-1", peers=("alertmanager-1",)),
    "conformance/alertmanager-retention": _attribute("alertmanagers", "alertmanager-1", retention_s=3600.0),
    "conformance/alertmanager-routes": _receiver("critical", "web.hook"),
    "conformance/alertmanager-delivers-critical": _channels("critical-alerts", "email"),
    "conformance/alertmanager-delivers-warning": _channels("warning-alerts", "email", "slack"),
    "conformance/alertmanager-delivers-info": _receiver("info", "critical-alerts"),
    "conformance/mysql-exporter-sees-databases": lambda p: p.databases[_AUTH].accounts.pop(("exporter", "%")),
    "conformance/node-exporter-measures": lambda p: p.host.withheld.add("node_memory_MemTotal_bytes"),
    "conformance/prometheus-retention": _attribute("metrics", "prometheus-1", retention_s=86400.0),
    "conformance/prometheus-targets-up": lambda p: p.control.stop("node-exporter"),
    "conformance/prometheus-scrape-settings": lambda p: setattr(
        next(t for t in p.metrics["prometheus-0"].targets if t.job == "node"), "interval_s", 300.0
    ),
    "conformance/prometheus-stores-queue-counts": lambda p: p.metrics["prometheus-0"].withheld.add("rabbitmq_queues"),
    "conformance/prometheus-alert-rules": lambda p: p.metrics["prometheus-0"].rules.pop(
        topology().monitoring.prometheus.rules[0].name
    ),
    "conformance/prometheus-finds-alertmanagers": lambda p: p.metrics["prometheus-0"].alertmanagers.pop(),
}
