"""Who a request comes from: the peer, or whom trusted proxies say they forward for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_LONGEST_CHAIN = 64
"""Hops of X-Forwarded-For that are looked at; a client can send as many as it likes."""


class Clients:
    """``trusted`` are networks in CIDR notation. Raises ValueError for what is none."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = tuple(ip_network(network, strict=False) for network in trusted)
        self._remembered = lru_cache(maxsize=4096)(self._address)

    def address(self, peer: str, forwarded_for: Sequence[bytes]) -> str:
        """The right-most hop that is not a trusted proxy: what stands left of it anybody can have written."""
        return self._remembered(peer, b",".join(forwarded_for))

    def _address(self, peer: str, forwarded_for: bytes) -> str:
        client = _parsed(peer)
        if client is None:
            return peer
        for hop in reversed(forwarded_for.split(b",")[-_LONGEST_CHAIN:]):
            if not self._is_trusted(client):
                break
            claimed = _parsed(hop.decode("latin-1").strip())
            if claimed is None:
                break
            client = claimed
        return str(client)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What one subscriber holds: an IPv4 address, or the /64 around an IPv6 one."""
    parsed = _parsed(address)
    return str(IPv6Network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


def _parsed(text: str) -> Address | None:
    """``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]:80``."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
