"""One worker's crowd: Locust users that send each request of an open-loop schedule when it is due, and write it down.

Users are connections, not shoppers: whichever is free takes the next request, as an ingress sends many people's
requests over the connections it keeps. Importing this patches all sockets (Locust does).
"""

from __future__ import annotations

import json
import random
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar

import gevent
import locust
from gevent.queue import SimpleQueue
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

from sim.load.arrivals import Arrivals, Slot
from sim.load.journeys import Ask
from sim.load.open_loop import Segment
from sim.load.people import People, client_address
from sim.load.samples import ABANDONED, SILENT, Sample, told
from sim.load.sending import FAILURES, Sender

_SIGN_IN_AGAIN_S = 600.0
"""Well before an access token's quarter of an hour is over."""
_POLL_S = 0.01
_LATEST = 100
_HELD_BACK = "no answer: every connection was waiting for one"
_LOGIN = "/api/auth/login"


@dataclass(slots=True)
class Errand:
    """A visit under way: what its shopper knows, and its requests that are due before their turn."""

    memory: dict[str, Any]
    address: str
    asks: tuple[Ask, ...]
    turn: int = 0
    busy: bool = False
    over: bool = False
    early: deque[tuple[float, int]] = field(default_factory=deque)


@dataclass(slots=True)
class Token:
    value: str = field(repr=False)
    taken_s: float


class Crowd:
    """What the users of one process share. ``number`` is the worker's, so that no two send as the same client.

    ``shown``: Locust's own program drives, and shows each request in its statistics; the rig reads none of them.
    """

    def __init__(self, people: People, mix: dict[str, float], seed: str, number: int) -> None:
        self.people = people
        self.rng = random.Random(f"{seed}/{number}")  # noqa: S311 - reproducible, not secret
        self.arrivals = Arrivals(mix, self.rng, len(people.customers))
        self.mark = f"{self.rng.getrandbits(32):08x}"
        self.number = number
        self.ready: SimpleQueue[tuple[float, Slot]] = SimpleQueue()
        self.samples: list[Sample] = []
        self.errands: dict[int, Errand] = {}
        self.tokens = [Token(customer.token, time.monotonic()) for customer in people.customers]
        self.users = 0
        self.in_flight = 0
        self.in_flight_max = 0
        self.stopping = False
        self.shown = False

    def play(
        self, segment: Segment, begins_s: float, grace_s: float, give_up: float = 0.0, *, goes_on: bool = False
    ) -> dict[str, Any]:
        """One segment that begins at ``begins_s`` on the monotonic clock; what came of it, as plain values.

        It is given up when more than the share ``give_up`` (0: never) of the latest hundred answers are bad. Where the
        load ``goes_on``, a request whose shopper still waits for an earlier answer is sent after it, in what follows.
        """
        self.samples = []
        self.in_flight_max = self.in_flight
        slots = self.arrivals.slots(segment)
        gevent.sleep(max(0.0, begins_s - time.monotonic()))
        cpu_s, handed = time.process_time(), 0
        for slot in slots:
            due_s = begins_s + slot.due_s
            pause_s = due_s - time.monotonic()
            if pause_s > 0:
                gevent.sleep(pause_s)
            if self.stopping or (give_up and self._hopeless(give_up)):
                break
            self.ready.put((due_s, slot))
            handed += 1
        cut_short = handed < len(slots)
        while not cut_short and time.monotonic() < begins_s + segment.duration_s:
            cut_short = self.stopping
            gevent.sleep(_POLL_S)
        ended_s = time.monotonic()
        cpu_share = (time.process_time() - cpu_s) / max(ended_s - begins_s, 1e-3)
        unsent = self._settle(time.monotonic() + (min(grace_s, 2.0) if self.stopping else grace_s), goes_on=goes_on)
        played_s = ended_s - begins_s if cut_short else segment.duration_s
        return {
            "name": segment.name,
            "rate_per_s": segment.rate_per_s,
            "duration_s": played_s,
            "due": handed,
            "unsent": unsent,
            "cpu_share": cpu_share,
            "in_flight_max": self.in_flight_max,
            "cut_short": cut_short,
            **told(self.samples, begins_s, played_s),
        }

    def _hopeless(self, give_up: float) -> bool:
        latest = self.samples[-_LATEST:]
        bad = sum(sample.status not in sample.ask.good for sample in latest)
        return len(latest) == _LATEST and bad > give_up * len(latest)

    def _settle(self, until_s: float, *, goes_on: bool) -> int:
        """Wait for answers; how many requests were then never sent, though connections were free.

        Those held back because every connection waited for an answer are the platform's silence.
        """
        while (self.in_flight or not self.ready.empty()) and time.monotonic() < until_s:
            gevent.sleep(_POLL_S)
        left: list[tuple[float, Ask]] = []
        while not self.ready.empty():
            due_s, slot = self.ready.get()
            left.append((due_s, slot.visit.journey.asks[slot.step]))
        for errand in () if goes_on else self.errands.values():
            left += [(due_s, errand.asks[step]) for due_s, step in errand.early]
            errand.early.clear()
        if self.in_flight_max < self.users:
            return len(left)
        now_s = time.monotonic()
        self.samples += [Sample(ask, due_s, 0.0, now_s, SILENT, _HELD_BACK) for due_s, ask in left]
        return 0

    def errand(self, slot: Slot) -> Errand:
        visit = slot.visit
        known = self.errands.get(visit.number)
        if known is None:
            known = self.errands[visit.number] = Errand(
                self.people.memory(visit, self.rng, self.mark),
                client_address(visit.number, self.number),
                visit.journey.asks,
            )
        return known

    def left(self, visit: int) -> None:
        self.errands.pop(visit, None)


