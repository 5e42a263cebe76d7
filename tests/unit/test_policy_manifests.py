"""Manifests that the API server would refuse are refused, each with the path of its field."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sim.errors import BadInput
from sim.policy.loading import load_manifests
from sim.policy.objects import (
    Direction,
    IPBlock,
    LabelSelector,
    NetworkPolicy,
    Operator,
    Peer,
    PortRule,
    Protocol,
    Requirement,
    Rule,
)
from tests.unit.policy_refused import REFUSED, with_peer, with_port
from tests.unit.policy_sample import loaded, policy


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_api_server_would_refuse(name: str, tmp_path: Path) -> None:
    manifest, path, said = REFUSED[name]
    (tmp_path / "a.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput) as refusal:
        load_manifests(tmp_path)
    lines = [line for line in str(refusal.value).splitlines() if f": {path}" in line and said in line]
    assert lines, str(refusal.value)
    assert lines[0].startswith("  a.json:1:")
    assert ": document 1" in lines[0]


def test_all_problems_of_all_files_are_told_at_once_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(
        "# two documents\n---\nkind: ConfigMap\napiVersion: v1\n---\n"
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\n  namespace: shop\nspec:\n"
        "  podSelector: {}\n  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.0/8\n        except:\n"
        "        - 11.0.0.0/16\n    ports:\n    - port: http_\n"
    )
    (tmp_path / "a.json").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "List",
                "items": [with_peer(), with_port(port=0) | {"metadata": {"name": "q"}}],
            }
        )
    )
    with pytest.raises(BadInput) as refusal:
        load_manifests(tmp_path)
    first, *rest = str(refusal.value).splitlines()
    assert first == f"{tmp_path.resolve()}: 4 problems in its manifests:"
    peers = "podSelector, namespaceSelector or ipBlock"
    spelling = "expected small letters, digits and single '-' between them"
    block = "spec.ingress[0].from[0].ipBlock"
    excepted = f"{block}.except[0]: '11.0.0.0/16': must be a strict subset of cidr (10.0.0.0/8)"
    assert [re.sub(r"(?<=json:1):\d+", "", line.strip()) for line in rest] == [
        f"a.json:1: document 1 (List): items[0].spec.ingress[1].from[1]: must specify a peer: {peers}",
        "a.json:1: document 1 (List): items[1].spec.egress[0].ports[1].port: 0: must be between 1 and 65535",
        f"b.yaml:18:11: document 2 (NetworkPolicy web): {excepted}",
        f"b.yaml:20:13: document 2 (NetworkPolicy web): spec.ingress[0].ports[0].port: 'http_': {spelling}",
    ]


def test_what_is_just_within_bounds_is_taken(tmp_path: Path) -> None:
    """The longest names, the outermost ports, the widest and the narrowest block."""
    long = "a" * 63
    ports = [{"port": 1}, {"port": 65535}, {"port": 80, "endPort": 80}, {"port": "a-port-of-fifte"}, {"port": "x"}]
    blocks = [{"cidr": "0.0.0.0/0", "except": ["0.0.0.0/1", "255.255.255.255/32"]}, {"cidr": "::1/128"}]
    manifest = policy(
        long,
        ".".join([long, long, long, "a" * 61]),
        podSelector={"matchLabels": {f"{long}.example.com/{long}": long, "k": "", "A.b_c-1": "A.b_c-1"}},
        policyTypes=["Ingress", "Ingress"],
        ingress=[{"from": [{"ipBlock": block} for block in blocks], "ports": ports}],
    )
    (read,) = loaded(tmp_path, [manifest]).cluster.policies
    assert len(read.name) == 253
    assert (len(read.ingress[0].ports), len(read.ingress[0].peers), len(read.pod_selector.match_labels)) == (5, 2, 3)


def test_a_policy_with_everything_there_is(tmp_path: Path) -> None:
    manifest = policy(
        "x",
        "all",
        podSelector={
            "matchLabels": {"b": "2", "example.com/a": ""},
            "matchExpressions": [{"key": "c", "operator": "NotIn", "values": ["d", "e"]}],
        },
        policyTypes=["Egress", "Ingress"],
        ingress=[{"from": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"n": "m"}}}]}],
        egress=[
            {
                "to": [{"ipBlock": {"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}}],
                "ports": [{"port": 1, "endPort": 2, "protocol": "SCTP"}, {"port": "http"}, {"protocol": "UDP"}, {}],
            }
        ],
    )
    manifest["metadata"]["annotations"] = {"sim/added": "Redis is used by auth", "other": "-"}
    manifest["status"] = {}
    assert loaded(tmp_path, [manifest]).cluster.policies == (
        NetworkPolicy(
            "all",
            "x",
            LabelSelector.of({"example.com/a": "", "b": "2"}, Requirement("c", Operator.NOT_IN, ("d", "e"))),
            (Direction.INGRESS, Direction.EGRESS),
            (Rule((Peer(LabelSelector(), LabelSelector.of({"n": "m"})),)),),
            (
                Rule(
                    (Peer(ip_block=IPBlock("2001:db8::/32", ("2001:db8:1::/48",))),),
                    (PortRule(Protocol.SCTP, 1, 2), PortRule(port="http"), PortRule(Protocol.UDP), PortRule()),
                ),
            ),
            added="Redis is used by auth",
            source="manifests.json",
        ),
    )
