"""Whom a request is from: nobody but a trusted proxy is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.services.gateway.clients import Clients, network_of

_CLIENTS = Clients(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", [b"198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"1.2.3.4, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"1.2.3.4", b"198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"nonsense"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1:4711"], "198.51.100.1"),
        ("fd00::1", [b"[2001:db8::1]:80"], "2001:db8::1"),
        ("10.0.0.1", [b"::ffff:198.51.100.1"], "198.51.100.1"),
        ("", [b"198.51.100.1"], ""),
    ],
)
def test_the_right_most_untrusted_hop_is_the_client(peer: str, forwarded_for: list[bytes], client: str) -> None:
    """What stands left of the first hop that is not a trusted proxy, anybody can have written."""
    assert _CLIENTS.address(peer, forwarded_for) == client


def test_nobody_is_trusted_by_default() -> None:
    """Without trusted proxies the peer is the client."""
    assert Clients([]).address("127.0.0.1", [b"198.51.100.1"]) == "127.0.0.1"


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_any_header_gives_some_client(forwarded_for: list[bytes]) -> None:
    """No bytes of a client make this fail."""
    assert _CLIENTS.address("10.0.0.1", forwarded_for)


def test_a_subscriber_of_ipv6_has_a_whole_network() -> None:
    """Rates are counted by /64: within it a client changes its address at will."""
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") == "2001:db8::/64"
    assert network_of("198.51.100.1") == "198.51.100.1"
