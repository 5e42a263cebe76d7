"""The expected table: which edges it has, how it reads at 80 columns, and what the program prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cli import app
from sim.policy.imagining import labels_for
from sim.policy.matching import resolve
from sim.policy.matrix import matrix_text
from sim.policy.objects import IPBlock, LabelSelector, Operator, Peer, PortRule, Protocol, Requirement, Rule
from sim.policy.table import OUTSIDE, AskedPort, asked_ports, expected_table, table_document
from tests.unit.policy_sample import Manifest, loaded, pod, policy


def _bare(where: str, name: str, *ports: int) -> Manifest:
    manifest = pod(where, name)
    manifest["spec"]["containers"][0]["ports"] = [{"containerPort": port} for port in ports]
    return manifest


_SHOP = [
    _bare("shop", "web", 8080),
    _bare("shop", "db", 3306),
    _bare("ops", "scraper"),
    policy("shop", "deny", policyTypes=["Ingress"]),
    policy("shop", "db", podSelector={"matchLabels": {"pod": "db"}}, ingress=[
        {"from": [{"podSelector": {"matchLabels": {"pod": "web"}}}], "ports": [{"port": 3306}]},
        {"from": [{"namespaceSelector": {}}], "ports": [{"port": 9104, "endPort": 9105, "protocol": "UDP"}]},
    ]),
    policy("shop", "open", podSelector={"matchLabels": {"pod": "web"}}, ingress=[{}]),
]  # fmt: skip

_TEXT = """\
3 pods, 2 namespaces, 3 policies: 17 of 27 edges allowed

from ↓  to →                          1 2 3 4
 ops
 1 scraper                            · ◐ ✓ ✓
 shop
 2 db                                 ✓ · ✓ ✓
 3 web                                ✓ ◐ · ✓

 4 outside (203.0.113.1)              ✓ ✗ ✓ ·

✓ every port   ◐ some ports (below)   ✗ none   · itself

◐ to 2 shop/db
  UDP 9104, UDP 9105 from ops/scraper
  TCP 3306, UDP 9104, UDP 9105 from shop/web

Policies
  shop/deny isolates ingress of shop/db, web
  shop/db isolates ingress of shop/db
  shop/open isolates ingress of shop/web
