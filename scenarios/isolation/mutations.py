"""Whether the group would notice: each grant and policy is loosened once, and some check must turn FAIL."""

from __future__ import annotations

from scenarios.isolation import broker, cache, mutants_broker, mutants_cache, mutants_mysql, mutants_store, mysql
from scenarios.isolation import object_store as store
from scenarios.isolation.databases import DATABASES
from scenarios.isolation.mutant import play
from sim.checks.mutants import Mutations
from sim.scenario import Scenario, Stage

CHECKS = (DATABASES, *mysql.SCENARIOS, *broker.SCENARIOS, *store.SCENARIOS, *cache.SCENARIOS)
MAKERS = (mutants_mysql.mutants, mutants_broker.mutants, mutants_store.mutants, mutants_cache.mutants)


def rehearse(stage: Stage) -> None:
    control = {check.name: check.rehearse for check in CHECKS}
    play(stage, control, (mutant for make in MAKERS for mutant in make(stage)))


MUTATIONS = Scenario(
    name="isolation/mutations",
    claim="Whichever single grant or policy is loosened, at least one check of this group turns FAIL.",
    section="10",
    needs=("mysql", "rabbitmq", "object-store", "redis"),
    rehearse=rehearse,
    judge=Mutations({check.name: check.judge for check in CHECKS}),
    essential=False,
    source="mutation testing: the score is the share of mutants that some test notices",
)
