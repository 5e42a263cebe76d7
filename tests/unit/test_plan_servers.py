"""What each documented server is started with: limits, flags, configuration, files."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from sim.errors import BadInput
from sim.plan.model import Plan
from sim.plan.mysql import INIT_FILE
from sim.plan.pods import COMPONENTS
from sim.topology.model import AlertRule
from sim.topology.names import deployment_names
from tests.unit.plan_sample import draft, edited, file, images, packaged, plan

_MIB = 2**20
_C2 = "--default-authentication-plugin=mysql_native_password"


def test_limits_are_the_components_own() -> None:
    """Section 5's 512Mi for a database, not the environment's 256Mi (contradiction C5)."""
    database = plan().server("auth-service-mysql")
    assert (database.limits.memory_bytes, database.limits.cpu_cores) == (512 * _MIB, 0.5)
    assert (database.requests.memory_bytes, database.requests.cpu_cores) == (256 * _MIB, 0.1)


def test_the_environments_limits_apply_on_request() -> None:
    """Section 4's, to requests too: Kubernetes refuses a request above its limit."""
    for server in plan(environment_limits=True).servers:
        assert (server.limits.memory_bytes, server.limits.cpu_cores) == (256 * _MIB, 0.1), server.name
        assert (server.requests.memory_bytes or 0) <= 256 * _MIB, server.name


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_storage_is_the_environments(environment: str) -> None:
    """Development forgets (emptyDir); staging and production keep data in volumes."""
    whole = plan(environment=environment)  # type: ignore[arg-type] # named by the parametrization
    assert {s.persistent for s in whole.servers if s.data_path} == {environment != "development"}
    assert whole.server("redis").namespace == packaged().environments[environment].namespace  # type: ignore[index]


@pytest.mark.parametrize("version", ["8.4.0", "8.4.6-1", "9.7.4"])
def test_a_flag_the_server_no_longer_knows_is_dropped_and_reported(version: str) -> None:
    """MySQL 8.4 aborts on it (contradiction C2): said once for all databases, with the version and why."""
    whole = plan(mysql=("mysql", version))
    databases = whole.of_kind("mysql")
    assert all(_C2 not in d.command for d in databases)
    (told,) = (d for d in whole.departures if _C2 in d.what)
    assert (told.server, told.section) == ("mysql", "5")
    assert version in told.reason
    assert "C2" in told.reason


@pytest.mark.parametrize("run", [("mysql", "8.0.40"), ("mysql", "8.3.0"), ("mariadb", "11.8.3")])
def test_a_flag_the_server_knows_is_kept(run: tuple[str, str]) -> None:
    """What can be done as documented is."""
    whole = plan(mysql=run)
    assert all(_C2 in d.command for d in whole.of_kind("mysql"))
    assert not [d for d in whole.departures if _C2 in d.what]


def test_other_documented_flags_always_stay() -> None:
    """No flag is lost along with the one that is dropped."""
    assert all("--skip-log-bin" in d.command for d in plan(mysql=("mysql", "9.7.4")).of_kind("mysql"))


def test_durability_is_never_weakened() -> None:
    """A rehearsed power cut must lose no more than the documented server would."""
    for database in plan().of_kind("mysql"):
        assert not [a for a in database.command if re.search("flush|doublewrite|sync|fsync|redo", a)], database.name
    redis = file(plan().server("redis"), "/etc/redis/sim.conf")
    assert "appendonly yes" in redis


def test_init_sql_is_one_statement_a_line() -> None:
    """``--init-file`` reads lines: a statement over two lines would be an error at every start."""
    for database in plan().of_kind("mysql"):
        lines = file(database, INIT_FILE).splitlines()
        assert all(line.endswith(";") and line.count(";") == 1 for line in lines), database.name
        assert f"--init-file={INIT_FILE}" in database.command


def test_init_sql_speaks_of_its_own_schema_alone() -> None:
    """Eleven servers, eleven schemas, one each (contradiction C1): nobody's script names another's."""
    for database in plan().of_kind("mysql"):
        script = file(database, INIT_FILE)
        assert set(re.findall(r"`([^`]+)`", script)) == {database.facts["schema"]}
        granted = re.findall(r"GRANT ALL PRIVILEGES ON (\S+) TO '(\w+)'", script)
        assert granted == [(f"`{database.facts['schema']}`.*", database.facts["user"])]
        assert not re.search(r"'root'@'(?!localhost')", script), "root is for the local socket"


