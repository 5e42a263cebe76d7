"""Walking a journey: each step asked, what its answer shows written down, what later steps need kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scenarios.platform.shoppers import ADMIN, LOGIN, REGISTER, address, administrator, new_login
from sim.checks.journey import NAMES, STEP, STRANGER, Step, differences, filled, found
from sim.history import Outcome
from sim.scenario import Stage
from sim.servers.http_protocol import HttpReply

_POLL_S = 0.1
_SAID = 160


def entrance(*actors: str) -> tuple[Step, ...]:
    """How each actor comes to have a token; these steps belong to the journey."""
    steps: list[Step] = []
    for actor in actors:
        login = {"email": f"{{{actor}_email}}", "password": f"{{{actor}_password}}"}
        if actor != ADMIN:
            steps.append(
                Step(
                    f"register {actor}",
                    "POST",
                    REGISTER,
                    201,
                    body={**login, "name": "Sim Shopper"},
                    keeps={f"{actor}_id": "user_id"},
                )
            )
        steps.append(Step(f"sign {actor} in", "POST", LOGIN, 200, body=login, hides={f"{actor}_token": "access_token"}))
    return tuple(steps)


@dataclass(slots=True)
class Walk:
    """``memory`` holds what was kept, secrets among it; ``addresses`` where each actor seems to come from."""

    stage: Stage
    memory: dict[str, Any] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def introduce(self, *actors: str) -> None:
        """Give actors an e-mail address and a password."""
        for actor in actors:
            login = administrator(self.stage) if actor == ADMIN else new_login(self.stage)
            self.memory[f"{actor}_password"] = login.password
            self.name(**{f"{actor}_email": login.email})

    def name(self, **names: str) -> None:
        """Keep what anybody may know."""
        self.memory |= names
        self.stage.record(NAMES, self.stage.servers.gateway().name, Outcome.OK, **names)

    def go(self, steps: Sequence[Step]) -> None:
        """Every step in turn; one that cannot be asked for want of what an earlier one should have given is left."""
        for step in steps:
            try:
                self._take(step)
            except KeyError:
                continue

    def _take(self, step: Step) -> None:
        ends_s = self.stage.clock.now_s() + step.within_s
        while True:
            reply = self.ask(step)
            document = reply.document()
            seen = {place: found(document, place) for place in step.shows}
            known = {**self.memory, **{name: found(document, place) for name, place in step.keeps.items()}}
            good = reply.status == step.status and not differences(step, seen, known)
            if good or self.stage.clock.now_s() >= ends_s:
                break
            self.stage.clock.sleep_s(_POLL_S)
        self._write(step, reply, seen)

    def _write(self, step: Step, reply: HttpReply, seen: Mapping[str, Any]) -> None:
        document = reply.document()
        kept = {name: found(document, place) for name, place in step.keeps.items()}
        hidden = {name: found(document, place) for name, place in step.hides.items()}
        self.memory |= {name: value for name, value in {**kept, **hidden}.items() if value is not None}
        # What the platform says of a refusal is for the reader; of an answer, only what the step asks for.
        said = reply.body[:_SAID].decode("utf-8", "replace") if reply.status != step.status else ""
        self.stage.record(
            STEP,
            self.stage.servers.gateway().name,
            reply.outcome if reply.answered else Outcome.UNSURE,
            actor=step.who or "stranger",
            name=step.name,
            status=reply.status,
            content_type=reply.content_type,
            seen=seen,
            kept=kept,
            said=said if not step.hides else "",
            message=reply.message,
            latency_s=round(reply.latency_s, 4),
        )

    def ask(self, step: Step) -> HttpReply:
        """Put one step's request. Raises KeyError when it needs what was never kept."""
        gateway = self.stage.servers.gateway()
        path = str(filled(step.path, self.memory))
        if step.follows:
            return gateway.follow(step.method, path, body=step.content, content_type=step.content_type)
        token = step.token or (f"{{{step.who}_token}}" if step.who != STRANGER else "")
        return gateway.request(
            step.method,
            path,
            json=None if step.body is None else filled(step.body, self.memory),
            body=step.content,
            token=str(filled(token, self.memory)),
            headers={"X-Forwarded-For": self._address(step.who), **filled(step.headers, self.memory)},
        )

    def _address(self, who: str) -> str:
        if who not in self.addresses:
            self.addresses[who] = address(self.stage)
        return self.addresses[who]
