"""Packet filters in memory: what the scripts of the rig's faults say is what gets through between modelled pods.

Tables as nftables reads them, each rule ``ip saddr|daddr { … }`` or ``iifname|oifname != "lo"``, perhaps a condition,
then ``counter drop``. Anything else a script says is kept and has no effect.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

_TABLE = re.compile(r"^table inet (\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_CHAIN = re.compile(r"^ chain (input|output) \{\n(.*?)^ \}", re.DOTALL | re.MULTILINE)
_RULE = re.compile(
    r'^\s*(?:ip [sd]addr \{ (?P<peers>[^}]*) \}|[io]ifname != "lo") (?P<condition>.*?)\s*counter drop$', re.MULTILINE
)
_CHANCE = re.compile(r"numgen random mod (\d+) < (\d+)")
_DELETED = re.compile(r"^delete table inet (\w+)$", re.MULTILINE)


@dataclass(slots=True)
class FakeRule:
    """``share`` of the packets that match is dropped; ``peers`` empty means every one."""

    hook: str
    peers: frozenset[str]
    share: float
    packets: int = 0


@dataclass
class FakeFilters:
    """Each server's tables by name; ``addresses`` are the servers'. ``deaf``: servers whose filters do nothing."""

    addresses: Mapping[str, str]
    tables: dict[str, dict[str, list[FakeRule]]] = field(default_factory=dict)
    delays_s: dict[str, dict[int, float]] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)
    _connected: dict[tuple[str, str], bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, server: str, script: str) -> None:
        """As ``nft -f -`` does."""
        with self._lock:
            own = self.tables.setdefault(server, {})
            for name in _DELETED.findall(script):
                own.pop(name, None)
            for name, body in _TABLE.findall(script):
                own[name] = [
                    FakeRule(hook, _peers(match["peers"]), _share(match["condition"]))
                    for hook, lines in _CHAIN.findall(body)
                    for match in _RULE.finditer(lines)
                ]
            self._connected = {}

    def listed(self, server: str, name: str) -> str | None:
        """As ``nft -j list table`` does; None when there is no such table."""
        rules = self.tables.get(server, {}).get(name)
        if rules is None:
            return None
        found = [{"rule": {"expr": [{"counter": {"packets": rule.packets, "bytes": 0}}]}} for rule in rules]
        return json.dumps({"nftables": found})

    def send(self, server: str, address: str, packets: int) -> None:
        """Packets from one server; the rules on its way out count them."""
        if server not in self.deaf:
            for rule in self._on_way(server, "output", address):
                rule.packets += max(1, round(packets * rule.share)) if rule.share else 0

    def passes(self, sender: str, receiver: str) -> bool:
        """Whether packets get from one server to the other, some of them at least."""
        stops = [
            *self._on_way(sender, "output", self.addresses[receiver]),
            *self._on_way(receiver, "input", self.addresses[sender]),
        ]
        return sender == receiver or all(rule.share < 1.0 for rule in stops)

    def connected(self, one: str, other: str) -> bool:
        """Whether two servers can talk: TCP needs both directions."""
        known = self._connected.get((one, other))
        if known is None:
            known = self._connected[one, other] = self.passes(one, other) and self.passes(other, one)
        return known

    def _on_way(self, server: str, hook: str, address: str) -> list[FakeRule]:
        if server in self.deaf:
            return []
        return [
            rule
            for rules in tuple(self.tables.get(server, {}).values())
            for rule in rules
            if rule.hook == hook and (not rule.peers or address in rule.peers)
        ]

    def delay_s(self, server: str) -> float:
        return sum(tuple(self.delays_s.get(server, {}).values()))


def _peers(text: str | None) -> frozenset[str]:
    return frozenset(part.strip() for part in (text or "").split(",") if part.strip())


def _share(condition: str) -> float:
    """1 for an unconditional drop, the chance of a random one; what a rate drops depends on what is sent."""
    if chance := _CHANCE.search(condition):
        return int(chance[2]) / int(chance[1])
    return 0.5 if "limit rate" in condition else 1.0