"""


def test_ports_are_those_declared_those_that_policies_name_and_one_that_nobody_does(tmp_path: Path) -> None:
    resolved = resolve(loaded(tmp_path, _SHOP).cluster)
    assert asked_ports(resolved, "shop/db") == (
        AskedPort(Protocol.TCP, 3306, declared=True),
        AskedPort(Protocol.UDP, 9104, declared=True),
        AskedPort(Protocol.UDP, 9105, declared=True),
        AskedPort(Protocol.TCP, 61234, declared=False),
        AskedPort(Protocol.UDP, 61234, declared=False),
    )
    assert asked_ports(resolved, "ops/scraper") == (AskedPort(Protocol.TCP, 61234, declared=False),)


def test_a_policy_names_ports_for_the_destinations_of_its_peers_alone(tmp_path: Path) -> None:
    """The undeclared port is another where somebody declares the usual one."""
    out = policy("shop", "out", policyTypes=["Egress"], egress=[
        {"to": [{"podSelector": {"matchLabels": {"pod": "db"}}}], "ports": [{"port": 1}]},
        {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}, {"port": "https"}, {}]},
    ])  # fmt: skip
    resolved = resolve(loaded(tmp_path, [_bare("shop", "web", 61234), _bare("shop", "db"), out]).cluster)
    assert [asked.port for asked in asked_ports(resolved, "shop/db")] == [1, 61234]
    assert [asked.port for asked in asked_ports(resolved, "shop/web")] == [61234, 61233]
    assert [asked.port for asked in asked_ports(resolved, OUTSIDE)] == [443, 61234]


def test_the_matrix(tmp_path: Path) -> None:
    assert matrix_text(expected_table(loaded(tmp_path, _SHOP).cluster)) == _TEXT


def test_a_large_matrix_keeps_within_eighty_columns(tmp_path: Path) -> None:
    pods = [_bare("a-namespace-of-a-long-name", f"a-service-of-a-rather-long-name-number-{n}", n) for n in range(1, 61)]
    lines = matrix_text(expected_table(loaded(tmp_path, [*pods, policy("a-namespace-of-a-long-name", "p")]).cluster))
    assert max(map(len, lines.splitlines())) <= 80
    assert lines.count("from ↓  to →") == 5
    assert "a-service-of-a-r…g-name-number-60" in lines


def test_every_edge_in_json_names_its_rule(tmp_path: Path) -> None:
    document = table_document(expected_table(loaded(tmp_path, _SHOP).cluster))
    assert len(document["edges"]) == 27
    edges = {(e["source"], e["destination"], e["protocol"], e["port"]): e for e in document["edges"]}
    allowed = edges["shop/web", "shop/db", "TCP", 3306]
    assert allowed["allowed"]
    assert allowed["ingress"] == {
        "allowed": True,
        "rule": {"policy": "shop/db", "index": 0},
        "isolated_by": ["shop/deny", "shop/db"],
    }
    assert allowed["egress"] == {"allowed": True, "rule": None, "isolated_by": []}
    denied = edges[OUTSIDE, "shop/db", "UDP", 61234]
    assert (denied["allowed"], denied["denied"], denied["declared"]) == (False, ["ingress"], False)
    assert document["policies"][1] == {
        "name": "shop/db",
        "selects": ["shop/db"],
        "rules": {"ingress": ["pods pod=web, on TCP 3306", "namespaces *, on UDP 9104-9105"]},
        "source": "manifests.json",
        "added": None,
    }
    assert document["pods"][0]["name"] == "ops/scraper"


def test_rules_in_words() -> None:
    among = Requirement("tier", Operator.IN, ("a", "b"))
    not_among = Requirement("tier", Operator.NOT_IN, ("c",))
    both = Peer(LabelSelector.of({"app": "web"}, among), LabelSelector.of(None, not_among))
    exist = Peer(LabelSelector.of(None, Requirement("x", Operator.EXISTS), Requirement("y", Operator.DOES_NOT_EXIST)))
    block = Peer(ip_block=IPBlock("10.0.0.0/8", ("10.1.0.0/16", "10.2.0.0/16")))
    rule = Rule((both, exist, block), (PortRule(), PortRule(Protocol.UDP, "dns")))
    assert str(rule) == (
        "namespaces tier notin (c) and pods app=web,tier in (a,b) or pods x,!y"
        " or 10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16, on TCP *, UDP dns"
    )
    assert str(Rule((Peer(ip_block=IPBlock("::/0")),))) == "::/0, on every port"
    assert str(Rule()) == "any address, on every port"


def test_labels_that_a_selector_matches() -> None:
    among = Requirement("f", Operator.IN, ("g", "h"))
    others = (Requirement("c", Operator.EXISTS), Requirement("d", Operator.NOT_IN, ("e",)), among)
    selector = LabelSelector.of({"a": "b"}, *others)
    assert labels_for(selector) == {"a": "b", "c": "any", "f": "g"}
    assert labels_for(LabelSelector.of({"a": "b"}, Requirement("a", Operator.DOES_NOT_EXIST))) is None


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sim", "policy", "table", *arguments])
        monkeypatch.setattr(app.signal, "signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


def test_the_program_prints_the_table_and_what_it_passed_over(
    sim: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    loaded(tmp_path, [*_SHOP, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}])
    code, out, _ = sim(str(tmp_path))
    assert (code, out) == (0, f"{_TEXT}\nNotes\n  passed over: 1 Service\n")
    code, out, _ = sim(str(tmp_path), "--json")
    assert (code, json.loads(out)["ignored"], json.loads(out)["notes"]) == (0, {"Service": 1}, [])


def test_bad_manifests_are_bad_input(sim: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\n")
    code, out, err = sim(str(tmp_path), "--json")
    assert (code, out) == (2, "")
    assert "a.yaml:1:1: document 1 (NetworkPolicy a): spec.podSelector: required" in err
    assert "Traceback" not in err
    assert sim("gone")[0] == 2
    assert sim(str(tmp_path), "--topology", "x.yaml")[0] == 2


def test_without_a_folder_it_is_the_documented_platform(sim: Callable[..., tuple[int, str, str]]) -> None:
    """Each service reaches its own database and no other; no service reaches another."""
    code, out, _ = sim("--json")
    assert code == 0
    edges = json.loads(out)["edges"]
    opened = {(e["source"], e["destination"]) for e in edges if e["allowed"] and e["port"] == 3306}
    pairs = {(source.rpartition("/")[2], target.rpartition("/")[2]) for source, target in opened}
    assert {pair for pair in pairs if pair[0] != "mysql-exporter"} == {
        (target.removesuffix("-mysql"), target) for _, target in pairs
    }
    assert len({target for _, target in pairs}) == 11
    assert not [
        e
        for e in edges
        if e["allowed"] and e["source"].endswith("orders-service") and e["destination"].endswith("-service")
    ]