class Shopper(FastHttpUser):
    """One connection of the crowd."""

    abstract = True
    wait_time = locust.constant(0)
    network_timeout = 10.0
    connection_timeout = 2.0
    max_retries = 0
    max_redirects = 0
    crowd: ClassVar[Crowd]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.crowd.users += 1
        self._send = Sender(self.client.client.clientpool, self.host or "").send

    @locust.task
    def serve(self) -> None:
        """Until the user is stopped: a loop of its own is cheaper than a task for each request."""
        crowd = self.crowd
        while True:
            due_s, slot = crowd.ready.get()
            errand = crowd.errand(slot)
            if errand.busy:
                # Whoever is at this visit's last request goes on with this one.
                errand.early.append((due_s, slot.step))
                continue
            errand.busy = True
            self.ask(slot, errand, slot.step, (due_s, due_s))
            while errand.early:
                free_s = time.monotonic()
                due_s, step = errand.early.popleft()
                self.ask(slot, errand, step, (due_s, max(due_s, free_s)))
            errand.busy = False

    def ask(self, slot: Slot, errand: Errand, step: int, when_s: tuple[float, float]) -> None:
        """One request and its answer. A visit whose shopper was turned away is over; what was still due is abandoned.

        ``when_s``: when it was due, and when it could be sent at the earliest, its shopper's last one being answered.
        """
        crowd, asks = self.crowd, slot.visit.journey.asks
        ask = asks[step]
        # A request skipped by a stall may have held what this one needs.
        if errand.over or step != errand.turn:
            errand.over = True
            crowd.samples.append(Sample(ask, when_s[0], 0.0, when_s[0], ABANDONED))
        else:
            errand.over = not self._answered(ask, slot, errand, when_s)
        errand.turn = step + 1
        if errand.turn == len(asks):
            crowd.left(slot.visit.number)

    def _answered(self, ask: Ask, slot: Slot, errand: Errand, when_s: tuple[float, float]) -> bool:
        crowd, (due_s, free_s) = self.crowd, when_s
        crowd.in_flight += 1
        crowd.in_flight_max = max(crowd.in_flight_max, crowd.in_flight)
        content, problem = b"", None
        try:
            headers = self._headers(ask, slot, errand)
            target, body = self._target(ask, errand, headers)
            sent_s = time.monotonic()
            try:
                status, content = self._send(ask.method, target, headers, body)
            except FAILURES as error:
                status, problem = SILENT, error
            done_s = time.monotonic()
        finally:
            crowd.in_flight -= 1
        reason = f"no answer: {type(problem).__name__}" if problem else ""
        # All connections waiting for answers is the platform's doing, not the generator's.
        late_s = 0.0 if crowd.in_flight + 1 >= crowd.users else sent_s - free_s
        crowd.samples.append(Sample(ask, due_s, late_s, done_s, status, reason))
        good = status in ask.good
        if crowd.shown:
            self.environment.events.request.fire(
                request_type=ask.method,
                name=ask.name,
                response_time=(done_s - due_s) * 1000,
                response_length=len(content),
                exception=None if good else problem or RuntimeError(f"status {status}"),
                context={},
            )
        return good and (not ask.keeps or self._learned(ask, content, errand))

    def _learned(self, ask: Ask, content: bytes, errand: Errand) -> bool:
        try:
            document = json.loads(content)
            errand.memory |= {name: _found(document, place) for name, place in ask.keeps.items()}
        except (ValueError, KeyError, TypeError):
            return False
        return True

    def _headers(self, ask: Ask, slot: Slot, errand: Errand) -> dict[str, str]:
        if ask.uploads:
            return {"Content-Type": "image/png"}
        headers = {"X-Forwarded-For": errand.address}
        if slot.visit.customer >= 0:
            headers["Authorization"] = f"Bearer {self._token(slot.visit.customer, errand)}"
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
        if ask.headers:
            headers |= {name: value.format_map(errand.memory) for name, value in ask.headers.items()}
        return headers

    def _target(self, ask: Ask, errand: Errand, headers: dict[str, str]) -> tuple[str, bytes]:
        path = ask.path.format_map(errand.memory)
        if ask.uploads:
            scheme, _, rest = path.partition("://")
            host, slash, below = rest.partition("/")
            headers["Host"] = host  # signed, so it stays what it was wherever it is dialled
            return f"{scheme}://{self.crowd.people.storage.get(host, host)}{slash}{below}", ask.uploads
        if ask.body is None:
            return path, b""
        filled = {k: v.format_map(errand.memory) if isinstance(v, str) else v for k, v in ask.body.items()}
        return path, json.dumps(filled).encode()

    def _token(self, customer: int, errand: Errand) -> str:
        """Signed in again before it expires; that request is not part of the schedule."""
        crowd = self.crowd
        held = crowd.tokens[customer % len(crowd.tokens)]
        if time.monotonic() - held.taken_s > _SIGN_IN_AGAIN_S:
            held.taken_s = time.monotonic()
            body = json.dumps({"email": errand.memory["email"], "password": errand.memory["password"]}).encode()
            headers = {"X-Forwarded-For": errand.address, "Content-Type": "application/json"}
            try:
                answer = self._send("POST", _LOGIN, headers, body)
                held.value = json.loads(answer.body)["access_token"]
            except (*FAILURES, KeyError, TypeError):
                pass  # the old one is tried; a refusal then shows where it counts
        return held.value


def _found(document: Any, place: str) -> Any:
    for part in place.split("."):
        document = document[part]
    return document
