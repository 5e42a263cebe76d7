"""The text that enforces policies inside one pod's network namespace, and its counters read back."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sim.errors import RigError
from sim.policy.counters import Tally, read_counters
from sim.policy.matching import resolve
from sim.policy.nftables import Established, render_removal, render_ruleset, rule_comment
from sim.policy.objects import (
    Cluster,
    Direction,
    IPBlock,
    LabelSelector,
    Namespace,
    NetworkPolicy,
    Peer,
    Pod,
    PodPort,
    PortRule,
    Protocol,
    Rule,
    RuleRef,
)

_BOTH = (Direction.INGRESS, Direction.EGRESS)
_WEB = Pod("web", "shop", {"app": "web"}, ("10.0.0.2",), (PodPort(8080, Protocol.TCP, "http"),))
_DB = Pod("db", "shop", {"app": "db"}, ("10.0.0.3", "fd00::3"), (PodPort(3306, Protocol.TCP, "sql"),))
_DNS = Pod(
    "dns", "kube-system", {"k8s-app": "dns"}, ("127.0.0.11",), (PodPort(53, Protocol.UDP), PodPort(53, name="named"))
)
_DENY = NetworkPolicy("deny-all", "shop", policy_types=_BOTH)
_NAMED_DNS = Peer(LabelSelector.of({"k8s-app": "dns"}), LabelSelector.of())


def _cluster(*policies: NetworkPolicy) -> Cluster:
    namespaces = (Namespace.named("shop"), Namespace.named("kube-system"))
    return Cluster(namespaces, (_WEB, _DB, _DNS), policies, node_addresses=("10.0.0.1",))


def _text(pod: Pod, *policies: NetworkPolicy, established: Established = Established.SURVIVES) -> str:
    return render_ruleset(resolve(_cluster(*policies)), pod, established)


def _chain(text: str, direction: str) -> list[str]:
    inside = text.split(f"  chain {direction} {{\n")[1].split("  }\n", maxsplit=1)[0]
    return [line.strip() for line in inside.splitlines()]


def test_the_table_of_a_pod_under_deny_all() -> None:
    """Replaced in one transaction; loopback, replies and the node pass; all else is counted and dropped."""
    dns_drop = 'counter drop comment "drop egress"'
    original = 'oifname "lo" ct direction original ct original ip daddr 127.0.0.11'
    assert (
        _text(_WEB, _DENY)
        == f"""\