def test_the_broker_is_configured_verbatim() -> None:
    """Every documented line of rabbitmq.conf is in the file, with the document's own value."""
    for node in plan().of_kind("rabbitmq"):
        lines = file(node, "/etc/rabbitmq/rabbitmq.conf").splitlines()
        for key, value in packaged().broker.config.items():
            assert f"{key} = {value}" in lines
        assert "cluster_partition_handling = autoheal" in lines
        assert len({line.split(" = ")[0] for line in lines}) == len(lines), "a key twice: the node takes the last"


def test_the_broker_sizes_its_watermark_by_its_limit() -> None:
    """Else 0.8 would be taken of the host's memory, and the node killed before it ever throttles."""
    for environment_limits, expected in ((False, 2 * 2**30), (True, 256 * _MIB)):
        node = plan(environment_limits=environment_limits).of_kind("rabbitmq")[0]
        assert f"total_memory_available_override_value = {expected}\n" in file(node, "/etc/rabbitmq/rabbitmq.conf")


def test_plugins_are_the_documented_ones() -> None:
    """An Erlang term: a list, a full stop."""
    enabled = file(plan().of_kind("rabbitmq")[0], "/etc/rabbitmq/enabled_plugins").strip()
    assert enabled.startswith("[")
    assert enabled.endswith("].")
    assert tuple(enabled[1:-2].split(",")) == packaged().broker.plugins


def test_definitions_are_json_with_placeholders_for_passwords() -> None:
    """Valid before and after the secrets are filled in; no password stands in the plan."""
    definitions = json.loads(file(plan().of_kind("rabbitmq")[0], "/etc/rabbitmq/definitions.json"))
    assert all(re.fullmatch(r"\$\{[A-Z0-9_]+\}", u["password"]) for u in definitions["users"])
    assert {u["name"] for u in definitions["users"]} == {"operator", "ecommerce", *deployment_names(packaged())}
    assert {e["name"] for e in definitions["exchanges"]} == {
        *(e.name for e in packaged().broker.exchanges),
        packaged().broker.dead_letter_exchange,
        f"{packaged().broker.dead_letter_exchange}.unclaimed",
    }
    assert {e["type"] for e in definitions["exchanges"]} >= {"direct", "topic", "fanout", "headers"}


@pytest.mark.parametrize("exchange", ["ecommerce.dead-letter", "dead (letters) [1]+"])
def test_dead_letters_do_not_go_round_for_ever(exchange: str) -> None:
    """The dead-letter policy covers every queue but the dead letters' own, whatever its name."""
    topology = edited(broker={"dead_letter_exchange": exchange})
    definitions = json.loads(file(plan(topology).of_kind("rabbitmq")[0], "/etc/rabbitmq/definitions.json"))
    (policy,) = definitions["policies"]
    (queue,) = definitions["queues"]
    assert definitions["bindings"][0]["destination"] == queue["name"]
    assert not re.search(policy["pattern"], queue["name"])
    assert not re.search(policy["pattern"], "orders-service.dead-letter")
    for other in (
        "orders",
        "orders-service",
        "orders-service.events",
        "orders-service.dead-letter.not",
        f"{queue['name']}2",
        f"my-{queue['name']}",
        "ecommerceXdead-letterXqueue",
    ):
        assert re.search(policy["pattern"], other), other


def test_minio_runs_as_documented() -> None:
    """Its own command, both ports, credentials from secrets, no departure."""
    whole = plan()
    store = whole.server("minio")
    assert store.command[:2] == ("minio", "server")
    assert {p.name: p.number for p in store.ports} == {"s3": 9000, "console": 9001}
    assert store.environment["MINIO_ROOT_PASSWORD"] == "${MINIO_SECRET_KEY}"
    assert not [d for d in whole.departures if d.server == "minio"]


