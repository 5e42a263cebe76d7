"""Rules in pods' network namespaces: one nftables table a fault, made and removed as a whole, nobody else's touched.

The engine's own name server and the network policies have tables there, too. Ours comes before them (priority raw), so
that what a fault drops reaches neither a policy nor an established connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sim.errors import RigError
from sim.remedy import Remedy
from sim.scenario import Control, Stage

Hook = Literal["input", "output"]

_PRIORITY = -300
"""``raw`` in netfilter's numbering: before connection tracking (-200) and filters (0)."""

# Datagrams to the discard port (RFC 863): something for a rule to count, and nothing for a server to answer.
_DATAGRAMS = (
    "import socket,sys\n"
    "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
    "for _ in range(int(sys.argv[2])):\n"
    " try: s.sendto(b'x'*int(sys.argv[3]),(sys.argv[1],9))\n"
    " except OSError: pass\n"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """``what`` follows the match: ``counter drop``, with a condition before it. No peers: everything but loopback."""

    hook: Hook
    peers: tuple[str, ...]
    what: str = "counter drop"

    def text(self) -> str:
        if self.peers:
            field = "saddr" if self.hook == "input" else "daddr"
            return f"ip {field} {{ {', '.join(self.peers)} }} {self.what}"
        return f'{"iifname" if self.hook == "input" else "oifname"} != "lo" {self.what}'


def table_name(stage: Stage) -> str:
    return f"sim_fault_{stage.rng.getrandbits(48):012x}"


def made(name: str, rules: Iterable[Rule]) -> str:
    """The script that makes the table, replacing one of that name at a stroke."""
    chosen = tuple(rules)
    chains = []
    for hook in ("input", "output"):
        lines = [rule.text() for rule in chosen if rule.hook == hook]
        if lines:
            head = f"type filter hook {hook} priority {_PRIORITY}; policy accept;"
            chains.append("\n".join([f" chain {hook} {{", f"  {head}", *(f"  {line}" for line in lines), " }"]))
    return "\n".join([removed(name).rstrip(), f"table inet {name} {{", *chains, "}"]) + "\n"


def removed(name: str) -> str:
    """The script that leaves no table of that name, whether there was one or not."""
    return f"table inet {name}\ndelete table inet {name}\n"


def put(control: Control, server: str, script: str) -> None:
    """Raises RigError with what nft said."""
    code, output = control.in_network(server, ("nft", "-f", "-"), script)
    if code != 0:
        raise RigError(f"nft did not take the rules for {server}.", evidence=output[-300:], next_step="sim doctor")


def removal(server: str, name: str) -> Remedy:
    return Remedy("network", server, ("nft", "-f", "-"), removed(name))


def dropped(control: Control, server: str, name: str) -> int | None:
    """Packets the table's rules have counted; None when there is no such table."""
    code, output = control.in_network(server, ("nft", "-j", "list", "table", "inet", name))
    if code != 0:
        return None
    try:
        rules = [entry["rule"] for entry in json.loads(output)["nftables"] if "rule" in entry]
        counters = [part["counter"] for rule in rules for part in rule["expr"] if "counter" in part]
        return sum(int(counter["packets"]) for counter in counters)
    except (ValueError, KeyError, TypeError) as error:
        raise RigError(f"nft's list of {server} is not understood.", evidence=output[:200]) from error


def provoke(control: Control, server: str, address: str, *, datagrams: int = 1, size_bytes: int = 8) -> None:
    """Send from ``server``'s pod what the rules there must stop, so that an idle server's fault is seen, too."""
    control.in_network(server, ("python3", "-c", _DATAGRAMS, address, str(datagrams), str(size_bytes)))


def addresses(stage: Stage, servers: Sequence[str]) -> tuple[str, ...]:
    return tuple(stage.plan.server(server).address for server in servers)