add table inet sim_policy
delete table inet sim_policy
table inet sim_policy {{
  chain ingress {{
    type filter hook input priority filter; policy accept;
    iifname "lo" accept
    ct state invalid drop
    ct state established,related accept
    ip saddr {{ 10.0.0.1 }} counter accept comment "node ingress"
    counter drop comment "drop ingress"
  }}
  chain egress {{
    type filter hook output priority filter; policy accept;
    {original} {dns_drop}
    oifname "lo" accept
    ct state invalid drop
    ct state established,related accept
    counter drop comment "drop egress"
  }}
}}
"""
    )


def test_a_direction_that_is_not_isolated_drops_nothing() -> None:
    """Its flows are tracked all the same, so that they are known once it is."""
    text = _text(_WEB, NetworkPolicy("in", "shop"))
    tracked = "ct state established,related accept"
    assert _chain(text, "egress") == ["type filter hook output priority filter; policy accept;", tracked]
    assert "drop" in text
    assert "drop" not in _text(_DNS, _DENY)


def test_rules_name_sets_of_addresses_one_a_peer() -> None:
    peer = Peer(LabelSelector.of({"app": "db"}))
    rule = Rule((peer,), (PortRule(Protocol.TCP, 1), PortRule(Protocol.TCP, 80, 90), PortRule(Protocol.TCP, 85, 91)))
    text = _text(_WEB, NetworkPolicy("a", "shop", ingress=(rule, Rule((peer,)))))
    assert text.count("set peer") == 2  # the same peer twice, in two address families
    assert "elements = { 10.0.0.3 }" in text
    assert "elements = { fd00::3 }" in text
    assert _chain(text, "ingress")[5:] == [
        'ip saddr @peer1_v4 tcp dport { 1, 80-91 } counter accept comment "shop/a ingress[0]"',
        'ip6 saddr @peer2_v6 tcp dport { 1, 80-91 } counter accept comment "shop/a ingress[0]"',
        'ip saddr @peer1_v4 counter accept comment "shop/a ingress[1]"',
        'ip6 saddr @peer2_v6 counter accept comment "shop/a ingress[1]"',
        'counter drop comment "drop ingress"',
    ]


@pytest.mark.parametrize(
    ("excluded", "elements"),
    [
        ((), "10.0.0.0/8"),
        (("10.1.0.0/16",), "10.0.0.0-10.0.255.255, 10.2.0.0-10.255.255.255"),
        (("10.0.0.0/9",), "10.128.0.0-10.255.255.255"),
        (("10.128.0.0/9",), "10.0.0.0-10.127.255.255"),
        (("10.1.0.0/16", "10.1.2.0/24"), "10.0.0.0-10.0.255.255, 10.2.0.0-10.255.255.255"),
        (("10.0.0.0/9", "10.128.0.0/10", "10.192.0.0/11", "10.224.0.1/32"), "10.224.0.0, 10.224.0.2-10.255.255.255"),
    ],
)
def test_an_exception_is_cut_out_of_its_own_peer_alone(excluded: tuple[str, ...], elements: str) -> None:
    """The excepted addresses may still come in by another peer of the same rule."""
    peers = (Peer(ip_block=IPBlock("10.0.0.0/8", excluded)), Peer(ip_block=IPBlock("10.1.2.3/32")))
    text = _text(_WEB, NetworkPolicy("a", "shop", ingress=(Rule(peers),)))
    assert f"flags interval\n    elements = {{ {elements} }}" in text.replace(",\n                 ", ", ")
    assert "elements = { 10.1.2.3/32 }" in text


def test_a_named_port_is_the_pods_own_coming_in_and_each_destinations_going_out() -> None:
    incoming = NetworkPolicy("in", "shop", ingress=(Rule((), (PortRule(Protocol.TCP, "http"),)),))
    outgoing = NetworkPolicy(
        "out", "shop", policy_types=(Direction.EGRESS,), egress=(Rule((), (PortRule(Protocol.TCP, "sql"),)),)
    )
    text = _text(_WEB, incoming, outgoing)
    assert 'tcp dport 8080 counter accept comment "shop/in ingress[0]"' in _chain(text, "ingress")
    assert "elements = { 10.0.0.3 . 3306 }" in text
    assert "ip daddr . tcp dport @named1_v4 counter accept" in text
    unknown = NetworkPolicy("in", "shop", ingress=(Rule((), (PortRule(Protocol.UDP, "http"),)),))
    assert "shop/in ingress[0]" not in _text(_WEB, unknown)


@pytest.mark.parametrize(
    ("ports", "matches"),
    [
        ((), [""]),
        ((PortRule(Protocol.UDP, 53),), ["meta l4proto udp ct original proto-dst 53 "]),
        ((PortRule(Protocol.TCP),), ["meta l4proto tcp "]),
        ((PortRule(Protocol.TCP, 9),), ["meta l4proto tcp ct original proto-dst 9 "]),
        (
            (PortRule(Protocol.TCP, "named"), PortRule(Protocol.TCP, 80, 90), PortRule(Protocol.UDP, "nobody")),
            ["meta l4proto tcp ct original proto-dst { 53, 80-90 } "],
        ),
    ],
)
def test_engine_dns_is_ruled_by_its_original_destination_before_loopback_is_accepted(
    ports: tuple[PortRule, ...], matches: list[str]
) -> None:
    """Whatever else is sent to its address is dropped, also past the translation to the port it really listens on."""
    allow = NetworkPolicy("dns", "shop", policy_types=(Direction.EGRESS,), egress=(Rule((_NAMED_DNS,), ports),))
    chain = _chain(_text(_WEB, allow), "egress")
    to = 'oifname "lo" ct direction original ct original ip daddr 127.0.0.11 '
    accepted = [f'{to}{match}counter accept comment "shop/dns egress[0]"' for match in matches]
    assert chain[1 : len(matches) + 3] == [*accepted, f'{to}counter drop comment "drop egress"', 'oifname "lo" accept']


def test_engine_dns_stays_shut_to_a_rule_for_others() -> None:
    rule = Rule((Peer(LabelSelector.of({"app": "db"})),))
    chain = _chain(_text(_WEB, NetworkPolicy("db", "shop", policy_types=(Direction.EGRESS,), egress=(rule,))), "egress")
    assert chain[1].endswith('daddr 127.0.0.11 counter drop comment "drop egress"')


@pytest.mark.parametrize(("excluded", "left"), [("10.1.2.2/32", "10.1.2.3"), ("10.1.2.3/32", "10.1.2.2")])
def test_an_exception_may_leave_a_single_address(excluded: str, left: str) -> None:
    peer = Peer(ip_block=IPBlock("10.1.2.2/31", (excluded,)))
    assert f"elements = {{ {left} }}" in _text(_WEB, NetworkPolicy("a", "shop", ingress=(Rule((peer,)),)))


def test_strict_lets_replies_pass_and_rules_every_other_packet_anew() -> None:
    lines = _chain(_text(_WEB, _DENY, established=Established.CUT), "ingress")
    assert lines[3:5] == ["ct state established ct direction reply accept", "ct state related accept"]
    assert "ct state established,related accept" not in lines


def test_neighbour_discovery_passes_where_a_pod_has_an_ipv6_address() -> None:
    assert "icmpv6 type { nd-" in _text(_DB, _DENY)
    assert "icmpv6" not in _text(_WEB, _DENY)


def test_a_pod_of_another_cluster_has_no_table() -> None:
    with pytest.raises(KeyError, match="other/pod"):
        render_ruleset(resolve(_cluster()), Pod("pod", "other"))


def test_a_long_policy_name_still_has_a_comment_of_its_own() -> None:
    """The kernel keeps 128 bytes; a policy's name may have 253."""
    assert rule_comment(RuleRef(f"shop/{'a' * 104}", Direction.INGRESS, 0)).endswith("a ingress[0]")
    long = [rule_comment(RuleRef(f"shop/{'a' * 240}{end}", Direction.INGRESS, 0)) for end in "xy"]
    assert len(set(long)) == 2
    assert all(len(comment.encode()) <= 120 for comment in long)


