"""The data walls and their mutants on real servers: what a model believes of them is what they do."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest

from scenarios.isolation import broker, cache, mutants_broker, mutants_cache, mutants_mysql, mutants_store, mysql
from scenarios.isolation import object_store as store
from scenarios.isolation.databases import DATABASES
from scenarios.isolation.mutant import Mutant, play
from sim.checks import sql_wall
from sim.checks.mutants import MUTANT, Mutations, by_mutant
from sim.checks.walls import ATTEMPT, SQL, Access, observed_table
from sim.clock import SystemClock
from sim.history import History, Observation, Outcome
from sim.images.model import ResolvedImage
from sim.judging import judge
from sim.preparing import Wanted, prepare, read_document
from sim.runtime.engine import connect
from sim.runtime.rising import Phase
from sim.runtime.stack import LiveStack, raised
from sim.scenario import Evidence, Scenario, Stage
from sim.topology.load import load_topology
from sim.verdict import Status

_SHARED = (*broker.SCENARIOS, *store.SCENARIOS, *cache.SCENARIOS)
_TOPOLOGY = load_topology()
_DATABASE = "auth-service-mysql"
_DATABASES = (_DATABASE, "orders-service-mysql")


class _Silent:
    def server(self, name: str, phase: Phase, elapsed_s: float) -> None:
        """A test has no use for progress."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The shared servers and two databases: no service is needed to try what it may do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        client = connect()
        wanted = Wanted(only=("rabbitmq", "redis", "minio", *_DATABASES))
        order = prepare(client, read_document(None), wanted, print)
        with raised(client, order, _Silent()) as found:
            yield found


def _stage(stack: LiveStack) -> Stage:
    clock = SystemClock()
    rng = random.Random(1)  # noqa: S311 - repeatable, not secret
    return Stage("t", _TOPOLOGY, stack.plan, stack.servers, stack.control, clock, rng, History(), clock.now_s())


def _evidence(stack: LiveStack, observations: tuple[Observation, ...]) -> Evidence:
    images: Mapping[str, ResolvedImage] = {server.image.component: server.image for server in stack.plan.servers}
    return Evidence(observations, _TOPOLOGY, "development", images)


@pytest.mark.parametrize("scenario", _SHARED, ids=lambda scenario: scenario.name)
def test_a_wall_stands(stack: LiveStack, scenario: Scenario) -> None:
    """Every user and key does its work on the shared servers and nothing beside it; the control was seen both ways."""
    stage = _stage(stack)
    scenario.rehearse(stage)
    result = judge(scenario, _evidence(stack, stage.history.of("t")))
    assert result.verdict is Status.PASS, (result.reason, result.evidence[:5])


def test_a_databases_accounts_do_as_they_are_granted(stack: LiveStack) -> None:
    """Each statement is allowed or refused by the real server as its grants say, and leaves nothing behind."""
    stage = _stage(stack)
    before = stack.servers.sql(_DATABASE).accounts(), stack.servers.sql(_DATABASE).schemas()
    for name in ("root", "statements", "foreign-schemas"):
        mysql.OBSERVERS[name](stage, stack.plan.server(_DATABASE))
    evidence = _evidence(stack, ())
    expected: dict[object, Access] = {
        question: access
        for table in (sql_wall.expected_root, sql_wall.expected_deeds, sql_wall.expected_views)
        for question, access in table(evidence).items()
        if question.server == _DATABASE
    }
    assert observed_table(stage.history.of("t"), SQL) == expected
    assert len([o for o in stage.history.of("t") if o.op == ATTEMPT]) >= len(expected)
    assert (stack.servers.sql(_DATABASE).accounts(), stack.servers.sql(_DATABASE).schemas()) == before


def test_no_mutant_of_the_shared_servers_survives(stack: LiveStack) -> None:
    """Rules, permissions and policies loosened one at a time: each is noticed, and closed again."""
    stage = _stage(stack)
    makers = (mutants_broker.mutants, mutants_store.mutants, mutants_cache.mutants)
    # Of fourteen alike on the broker some are enough here; the scenario itself tries them all.
    some = (mutant for make in makers for mutant in make(stage) if not _left_out(mutant))
    play(stage, {scenario.name: scenario.rehearse for scenario in _SHARED}, some)
    verdict = Mutations({s.name: s.judge for s in _SHARED})(_evidence(stack, stage.history.of("t")))
    assert verdict.status is Status.PASS, (verdict.reason, verdict.evidence[:10])
    assert verdict.numbers["mutants"] >= 100


def _left_out(mutant: Mutant) -> bool:
    owner = mutant.name.removeprefix("broker: ").partition(" ")[0]
    return mutant.name.startswith("broker: ") and owner not in {"orders-service", "messages-broker-service", "a"}


def test_no_mutant_of_a_database_survives(stack: LiveStack) -> None:
    """Grants and accounts added one at a time to one of two servers: each makes its check FAIL, and goes again."""
    stage, control = _stage(stack), _stage(stack)
    mysql.canary(control)
    before = {name: stack.servers.sql(name).accounts() for name in _DATABASES}
    play(stage, {}, mutants_mysql.mutants(stage))
    lives = [o for o in stage.history.of("t") if o.op == MUTANT]
    assert len(lives) >= 40
    assert {o.outcome for o in lives} == {Outcome.OK}, [o.detail for o in lives if o.outcome is not Outcome.OK]
    judges = {scenario.name: scenario.judge for scenario in (DATABASES, *mysql.SCENARIOS)}
    seen = by_mutant(stage.history.of("t"))
    for life in lives:
        for check, observations in seen[life.detail["name"]].items():
            verdict = judges[check](_evidence(stack, (*control.history.of("t"), *observations)))
            assert verdict.status is Status.FAIL, (life.detail["name"], check, verdict.reason)
    assert {name: stack.servers.sql(name).accounts() for name in _DATABASES} == before
