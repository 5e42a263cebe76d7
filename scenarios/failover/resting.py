"""Between two drills: wait until all is well again, take away what is the rig's own, and write down that it is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scenarios.failover.broker_drills import wait
from sim.checks.rest import CLUSTER, QUEUES, REST, SERVERS, at_rest
from sim.history import Outcome
from sim.scenario import Scenario, Stage

_DEADLINE_S = 60.0
_OURS = "sim."
_DEAD_LETTERS = ".dead-letter"


def rested(scenario: Scenario) -> Scenario:
    """The scenario, with the platform brought to rest afterwards; who interrupts it does not want to wait."""

    def rehearse(stage: Stage) -> None:
        try:
            scenario.rehearse(stage)
        except Exception:
            _rest(stage)
            raise
        _rest(stage)

    return replace(scenario, rehearse=rehearse, judge=at_rest(scenario.judge))


def _rest(stage: Stage) -> None:
    _see(stage, SERVERS, lambda: _stopped(stage))
    if stage.plan.of_kind("rabbitmq"):
        _see(stage, CLUSTER, lambda: _apart(stage))
        _see(stage, QUEUES, lambda: _filled(stage))
    else:
        for what in (CLUSTER, QUEUES):
            stage.record(REST, what, Outcome.OK, message="this stack has no broker", took_s=0.0)


def _see(stage: Stage, what: str, problem: Callable[[], str]) -> None:
    """Look until there is no problem, or the deadline; an answer that never came is no fault of the platform's."""
    began_s = stage.clock.now_s()
    last = ["it was not asked"]
    answered = [False]

    def fine() -> bool:
        answered[0] = False
        last[0] = problem()
        answered[0] = True
        return not last[0]

    good = wait(stage, fine, _DEADLINE_S)
    outcome = Outcome.OK if good else Outcome.FAILED if answered[0] else Outcome.UNSURE
    took_s = round(stage.clock.now_s() - began_s, 4)
    stage.record(REST, what, outcome, message="" if good else last[0], took_s=took_s)


def _stopped(stage: Stage) -> str:
    states = {spec.name: stage.control.state(spec.name).state for spec in stage.plan.servers}
    return ", ".join(f"{name} is {state}" for name, state in states.items() if state != "running")


def _apart(stage: Stage) -> str:
    broker = stage.servers.broker()
    members = {node: set(broker.running_nodes(node)) for node in broker.nodes}
    missing = {node: sorted(set(broker.nodes) - seen) for node, seen in members.items()}
    return "; ".join(f"{node} does not see {', '.join(others)}" for node, others in missing.items() if others)


def _filled(stage: Stage) -> str:
    """Queues of the rig's own go, dead letters that drills made go, and what services have still to do they finish."""
    broker = stage.servers.broker()
    depths = broker.depths()
    for name, messages in depths.items():
        if name.startswith(_OURS):
            broker.delete_queue(name)
        elif messages and name.endswith(_DEAD_LETTERS):
            broker.purge(name)
    filled = {name: n for name, n in depths.items() if n and not name.startswith(_OURS)}
    return ", ".join(f"{name} holds {n}" for name, n in filled.items())
