"""Who is dealt what: in order, once, dynamically; and who is dealt nothing more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sim.lanes.sharing import Condition, Deal, in_order
from sim.scenario import Scenario
from sim.verdict import passed


def _scenario(name: str, *, lasts_s: float = 0.0, **parameters: float) -> Scenario:
    return Scenario(
        name, "holds", "8", (), lambda _: None, lambda _: passed("yes"), lasts_s=lasts_s, parameters=parameters
    )


def _many(count: int) -> tuple[Scenario, ...]:
    return tuple(_scenario(f"group/{number:02}") for number in range(count))


@dataclass
class Player:
    """Plays whatever it is dealt; ``after`` says what each scenario leaves behind."""

    after: Callable[[Scenario], Condition] = lambda _: Condition.WHOLE
    played: list[str] = field(default_factory=list)

    def play(self, scenario: Scenario, origin_s: float) -> Condition:
        assert origin_s == 7.0
        self.played.append(scenario.name)
        return self.after(scenario)


@dataclass
class Table:
    """One deal, and what was told of it."""

    stopped: Callable[[], bool] = lambda: False
    announced: list[str] = field(default_factory=list)
    retired: list[tuple[Player, Condition]] = field(default_factory=list)

    def deal(
        self, scenarios: tuple[Scenario, ...], *players: Player
    ) -> tuple[tuple[Player, ...], tuple[Scenario, ...]]:
        deal: Deal[Player] = Deal(
            7.0,
            lambda scenario, _: self.announced.append(scenario.name),
            lambda player, condition: self.retired.append((player, condition)),
            self.stopped,
        )
        return deal.out(scenarios, players)


def test_each_is_played_once_and_begun_in_order() -> None:
    """Whoever plays it."""
    table, one, two = Table(), Player(), Player()
    stayed, left = table.deal(_many(40), one, two)
    names = [s.name for s in _many(40)]
    assert table.announced == names
    assert sorted(one.played + two.played) == names
    assert (stayed, left) == ((one, two), ())


def test_who_is_done_sooner_takes_more() -> None:
    """One is held up by its first scenario until the other has played all the rest."""
    others_done = threading.Event()

    def held_up(_: Scenario) -> Condition:
        assert others_done.wait(10.0)
        return Condition.WHOLE

    def quick(_: Scenario) -> Condition:
        if len(two.played) == 9:
            others_done.set()
        return Condition.WHOLE

    one, two = Player(held_up), Player(quick)
    Table().deal(_many(10), one, two)
    assert (len(one.played), len(two.played)) == (1, 9)


def test_the_long_ones_of_a_group_come_first_and_groups_keep_their_order() -> None:
    """What only looks still comes before what breaks things; equals stay as they were."""
    scenarios = (
        _scenario("looks/a"),
        _scenario("looks/b"),
        _scenario("breaks/short"),
        _scenario("breaks/long", lasts_s=90.0),
        _scenario("breaks/other"),
        _scenario("breaks/longest", minutes=60.0),
    )
    assert [s.name for s in in_order(scenarios)] == [
        "looks/a",
        "looks/b",
        "breaks/longest",
        "breaks/long",
        "breaks/short",
        "breaks/other",
    ]


def test_a_broken_stack_takes_no_more_while_another_is_whole() -> None:
    """It would go through the rest in seconds and show nothing."""
    one, two = Player(lambda _: Condition.BROKEN), Player()
    table = Table()
    stayed, left = table.deal(_many(20), one, two)
    assert len(one.played) <= 1
    assert len(one.played) + len(two.played) == 20
    assert (stayed, left) == ((two,) if one.played else (one, two), ())
    assert table.retired == [(one, Condition.BROKEN)] * len(one.played)


def test_the_last_broken_stack_goes_on() -> None:
    """As a run in a row would: some scenarios may not need what is missing."""
    one, two = Player(lambda _: Condition.BROKEN), Player(lambda _: Condition.BROKEN)
    table = Table()
    stayed, left = table.deal(_many(12), one, two)
    assert len(one.played) + len(two.played) == 12
    assert (len(stayed), left) == (1 if one.played and two.played else 2, ())


def test_when_all_are_gone_the_rest_is_left() -> None:
    """For the run to own up to."""
    table = Table()
    stayed, left = table.deal(_many(5), Player(lambda _: Condition.GONE), Player(lambda _: Condition.GONE))
    assert stayed == ()
    assert len(left) == 5 - len(table.retired)
    assert {condition for _, condition in table.retired} == {Condition.GONE}


def test_nothing_begins_after_the_stop() -> None:
    """What is under way ends by itself; the others are not even announced."""
    ends: list[int] = []
    table = Table(stopped=lambda: bool(ends))

    def third(scenario: Scenario) -> Condition:
        if scenario.name == "group/02":
            ends.append(1)
            return Condition.INTERRUPTED
        return Condition.WHOLE

    player = Player(third)
    stayed, left = table.deal(_many(6), player)
    assert table.announced == ["group/00", "group/01", "group/02"]
    assert (stayed, len(left)) == ((player,), 3)


def test_nobody_to_deal_to_leaves_all() -> None:
    """No players, no scenarios: neither is an error."""
    stayed, left = Table().deal(_many(2))
    assert (stayed, [s.name for s in left]) == ((), ["group/00", "group/01"])
    assert Table().deal((), Player())[1] == ()


def test_where_a_scenario_is_played_changes_nothing_of_it() -> None:
    """The parameters it was asked to be played with go along."""
    seen: list[float] = []

    def note(scenario: Scenario) -> Condition:
        seen.append(scenario.parameters["minutes"])
        return Condition.WHOLE

    Table().deal(tuple(replace(s, parameters={"minutes": 3.0}) for s in _many(4)), Player(note), Player(note))
    assert seen == [3.0] * 4
