"""For every data isolation scenario ways to spoil the platform that must make it fail, the first one its own."""

from __future__ import annotations

from collections.abc import Mapping

from sim.runtime.fake.mysql import FakeAccount
from sim.runtime.fake.platform import FakePlatform
from sim.runtime.fake.queues import FakeUser
from tests.fake.drill_rehearsal import Sabotage

_AUTH, _ORDERS = "auth-service-mysql", "orders-service-mysql"
_NATIVE = "mysql_native_password"
_ALL = (".*", ".*", ".*")


def _grant(account: str, privileges: str, on: str) -> Sabotage:
    return lambda p: p.databases[_AUTH].accounts[account, "%"].grants.append((privileges, on))


def _account(user: str, host: str = "%") -> Sabotage:
    return lambda p: p.databases[_AUTH].accounts.update({(user, host): FakeAccount("x", _NATIVE)})


def _remote_root(platform: FakePlatform) -> None:
    secret = platform.plan.server(_AUTH).facts["root_password_secret"]
    platform.databases[_AUTH].accounts["root", "%"] = FakeAccount(platform.secrets[secret], _NATIVE)


def _open_root(platform: FakePlatform) -> None:
    platform.databases[_AUTH].accounts["root", "%"] = FakeAccount("", _NATIVE)


def _permit(user: str, *patterns: str, vhost: str = "") -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        broker = platform.broker
        configure, write, read = patterns
        broker.permissions.setdefault(vhost or broker.vhost, {})[user] = (configure, write, read)

    return spoil


def _guest(platform: FakePlatform) -> None:
    platform.broker.users["guest"] = FakeUser("guest", ("administrator",))
    platform.broker.permissions[platform.broker.vhost]["guest"] = _ALL
    for node in platform.broker.nodes.values():
        node.settings["loopback_users.guest"] = "false"


def _enter_default_vhost(platform: FakePlatform) -> None:
    platform.broker.vhosts["/"] = "classic"
    platform.broker.permissions["/"] = {"orders-service": _ALL}


def _tag(user: str, *tags: str) -> Sabotage:
    return lambda p: setattr(p.broker.users[user], "tags", tags)


def _bucket(name: str, *actions: str) -> Sabotage:
    return lambda p: p.objects["minio"].buckets[name].anonymous.update(actions)


def _lend(bucket: str, user: str, *actions: str) -> Sabotage:
    return lambda p: p.objects["minio"].buckets[bucket].granted.update({user: set(actions)})


def _believe(platform: FakePlatform) -> None:
    platform.objects["minio"].check_signatures = False


def _rules(user: str, *rules: str) -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        users = platform.caches["redis"].users
        users[user] = users[user].after(rules)

    return spoil


def _any_password(platform: FakePlatform) -> None:
    platform.caches["redis"].any_password = True


def _switch(**values: object) -> Sabotage:
    """Turn switches of the shop."""

    def spoil(platform: FakePlatform) -> None:
        for name, value in values.items():
            setattr(platform.shop.switches, name, value)

    return spoil


SABOTAGES: Mapping[str, tuple[Sabotage, ...]] = {
    "isolation/databases": (_grant("auth_user", "ALL PRIVILEGES", "*.*"),),
    "isolation/mysql-root": (_remote_root, _open_root),
    "isolation/mysql-accounts": (_account("stranger"), _account("", "localhost"), _account("root", "10.%")),
    "isolation/mysql-grants": (
        _grant("auth_user", "SELECT", "orders_db.*"),
        _grant("exporter", "SELECT", "*.*"),
        _grant("auth_user", "GRANT OPTION", "auth_db.*"),
        lambda p: p.databases[_AUTH].accounts["auth_user", "%"].grants.clear(),
    ),
    "isolation/mysql-statements": (
        _grant("auth_user", "FILE", "*.*"),
        _grant("auth_user", "GRANT OPTION", "auth_db.*"),
        _grant("exporter", "SELECT", "auth_db.*"),
        _grant("exporter", "SUPER", "*.*"),
        _grant("auth_user", "SELECT", "mysql.*"),
    ),
    "isolation/mysql-foreign-schemas": (
        _grant("exporter", "SELECT", "*.*"),
        _grant("auth_user", "SHOW DATABASES", "*.*"),
    ),
    "isolation/broker-guest": (_guest,),
    "isolation/broker-vhosts": (_enter_default_vhost,),
    "isolation/broker-resources": (
        _permit("orders-service", "^$", ".*", r"^(orders\-service|orders\-service\.events)$"),
        _permit("orders-service", "^$", r"^(amq\.default|ecommerce\.direct)$", "products"),
        _permit("questions-service", "service", "^$", "^$"),
        _permit("api-gateway", "^$", "^$", "^$"),
    ),
    "isolation/broker-stray-queues": (
        _permit("contacts-service", ".*", "^$", "^$"),
        _permit("contacts-service", "^$", "^$", ".*"),
    ),
    "isolation/broker-users": (
        lambda p: p.broker.users.update({"guest": FakeUser("guest", ("administrator",))}),
        _tag("orders-service", "administrator"),
        _permit("orders-service", "^$", ".*", "^$"),
        _enter_default_vhost,
    ),
    "isolation/broker-management": (_tag("orders-service", "monitoring"),),
    "isolation/buckets-anonymous": (
        _bucket("sav", "s3:GetObject"),
        _bucket("products", "s3:PutObject"),
        _bucket("products", "s3:ListBucket"),
        _bucket("newsletters", "s3:GetBucketPolicy"),
        lambda p: p.objects["minio"].buckets["products"].anonymous.clear(),
    ),
    "isolation/buckets-keys": (
        _lend("sav", "products-service", "s3:GetObject"),
        _lend("products", "sav-service", "s3:PutBucketPolicy"),
    ),
    "isolation/buckets-policies": (
        _bucket("sav", "s3:GetObject"),
        _bucket("products", "s3:DeleteObject"),
        _lend("newsletters", "sav-service", "s3:GetObject"),
    ),
    "isolation/buckets-urls": (_believe, _lend("newsletters", "sav-service", "s3:PutObject")),
    "isolation/cache-strangers": (_any_password, _rules("orders-service", "nopass")),
    "isolation/cache-keys": (_rules("orders-service", "~*"), _rules("auth-service", "~sim-probe:*")),
    "isolation/cache-commands": (
        _rules("orders-service", "+flushall"),
        _rules("auth-service", "+config"),
        _rules("baskets-service", "+@all"),
    ),
    "isolation/cache-users": (
        _rules("orders-service", "~products-service:*"),
        _rules("orders-service", "nopass"),
        _rules("orders-service", "+keys"),
        _rules("orders-service", "off"),
    ),
    "isolation/tokens-strangers": (_switch(asks_for_no_token=True),),
    "isolation/tokens-forged": (_switch(believes_any_token=True),),
    "isolation/tokens-roles": (_switch(asks_no_permission=True),),
    "isolation/routes-internal": (_switch(publishes_internal=True),),
    "isolation/customers": (_switch(shows_everybody=True), _switch(wrong_status={"sav.show": 200})),
}
