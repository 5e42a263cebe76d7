"""What ``nft -j list table inet sim_policy`` answers, as packets and bytes of each rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from sim.errors import RigError
from sim.policy.nftables import TABLE, drop_comment, node_comment, rule_comment
from sim.policy.objects import Direction, NetworkPolicy, RuleRef


@dataclass(frozen=True, slots=True)
class Tally:
    packets: int = 0
    bytes: int = 0

    def plus(self, packets: int, bytes_: int) -> Tally:
        return Tally(self.packets + packets, self.bytes + bytes_)


@dataclass(frozen=True, slots=True)
class Counters:
    """Of one pod, since its table was last replaced. A direction is missing from ``dropped`` where nothing is.

    With established flows left alone a rule counts the first packet of each connection; with them cut it counts every
    packet in the connection's direction.
    """

    allowed: Mapping[RuleRef, Tally]
    dropped: Mapping[Direction, Tally]
    from_node: Tally


def read_counters(answer: str | bytes, policies: Iterable[NetworkPolicy]) -> Counters:
    """Every rule of ``policies`` that the table holds; several lines of one rule are summed.

    Raises RigError when the answer is no such table's, or counts a rule that ``policies`` do not have.
    """
    refs = {
        rule_comment(ref): ref
        for policy in policies
        for direction in policy.policy_types
        for ref in (RuleRef(policy.full_name, direction, i) for i in range(len(policy.rules(direction))))
    }
    drops = {drop_comment(direction): direction for direction in Direction}
    nodes = {node_comment(direction) for direction in Direction}
    allowed: dict[RuleRef, Tally] = {}
    dropped: dict[Direction, Tally] = {}
    from_node = Tally()
    for comment, packets, bytes_ in _counted(answer):
        if comment in refs:
            allowed[refs[comment]] = allowed.get(refs[comment], Tally()).plus(packets, bytes_)
        elif comment in drops:
            dropped[drops[comment]] = dropped.get(drops[comment], Tally()).plus(packets, bytes_)
        elif comment in nodes:
            from_node = from_node.plus(packets, bytes_)
        else:
            raise RigError(
                f"table {TABLE} counts a rule that no policy has: {comment!r}.", next_step="apply them again"
            )
    return Counters(allowed, dropped, from_node)


def _counted(answer: str | bytes) -> Iterable[tuple[str, int, int]]:
    try:
        for item in msgspec.json.decode(answer)["nftables"]:
            rule = item.get("rule")
            if rule is None or rule["table"] != TABLE:
                continue
            for expression in rule["expr"]:
                if "counter" in expression:
                    counter = expression["counter"]
                    yield rule["comment"], int(counter["packets"]), int(counter["bytes"])
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        shown = answer[:80] if isinstance(answer, str) else answer[:80].decode(errors="replace")
        raise RigError("nft's list of counters could not be read.", evidence=shown) from error