def test_a_stand_in_says_what_it_is_and_what_it_lacks() -> None:
    """No console port is promised, and both differences are reported."""
    whole = plan(object_store=("seaweedfs", "3.97"))
    store = whole.server("minio")
    assert {p.name for p in store.ports} == {"s3", "metrics"}
    told = [d.what for d in whole.departures if d.server == "minio"]
    assert any("seaweedfs 3.97" in what for what in told)
    assert any("console" in what for what in told)
    identities = json.loads(file(store, "/etc/seaweedfs/s3.json"))["identities"]
    rights = {i["name"]: i["actions"] for i in identities}
    assert set(rights) == {"admin", "products-service", "sav-service", "newsletters-service"}, "others are anonymous"
    assert {action.partition(":")[2] for action in rights["sav-service"]} == {"sav"}
    assert "Admin" not in {action.partition(":")[0] for name, a in rights.items() if name != "admin" for action in a}
    assert store.limits.memory_bytes is not None
    assert int(store.environment["GOMEMLIMIT"]) < store.limits.memory_bytes, "it collects before it is killed"


@pytest.mark.parametrize(
    ("software", "target", "path"),
    [("minio", ":9000", "/minio/v2/metrics/cluster"), ("seaweedfs", ":9324", "/metrics")],
)
def test_the_store_is_scraped_where_its_software_serves(software: str, target: str, path: str) -> None:
    """A stand-in has other metrics at another port; asking it for MinIO's would show it down."""
    jobs = _jobs(plan(object_store=(software, "1")))
    assert jobs["minio"]["metrics_path"] == path
    assert jobs["minio"]["static_configs"][0]["targets"][0].endswith(target)


def _jobs(whole: Plan, name: str = "prometheus-0") -> dict[str, dict[str, Any]]:
    configuration = yaml.safe_load(file(whole.server(name), "/etc/prometheus/prometheus.yml"))
    return {job["job_name"]: job for job in configuration["scrape_configs"]}


def test_every_scrape_job_has_a_target_that_runs() -> None:
    """A target nobody runs would be an alert without a cause, a job without one an empty promise of coverage."""
    whole = plan()
    known = {alias for s in whole.servers for alias in (s.hostname, *s.aliases)}
    jobs = _jobs(whole)
    assert set(jobs) == {"e-commerce-services", "rabbitmq", "mysql", "minio", "node", "prometheus", "alertmanager"}
    for name, job in jobs.items():
        targets = [t for static in job["static_configs"] for t in static["targets"]]
        assert targets, name
        assert {t.rpartition(":")[0] for t in targets} <= known, name


def test_a_part_of_the_platform_scrapes_that_part() -> None:
    """``--only prometheus,auth-service-mysql,mysql-exporter``: no job asks servers that were left out."""
    jobs = _jobs(plan(only=("prometheus", "auth-service-mysql", "mysql-exporter")))
    assert set(jobs) == {"mysql", "prometheus"}
    targets = jobs["mysql"]["static_configs"][0]["targets"]
    assert targets == ["auth-service-mysql.e-commerce-dev.svc.cluster.local:3306"]