def _answer(*rules: dict[str, object]) -> str:
    return json.dumps(
        {"nftables": [{"metainfo": {}}, {"table": {"name": "sim_policy"}}, *({"rule": r} for r in rules)]}
    )


def _rule(comment: str, packets: int, table: str = "sim_policy") -> dict[str, object]:
    counter = {"counter": {"packets": packets, "bytes": packets * 60}}
    return {"table": table, "chain": "ingress", "comment": comment, "expr": [counter, {"accept": None}]}


def test_counters_are_summed_by_rule_and_other_tables_are_not_ours() -> None:
    policy = NetworkPolicy("a" * 250, "shop", ingress=(Rule(),))
    ref = RuleRef(policy.full_name, Direction.INGRESS, 0)
    answer = _answer(
        _rule(rule_comment(ref), 1),
        _rule(rule_comment(ref), 2),
        _rule("drop ingress", 5),
        _rule("node ingress", 7),
        _rule("foreign", 9, table="sim_fault"),
        {"table": "sim_policy", "chain": "ingress", "expr": [{"drop": None}]},
    )
    counters = read_counters(answer, [policy])
    assert counters.allowed == {ref: Tally(3, 180)}
    assert counters.dropped == {Direction.INGRESS: Tally(5, 300)}
    assert counters.from_node == Tally(7, 420)


@pytest.mark.parametrize("answer", ["", "Error: No such file or directory", "[]", '{"nftables": [1]}', "{}"])
def test_an_answer_that_is_no_list_of_counters_is_the_rigs_fault(answer: str) -> None:
    with pytest.raises(RigError, match="could not be read"):
        read_counters(answer, [])


def test_a_counter_that_no_policy_accounts_for_is_not_passed_over() -> None:
    with pytest.raises(RigError, match="no policy has: 'shop/gone ingress\\[0\\]'"):
        read_counters(_answer(_rule("shop/gone ingress[0]", 1)), [])


def _in_a_namespace_of_its_own(script: str, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-rn", "sh", "-c", script], input=text, capture_output=True, text=True, check=False
    )


_CAN_NFT = (
    shutil.which("nft") is not None
    and shutil.which("unshare") is not None
    and _in_a_namespace_of_its_own("nft list ruleset", "").returncode == 0
)


@pytest.mark.skipif(not _CAN_NFT, reason="needs nft and a network namespace of its own")
@pytest.mark.parametrize("established", Established)
def test_nft_takes_the_text_replaces_the_table_and_leaves_others(tmp_path: Path, established: Established) -> None:
    peers = (
        Peer(LabelSelector.of({"app": "db"})),
        Peer(ip_block=IPBlock("0.0.0.0/0", ("10.0.0.0/8", "255.255.255.255/32"))),
        Peer(ip_block=IPBlock("::/0", ("fd00::/8",))),
    )
    ports = (PortRule(Protocol.TCP, "http"), PortRule(Protocol.UDP), PortRule(Protocol.SCTP, 9, 12))
    sql = (PortRule(Protocol.TCP, "sql"), PortRule(Protocol.UDP, 53))
    policy = NetworkPolicy(
        "a", "shop", policy_types=_BOTH, ingress=(Rule(peers, ports), Rule()), egress=(Rule(peers, sql), Rule((), sql))
    )
    text = _text(_DB, policy, established=established)
    file = tmp_path / "table.nft"
    file.write_text(text, encoding="utf-8")
    script = f"nft add table inet other && nft -c -f {file} && nft -f {file} && nft -f {file} && nft -j list ruleset"
    done = _in_a_namespace_of_its_own(script, "")
    assert done.returncode == 0, done.stderr
    counters = read_counters(done.stdout, [policy])
    assert set(counters.allowed) == {RuleRef("shop/a", d, i) for d in Direction for i in (0, 1)}
    assert set(counters.dropped) == set(Direction)
    tables = [item["table"]["name"] for item in json.loads(done.stdout)["nftables"] if "table" in item]
    assert sorted(tables) == ["other", "sim_policy"]
    removed = _in_a_namespace_of_its_own("nft -f - && nft list ruleset", text + render_removal())
    assert (removed.returncode, removed.stdout) == (0, "")
