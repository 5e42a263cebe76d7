"""Broken topology files as data: an edit of the packaged file, where the message must point, and what it must say.

``«`` in the replacement (or in ``at``, when the message points elsewhere) marks the place the message must name; it is
taken out before the file is read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Broken:
    name: str
    old: str
    new: str
    path: str
    says: tuple[str, ...]
    at: str = ""


EDITS = (
    Broken(
        "unknown key",
        "    database: auth\n",
        "    «databse: auth\n",
        "services.auth.databse",
        ("did you mean 'database'",),
    ),
    Broken("misspelt required key", "    job: JWT", "    «jobb: JWT", "services.auth.jobb", ("did you mean 'job'",)),
    Broken(
        "python name for a key", "metricsPort: 15692", "«metrics_port: 15692", "broker.metrics_port", ("'metricsPort'",)
    ),
    Broken(
        "key known nowhere",
        "name: ecommerce\n",
        "«zzz: 1\nname: ecommerce\n",
        "zzz",
        ("unknown key 'zzz'; known: schema",),
    ),
    Broken(
        "missing key",
        "cache:\n  name: redis  # section 4 names the manifest so\n",
        "«cache:\n",
        "cache",
        ("the key 'name' is missing",),
    ),
    Broken(
        "duplicate key",
        "  vhost: e-commerce",
        "  vhost: a\n  «vhost: e-commerce",
        "broker.vhost",
        ("duplicate key", "line"),
    ),
    Broken(
        "memory in MB",
        "memory: 512Mi, cpu: 500m",
        "memory: «512MB, cpu: 500m",
        "databaseServer.resources.limits.memory",
        ("write 512Mi for 512MB",),
    ),
    Broken(
        "memory in milli",
        "memory: 512Mi, cpu: 500m",
        "memory: «512m, cpu: 500m",
        "databaseServer.resources.limits.memory",
        ("write 512Mi",),
    ),
    Broken(
        "memory not a quantity",
        "memory: 512Mi, cpu: 500m",
        "memory: «.nan, cpu: 500m",
        "databaseServer.resources.limits.memory",
        ("such as 512Mi", "found '.nan'"),
    ),
    Broken(
        "memory of nothing",
        "memory: 512Mi, cpu: 500m",
        "memory: «0, cpu: 500m",
        "databaseServer.resources.limits.memory",
        ("between",),
    ),
    Broken("memory without end", "storage: 20Gi", f"storage: «{'9' * 400}Gi", "broker.storage", ("such as 512Mi",)),
    Broken(
        "cpu as a word", "cpu: 1000m", "cpu: «two", "broker.resources.limits.cpu", ("such as 500m or 2", "found 'two'")
    ),
    Broken(
        "duration without unit",
        "retention: 120h",
        "retention: «120",
        "monitoring.alertmanager.retention",
        ("30s, 5m or 120h", "found 120"),
    ),
    Broken(
        "yes for a number",
        "  replicas: 3\n  vhost",
        "  replicas: «yes\n  vhost",
        "broker.replicas",
        ("whole number", "found yes", "reads as true"),
    ),
    Broken(
        "NaN for a number",
        "  replicas: 3\n  vhost",
        "  replicas: «.nan\n  vhost",
        "broker.replicas",
        ("whole number", "'.nan'"),
    ),
    Broken(
        "fraction of a replica",
        "  replicas: 3\n  vhost",
        "  replicas: «1.5\n  vhost",
        "broker.replicas",
        ("whole number", "found 1.5"),
    ),
    Broken(
        "millions of replicas",
        "  replicas: 3\n  vhost",
        "  replicas: «3000000\n  vhost",
        "broker.replicas",
        ("at most 99",),
    ),
    Broken("quoted port", "port: 3306", 'port: «"3306"', "databaseServer.port", ("take the quotes away",)),
    Broken("port out of range", "port: 3306", "port: «70000", "databaseServer.port", ("at most 65535", "found 70000")),
    Broken(
        "number for text",
        'kubernetes: "1.28+"',
        "kubernetes: «1.28",
        "kubernetes",
        ("expected text, found 1.28", "quotes"),
    ),
    Broken(
        "nothing for text",
        "deadLetterExchange: ecommerce.dead-letter",
        "deadLetterExchange: «~",
        "broker.deadLetterExchange",
        ("found nothing",),
    ),
    Broken(
        "list for a mapping",
        "limits: {memory: 256Mi, cpu: 100m}",
        "limits: «[1]",
        "environments.development.limits",
        ("expected a mapping", "found a list"),
    ),
    Broken(
        "text for a list",
        "balancing: [wrr, drr]",
        "balancing: «wrr",
        "ingress.balancing",
        ("expected a list", "found 'wrr'"),
    ),
    Broken(
        "word for a boolean",
        "autoscaling: true",
        "autoscaling: «maybe",
        "environments.production.autoscaling",
        ("true or false",),
    ),
    Broken(
        "unknown choice",
        "policy: private",
        "policy: «public-raed",
        "objectStore.buckets[1].policy",
        ("did you mean 'public-read'",),
    ),
    Broken(
        "unknown environment",
        "  staging:\n    namespace",
        "  «stagging:\n    namespace",
        "environments.stagging",
        ("did you mean 'staging'",),
    ),
    Broken(
        "name DNS refuses",
        "name: rabbitmq-cluster\n",
        "name: «Rabbit_MQ\n",
        "broker.name",
        ("lower-case letters, digits and inner dashes",),
    ),
    Broken("unsupported schema", "schema: 1\n", "schema: «2\n", "schema", ("reads schema 1, found 2",)),
    Broken(
        "dangling database",
        "    database: auth\n",
        "    database: «auht\n",
        "services.auth.database",
        ("name of a database", "did you mean 'auth'"),
    ),
    Broken(
        "dangling bucket",
        "    bucket: sav ",
        "    bucket: «save ",
        "services.sav.bucket",
        ("name of a bucket", "did you mean 'sav'"),
    ),
    Broken(
        "dangling bucket owner",
        "owner: products",
        "owner: «productz",
        "objectStore.buckets[0].owner",
        ("did you mean 'products'",),
    ),
    Broken(
        "dangling namespace",
        "  namespace: monitoring\n  prom",
        "  namespace: «monitor\n  prom",
        "monitoring.namespace",
        ("did you mean 'monitoring'",),
    ),
    Broken(
        "dangling autoscaler",
        "{service: orders, minR",
        "{service: «order, minR",
        "autoscaling[3].service",
        ("did you mean 'orders'",),
    ),
    Broken(
        "dangling budget",
        "{service: auth, minA",
        "{service: «authn, minA",
        "disruptionBudgets[0].service",
        ("did you mean 'auth'",),
    ),
    Broken(
        "dangling dependency",
        "    job: shopping",
        "    dependsOn: [«product]\n    job: shopping",
        "services.baskets.dependsOn[0]",
        ("did you mean 'products'",),
    ),
    Broken(
        "dangling log sink", "sink: redis", "sink: «reddis", "observability.fluentBit.sink", ("did you mean 'redis'",)
    ),
    Broken(
        "dangling contradiction",
        "resolves: C12",
        "resolves: «C99",
        "security.networkPolicies.rules[5].resolves",
        ("name of a contradiction",),
    ),
    Broken(
        "two services, one database",
        "    database: orders\n",
        "    database: «auth\n",
        "services.orders.database",
        ("expected 'orders'", "found 'auth'"),
    ),
    Broken(
        "unused database",
        "    database: questions\n",
        "",
        "databases.questions",
        ("no service uses",),
        at="  «questions:\n    deployment",
    ),
    Broken(
        "another's bucket",
        "    bucket: newsletters ",
        "    bucket: «sav ",
        "services.newsletters.bucket",
        ("owned by 'sav'",),
    ),
    Broken(
        "shared secret",
        "secret: orders-mysql-secret",
        "secret: «auth-mysql-secret",
        "databases.orders.secret",
        ("taken by databases.auth.secret",),
    ),
    Broken(
        "dependency on itself",
        "    job: shopping",
        "    dependsOn: [«baskets]\n    job: shopping",
        "services.baskets.dependsOn[0]",
        ("baskets → baskets",),
    ),
    Broken(
        "duplicate port",
        "managementPort: 15672",
        "managementPort: «5672",
        "broker.managementPort",
        ("port 5672", "broker.amqpPort"),
    ),
    Broken(
        "duplicate deployment",
        "deployment: orders-service-mysql",
        "deployment: «auth-service-mysql",
        "databases.orders.deployment",
        ("databases.auth.deployment",),
    ),
    Broken("duplicate server", "  name: redis ", "  name: «minio ", "cache.name", ("taken by objectStore.name",)),
    Broken(
        "name of a broker pod",
        "  name: redis ",
        "  name: «rabbitmq-cluster-server-1 ",
        "cache.name",
        ("taken by broker.name",),
    ),
    Broken(
        "duplicate namespace",
        "namespace: e-commerce-prod",
        "namespace: «e-commerce-dev",
        "environments.production.namespace",
        ("environments.development",),
    ),
    Broken(
        "scraping a closed port",
        "target: broker, port: 15692",
        "target: broker, port: «15693",
        "monitoring.prometheus.scrapeJobs[1].port",
        ("expected 15692",),
    ),
    Broken(
        "two routes for a severity",
        "{severity: info, receiver",
        "{severity: «warning, receiver",
        "monitoring.prometheus.rules[0].severity",
        ("found 'info'",),
        at="severity: «info ",
    ),
    Broken(
        "severity without a route",
        "      - {severity: info, receiver: web.hook, channels: [webhook]}\n",
        "",
        "monitoring.prometheus.rules[0].severity",
        ("a severity that a route takes, found 'info'",),
        at="severity: «info ",
    ),
    Broken(
        "more asked than allowed",
        "requests: {memory: 1Gi, cpu: 500m}",
        "requests: {memory: «3Gi, cpu: 500m}",
        "broker.resources.requests.memory",
        ("limit 2Gi, found 3Gi",),
    ),
    Broken(
        "floor above ceiling",
        "maxReplicas: 15",
        "maxReplicas: «2",
        "autoscaling[0].maxReplicas",
        ("minReplicas (3), found 2",),
    ),
    Broken(
        "row given twice",
        "{environment: production, auto",
        "{environment: «staging, auto",
        "gitops[2].environment",
        ("taken by gitops[1]",),
    ),
    Broken("tab", "name: ecommerce\n", "«\tname: ecommerce\n", "", ("a tab indents this line: expected spaces",)),
    Broken(
        "executable tag",
        "name: ecommerce\n",
        "name: «!!python/object/apply:os.system [ls]\n",
        "",
        ("tag '!!python/object/apply:os.system'",),
    ),
    Broken("second document", "name: ecommerce\n", "«---\nname: ecommerce\n", "", ("second document",)),
    Broken(
        "merge key", "name: ecommerce\n", "«<<: {name: x}\nname: ecommerce\n", "", ("merge key", "write the keys out")
    ),
    Broken("alias to nothing", "name: ecommerce\n", "name: «*nowhere\n", "", ("*nowhere has no anchor",)),
    Broken("alias inside itself", "name: ecommerce\n", "name: &loop [«*loop]\n", "", ("inside its own anchor",)),
    # Not much deeper: libyaml has a bound of its own, at a thousand, and scans ahead of what it has told so far.
    Broken("too deep", "name: ecommerce\n", f"name: {'[' * 31}«{'[' * 500}\n", "", ("32 levels",)),
    Broken("list as a key", "name: ecommerce\n", "? «[a]\n: b\nname: ecommerce\n", "", ("as a key: expected text",)),
    Broken("control character", "name: ecommerce\n", "name: e«\x1bcommerce\n", "", ("control character U+001B",)),
)

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

TEXTS = (
    ("an empty file", "", "1:1", "the file is empty"),
    ("only a comment", "# nothing yet\n", "1:1", "the file is empty"),
    ("null", "~\n", "1:1", "the file is empty"),
    ("a sentence", "hello\n", "1:1", "expected a mapping of keys to values, found 'hello'"),
    ("a list", "- a\n- b\n", "1:1", "found a list"),
    ("a bomb of aliases", BOMB, "1:", "more than 20000 values"),
    ("an unclosed list", "a: [b\nc: d\n", "2:", "not valid YAML"),
    ("an escaped control character", 'a: "\\e[31m"\n', "1:4", "control character U+001B"),
    ("an escape beyond Unicode", 'a: "\\UFFFFFFFF"\n', "1:", "not valid YAML"),
    ("a key of a key", "a: b: c\n", "1:5", "not valid YAML"),
    ("an unknown directive version", "%YAML 9.9\n---\na: 1\n", "1:", "not valid YAML"),
)

BYTES = (
    ("binary", b"\x7fELF\x00\x01\x02", "binary file"),
    ("Latin-1", "schema: 1\nname: caf\u00e9\n".encode("latin-1"), ":2:10: not UTF-8"),
    ("UTF-16", "schema: 1\n".encode("utf-16"), "binary file"),
    ("a cut character", b"schema: \xe2\x82", ":1:9: not UTF-8"),
    ("too large", b"#" * (2**20 + 1), "larger than 1 MiB"),
)