def test_prometheus_tells_only_alertmanagers_that_run() -> None:
    """Alone, it has nobody to tell."""
    alone = yaml.safe_load(file(plan(only=("prometheus-0",)).server("prometheus-0"), "/etc/prometheus/prometheus.yml"))
    whole = yaml.safe_load(file(plan().server("prometheus-0"), "/etc/prometheus/prometheus.yml"))
    assert alone["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == []
    assert len(whole["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]) == 2


def test_intervals_are_the_documents() -> None:
    """Each job at its own documented interval."""
    documented = {job.name: f"{job.interval_s:g}s" for job in packaged().monitoring.prometheus.scrape_jobs}
    for name, job in _jobs(plan()).items():
        assert job["scrape_interval"] == documented[name]


def test_alert_rules_keep_what_the_document_says() -> None:
    """Name, expression, duration and severity of each, and a template's dollars untouched."""
    odd = AlertRule(
        name="Odd",
        severity="info",
        expr='up{a="$b"} == 0',
        **{"for": "90s"},
        summary="{{ $labels.job }} ${NOT_OURS",
        section="9",
    )
    monitoring = packaged().monitoring
    rules = (*monitoring.prometheus.rules, odd)
    topology = edited(
        monitoring={"prometheus": monitoring.prometheus.model_copy(update={"rules": rules})},
    )
    written = yaml.safe_load(file(plan(topology).server("prometheus-1"), "/etc/prometheus/rules.yml"))
    found = {r["alert"]: r for group in written["groups"] for r in group["rules"]}
    assert list(found) == [r.name for r in rules]
    for rule in rules:
        row = found[rule.name]
        assert (row["expr"], row["labels"]["severity"]) == (rule.expr, rule.severity)
        assert row["annotations"]["summary"] == rule.summary
    assert found["Odd"]["for"] == "90s"
    assert found["CrashLoop"]["for"] == "0s"


def test_severities_go_to_their_receivers_by_their_channels() -> None:
    """Critical by mail and Slack, warning by mail, info to the webhook; all channels end in the local sink."""
    configuration = yaml.safe_load(file(plan().server("alertmanager-0"), "/etc/alertmanager/alertmanager.yml"))
    routes = {r["matchers"][0]: r["receiver"] for r in configuration["route"]["routes"]}
    assert routes == {
        'severity="critical"': "critical-alerts",
        'severity="warning"': "warning-alerts",
        'severity="info"': "web.hook",
    }
    channels = {r["name"]: {k for k in r if k.endswith("_configs")} for r in configuration["receivers"]}
    assert channels == {
        "critical-alerts": {"email_configs", "slack_configs"},
        "warning-alerts": {"email_configs"},
        "web.hook": {"webhook_configs"},
    }
    assert configuration["route"]["receiver"] in channels, "an alert without a known severity has a receiver, too"
    urls = [r["url"] for c in configuration["receivers"] for r in c.get("webhook_configs", ())]
    assert all("://alert-sink.monitoring.svc." in url for url in urls)


def test_an_alertmanager_knows_all_its_peers() -> None:
    """Both replicas gossip, or every alert would be sent twice."""
    for name in ("alertmanager-0", "alertmanager-1"):
        peers = [a for a in plan().server(name).command if a.startswith("--cluster.peer=")]
        assert len(peers) == 2


def test_redis_is_started_without_its_password_on_the_command_line() -> None:
    """It is in a file: arguments show in every process list. The difference is reported."""
    whole = plan()
    assert "REDIS_PASSWORD" not in " ".join(whole.server("redis").command)
    assert "requirepass ${REDIS_PASSWORD}" in file(whole.server("redis"), "/etc/redis/sim.conf")
    assert [d.server for d in whole.departures if "requirepass" in d.what] == ["redis"]


def test_a_component_without_limits_has_none() -> None:
    """The document gives the exporters no limits, and none is invented."""
    assert plan().server("node-exporter").limits.memory_bytes is None


def test_addresses_run_out_with_a_message() -> None:
    """More servers than a /24 holds is the document's size, not a traceback."""
    wide = edited(broker={"replicas": 99})
    prometheus = wide.monitoring.prometheus.model_copy(update={"replicas": 99})
    alertmanager = wide.monitoring.alertmanager.model_copy(update={"replicas": 99})
    monitoring = wide.monitoring.model_copy(update={"prometheus": prometheus, "alertmanager": alertmanager})
    with pytest.raises(BadInput, match=r"10\.213\.7\.0/24"):
        plan(wide.model_copy(update={"monitoring": monitoring}))


def test_a_draft_hands_out_each_address_once() -> None:
    """None is the network's, the bridge's or the name server's."""
    taken = draft()
    handed = [taken.next_address() for _ in range(200)]
    assert len(set(handed)) == 200
    assert not {"10.213.7.0", "10.213.7.1", taken.dns_address, "10.213.7.255"} & set(handed)


def test_every_component_has_an_image_in_the_plan() -> None:
    """Each kind runs the image of its own name."""
    known = images()
    rigs_own = {plan().pause_image, plan().tools_image}
    assert {s.image for s in plan().servers} | rigs_own == {known[c] for c in COMPONENTS}
