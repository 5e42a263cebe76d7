"""The shop engine for a gateway that lives in this process: one shopper's request after the other, on the given clock.

It serves rehearsals without containers. One connection to a model measures nothing; Locust does, on real servers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from sim.clock import Clock
from sim.load.arrivals import Arrivals, Slot
from sim.load.cues import Cue, interleaved
from sim.load.journeys import Ask
from sim.load.open_loop import Segment
from sim.load.people import People, client_address
from sim.load.samples import ABANDONED, LoadReport, Sample, reported, told
from sim.servers.http_protocol import HttpGateway, HttpReply


class InMemoryShop:
    name = "in-process"

    def __init__(
        self, gateway: HttpGateway, people: People, mix: Mapping[str, float], clock: Clock, rng: random.Random
    ) -> None:
        self._gateway = gateway
        self._people = people
        self._clock = clock
        self._rng = rng
        self._arrivals = Arrivals(mix, rng, len(people.customers))
        self._memories: dict[int, dict[str, Any] | None] = {}

    def play(self, segment: Segment, cues: Sequence[Cue] = ()) -> LoadReport:
        """In one thread: a cue is taken before the first request that is due after it."""
        begins_s = self._clock.now_s()
        samples: list[Sample] = []
        slots = self._arrivals.slots(segment)

        def send(number: int) -> None:
            samples.append(self._sent(slots[number], begins_s + slots[number].due_s))

        interleaved([slot.due_s for slot in slots], send, cues, self._clock, begins_s)
        self._clock.sleep_s(begins_s + segment.duration_s - self._clock.now_s())
        part = {
            "name": segment.name,
            "rate_per_s": segment.rate_per_s,
            "duration_s": segment.duration_s,
            "due": segment.count,
            "unsent": 0,
            "cpu_share": 0.0,
            "in_flight_max": 1,
            "cut_short": False,
            **told(samples, begins_s, segment.duration_s),
        }
        return reported([part], begins_s)

    def _sent(self, slot: Slot, due_s: float) -> Sample:
        visit = slot.visit
        ask = visit.journey.asks[slot.step]
        memory = self._memories.get(visit.number)
        if slot.step == 0:
            memory = self._memories[visit.number] = self._people.memory(visit, self._rng, "m")
        if memory is None:
            return Sample(ask, due_s, 0.0, due_s, ABANDONED)
        self._clock.sleep_s(due_s - self._clock.now_s())
        try:
            reply = self._reply(ask, slot, memory)
        except KeyError:
            return Sample(ask, due_s, 0.0, due_s, ABANDONED)
        self._memories[visit.number] = memory if reply.status in ask.good and _learned(ask, reply, memory) else None
        return Sample(ask, due_s, 0.0, self._clock.now_s(), reply.status, reply.message)

    def _reply(self, ask: Ask, slot: Slot, memory: Mapping[str, Any]) -> HttpReply:
        path = ask.path.format_map(memory)
        if ask.uploads:
            return self._gateway.follow(ask.method, path, body=ask.uploads, content_type="image/png")
        customer = slot.visit.customer
        headers = {name: value.format_map(memory) for name, value in ask.headers.items()}
        return self._gateway.request(
            ask.method,
            path,
            json=None
            if ask.body is None
            else {k: v.format_map(memory) if isinstance(v, str) else v for k, v in ask.body.items()},
            token=self._people.customers[customer].token if customer >= 0 else "",
            headers={"X-Forwarded-For": client_address(slot.visit.number, 0), **headers},
        )


def _learned(ask: Ask, reply: HttpReply, memory: dict[str, Any]) -> bool:
    document = json.loads(reply.body) if ask.keeps else {}
    for name, place in ask.keeps.items():
        here: Any = document
        for part in place.split("."):
            here = here.get(part) if isinstance(here, Mapping) else None
        if here is None:
            return False
        memory[name] = here
    return True
