"""Who may reach what, and who may not: expected tables from the document against observed ones."""

from __future__ import annotations

from scenarios.isolation import broker, cache, edges, mysql, object_store, rooms, tokens, under_policies
from scenarios.isolation.databases import DATABASES
from scenarios.isolation.mutants_network import NETWORK_MUTATIONS
from scenarios.isolation.mutations import MUTATIONS
from sim.scenario import Scenario

DATA: tuple[Scenario, ...] = (
    DATABASES,
    *mysql.SCENARIOS,
    *broker.SCENARIOS,
    *object_store.SCENARIOS,
    *cache.SCENARIOS,
    *tokens.SCENARIOS,
)
"""The second wall by itself: clients come over an open network, and servers must keep them apart."""

NETWORK: tuple[Scenario, ...] = (*rooms.SCENARIOS, *edges.SCENARIOS, *under_policies.SCENARIOS)
"""The first wall: network policies, probed from inside the pods."""

SCENARIOS: tuple[Scenario, ...] = (*NETWORK, *DATA, MUTATIONS, NETWORK_MUTATIONS)
