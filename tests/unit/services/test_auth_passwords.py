"""Password hashes: what they accept, and what they give away."""

from __future__ import annotations

from sim.services.auth import passwords
from sim.services.auth.passwords import Cost

CHEAP = Cost(log2_n=4)


def test_a_password_matches_its_own_hash_alone() -> None:
    """The right password and no other, an empty one and one cut short included."""
    encoded = passwords.hashed("correct horse", CHEAP)
    assert passwords.matches("correct horse", encoded)
    for wrong in ("correct hors", "Correct horse", "", "correct horse\0"):
        assert not passwords.matches(wrong, encoded)


def test_the_same_password_hashes_differently_each_time() -> None:
    """Each hash has its salt: equal passwords do not show."""
    assert passwords.hashed("correct horse", CHEAP) != passwords.hashed("correct horse", CHEAP)


def test_a_hash_is_checked_with_its_own_parameters() -> None:
    """Raising the cost later leaves the hashes made before it good."""
    dear = passwords.hashed("correct horse", Cost(log2_n=5, block_size=4, parallel=2))
    assert dear.startswith("scrypt$5$4$2$")
    assert passwords.matches("correct horse", dear)


def test_any_text_can_be_a_password() -> None:
    """Characters of four bytes, NUL and the longest allowed are hashed like others, into what the column holds."""
    for password in ("pässwörd 🔑", "nul\0inside", "x" * 200, "'; DROP TABLE users; --"):
        encoded = passwords.hashed(password, CHEAP)
        assert passwords.matches(password, encoded)
        assert len(encoded) <= 255


def test_the_hash_of_nobody_costs_as_much_as_a_real_one_and_matches_nothing() -> None:
    """An unknown user is answered as slowly as a known one."""
    kind, *cost = passwords.NOBODY.split("$")[:4]
    assert (kind, *cost) == tuple(passwords.hashed("anything").split("$")[:4])
    assert not passwords.matches("", passwords.NOBODY)
