"""Revoked tokens are remembered for as long as they would have been good, and no longer."""

from __future__ import annotations

from sim.services.contract.events import SessionRevoked
from sim.services.gateway.revocations import Revocations


class _Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_revoked_token_is_known_until_it_expires() -> None:
    """Its own expiry makes it harmless: then it is forgotten."""
    clock = _Clock()
    revoked = Revocations(clock)
    revoked.add(SessionRevoked("a", 1010))
    assert "a" in revoked
    assert "b" not in revoked
    clock.now_s = 1011
    revoked.add(SessionRevoked("b", 1020))
    assert "a" not in revoked
    assert "b" in revoked
    assert len(revoked) == 1


def test_the_same_again_changes_nothing() -> None:
    """A broadcast and the list may both tell of it."""
    revoked = Revocations(_Clock())
    for _ in range(3):
        revoked.add(SessionRevoked("a", 1010))
    assert len(revoked) == 1


def test_one_that_has_expired_is_not_kept() -> None:
    """A list read late may hold some."""
    revoked = Revocations(_Clock())
    revoked.add(SessionRevoked("a", 999))
    assert len(revoked) == 0


def test_memory_is_bounded() -> None:
    """Beyond the bound the one that would expire first is forgotten, and that is counted."""
    revoked = Revocations(_Clock(), most=3)
    for number, expiry in enumerate((1030, 1010, 1020, 1040)):
        revoked.add(SessionRevoked(str(number), expiry))
    assert len(revoked) == 3
    assert "1" not in revoked
    assert "0" in revoked
    assert revoked.forgotten == 1
