"""Scenarios that can be played for any time, and those that cannot."""

from __future__ import annotations

import pytest

from scenarios import SCENARIOS
from sim.errors import BadInput
from sim.selection import lasting

_GAME, _OTHER = SCENARIOS["failover/game-day"], SCENARIOS["failover/broker-leader"]


def test_only_what_can_be_played_for_any_time_is_given_one() -> None:
    """The others stay as they are; without a wish nothing changes."""
    game, other = lasting((_GAME, _OTHER), 60.0)
    assert game.parameters["minutes"] == 60.0
    assert other == _OTHER
    assert lasting((_GAME,), None) == (_GAME,)


def test_a_time_for_nothing_that_takes_one_is_refused() -> None:
    """With what would take it as the next step."""
    with pytest.raises(BadInput, match="game-day"):
        lasting((_OTHER,), 5.0)
