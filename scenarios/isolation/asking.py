"""Putting questions to servers as anybody, and the controls that show the probe sees both answers.

A control makes something that should not be let in, sees it let in, takes it away, and sees it refused; whatever
happens in between, it is taken away.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from sim.checks.walls import ATTEMPT, CANARY, DOCUMENTED, Wall
from sim.errors import SimError
from sim.history import Outcome
from sim.scenario import Evidence, Stage
from sim.servers.answers import Answer
from sim.verdict import Verdict

_SILENT = ""
_MESSAGE = 160


def told(judge: Callable[[Evidence], Verdict], rehearse: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """``rehearse``, with the document's table on record first where ``judge`` has one: a report shows both sides."""
    if not isinstance(judge, Wall):
        return rehearse
    wall = judge

    def with_table(stage: Stage) -> None:
        tables: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        evidence = Evidence((), stage.topology, stage.plan.environment, {})
        for asked, access in wall.expected(evidence).items():
            tables.setdefault((asked.actor, asked.server), []).append((asked.action, asked.resource, access))
        codes = {"let_in": sorted(wall.codes.let_in), "refused": sorted(wall.codes.refused)}
        for (actor, server), table in tables.items():
            stage.record(DOCUMENTED, server, Outcome.OK, actor=actor, table=table, **codes)
        rehearse(stage)

    return with_table


def put(
    stage: Stage, actor: str, server: str, asked: Sequence[tuple[str, str]], ask: Callable[[], Iterable[Answer]]
) -> bool:
    """Record the answers to ``asked`` (action, resource). One answer for many questions was given to each of them.

    False when nothing answered: then every question is on record as silent.
    """
    try:
        answers = tuple(ask())
    except SimError as error:
        silent = {"code": _SILENT, "message": str(error)[:_MESSAGE]}
        for action, resource in asked:
            stage.record(ATTEMPT, server, Outcome.UNSURE, actor=actor, action=action, resource=resource, **silent)
        return False
    if len(answers) == 1:
        answers *= len(asked)
    for (action, resource), answer in zip(asked, answers, strict=True):
        stage.record(
            ATTEMPT,
            server,
            Outcome.OK if answer.accepted else Outcome.FAILED,
            actor=actor,
            action=action,
            resource=resource,
            code=answer.code,
            message=answer.message[:_MESSAGE],
        )
    return True


def one(ask: Callable[[], Answer]) -> Callable[[], tuple[Answer]]:
    """A single question, as :func:`put` takes it."""
    return lambda: (ask(),)


def control(
    stage: Stage, server: str, opened: Callable[[], AbstractContextManager[None]], ask: Callable[[], Answer]
) -> bool:
    """Ask while ``opened`` holds, and again after. False when the server would not play."""
    answers: dict[str, Answer] = {}
    try:
        with opened():
            answers["open"] = ask()
        answers["closed"] = ask()
    except SimError as error:
        stage.record(CANARY, server, Outcome.UNSURE, phase="attempt", code=_SILENT, message=str(error))
        return False
    for phase, answer in answers.items():
        outcome = Outcome.OK if answer.accepted else Outcome.FAILED
        stage.record(CANARY, server, outcome, phase=phase, code=answer.code)
    return True


def new_password() -> str:
    """For an account that lives as long as its control."""
    return secrets.token_urlsafe(24)


def new_name(stage: Stage, kind: str) -> str:
    """``sim-canary-…``: whoever finds one left behind knows whose it is."""
    return f"sim-{kind}-{stage.rng.getrandbits(40):010x}"
