"""The serving side: requests from the service's own queue, each answered once it is done, and acknowledged after."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from random import Random
from typing import Any, Final

from sim.services.chassis import inbox
from sim.services.chassis.amqp import Channel, ChannelClosed
from sim.services.chassis.context import CallContext, Resources
from sim.services.chassis.inbox import fingerprint
from sim.services.chassis.metrics import Metrics
from sim.services.chassis.outcomes import AlreadyAnswered, Contention
from sim.services.chassis.router import Router, check_access
from sim.services.chassis.service import Call, Handler, Reply, Service
from sim.services.chassis.tracing import Trace, continue_trace, tracing
from sim.services.chassis.transaction import Claim
from sim.services.chassis.wire import Answer, Malformed, Request, answer_of, problem_answer, problem_of, read_request
from sim.services.chassis.workers import Workers
from sim.services.contract.message import GATEWAY, TRACEPARENT
from sim.services.contract.problem import Problem
from sim.services.contract.queues import requests_queue
from sim.services.contract.route import Route

LARGEST_BODY_BYTES: Final = 4 * 2**20
ATTEMPTS: Final = 3
_UNROUTED: Final = "none"
_BROKEN: Final = Problem(500, "Something went wrong here. It has been noted, and trying again may help.")


class RequestServer:
    """Consumes ``<deployment>`` on a channel of its own; ``is_consuming`` is half of readiness."""

    def __init__(
        self, service: Service, resources: Resources, workers: Workers, metrics: Metrics, random: Random
    ) -> None:
        self._handlers = service.handlers
        self._router = Router(service.routes)
        self._resources = resources
        self._workers = workers
        self._metrics = metrics
        self._random = random
        self._logs = resources.logs
        self._has_database = bool(service.migrations)
        self._queue = requests_queue(resources.service)
        self._channel: Channel | None = None
        self._consumer = ""
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0
        metrics.watch(metrics.in_flight, lambda: self._under_way)

    @property
    def is_consuming(self) -> bool:
        return self._channel is not None and self._channel.is_open and not self._stopping

    async def set_up(self, channel: Channel) -> None:
        """For :meth:`Link.keep_channel`. The queue is the messages-broker's to declare: it may not be there yet."""
        await channel.queue_exists(self._queue)
        await channel.prefetch(2 * self._workers.count)
        self._consumer = await channel.consume(
            self._queue,
            lambda _c, method, properties, body: self._on_message(channel, method, properties, body),
        )
        self._channel = channel
        if self._stopping:
            await channel.cancel(self._consumer)

    def lost(self, _reason: str) -> None:
        self._channel = None

    async def drain(self, within_s: float) -> bool:
        """Take no more; True when everything under way was answered in time."""
        self._stopping = True
        channel, self._channel = self._channel, None
        if channel is not None and channel.is_open:
            with suppress(ChannelClosed):
                await channel.cancel(self._consumer)
        try:
            await asyncio.wait_for(self._idle.wait(), within_s)
        except TimeoutError:
            return False
        return True

    def _on_message(self, channel: Channel, method: Any, properties: Any, body: bytes) -> None:
        """On the loop: believe nothing, answer what needs no thread, hand over the rest."""
        began_s, tag = time.perf_counter(), method.delivery_tag
        try:
            request = read_request(properties)
        except Malformed as error:
            with tracing(continue_trace((properties.headers or {}).get(TRACEPARENT))):
                self._logs.log("warning", "malformed request, dead-lettered", reason=str(error), bytes=len(body))
            self._metrics.requests.labels(_UNROUTED, "malformed").inc()
            channel.reject(tag, requeue=False)
            return
        if self._is_late(request):
            channel.ack(tag)
            return
        trace = continue_trace(request.traceparent)
        reply = _Replying(self, channel, tag, request=request, trace=trace, began_s=began_s)
        try:
            route, path = self._router.find(request.method, request.path)
            reply.route = route
            check_access(route, request.identity, from_gateway=request.app_id == GATEWAY)
            claim = self._claim(route, request, body)
            call, handler = self._call(route, path, request, body, claim), self._handlers[route.name]
        except Problem as problem:
            reply.send(problem_answer(problem))
            return
        if route.light:
            with tracing(trace):
                reply.send(self._attempt(handler, call, None))
            return
        self._under_way += 1
        self._idle.clear()
        again = bool(method.redelivered)
        self._workers.submit(lambda: self._work(handler, call, request, reply, claim, again=again))

    def _claim(self, route: Route, request: Request, body: bytes) -> Claim | None:
        if not (route.changes and self._has_database):
            return None
        printed = fingerprint(request.path.encode(), request.query.encode(), body)
        return Claim(request.message_id, printed, route.status)

    def _call(self, route: Route, path: Any, request: Request, body: bytes, claim: Claim | None) -> Call:
        if len(body) > LARGEST_BODY_BYTES:
            raise Problem(413, f"The body is larger than {LARGEST_BODY_BYTES} bytes.")
        context = CallContext(self._resources, work_id=request.message_id, claim=claim, deadline_s=request.deadline_s)
        return Call(
            route=route,
            path=path,
            query=self._router.query(route, request.query),
            body=self._router.body(route, body),
            identity=request.identity,
            message_id=request.message_id,
            context=context,
        )

    def _work(
        self, handler: Handler, call: Call, request: Request, reply: _Replying, claim: Claim | None, *, again: bool
    ) -> None:
        """In a worker thread. ``again``: the broker has delivered this message before."""
        answer: Answer | None = None
        with tracing(reply.trace):
            if not self._is_late(request):
                answer = self._attempt(self._unless_refused(handler, claim) if again else handler, call, claim)
        self._resources.loop.call_soon_threadsafe(self._finish, reply, answer)

    def _finish(self, reply: _Replying, answer: Answer | None) -> None:
        if answer is None:
            reply.drop()
        else:
            reply.send(answer)
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    def _unless_refused(self, handler: Handler, claim: Claim | None) -> Handler:
        """The handler of a message that may have been answered already, with a problem."""
        database = self._resources.database
        if claim is None or database is None:
            return handler

        def handle(call: Call) -> Any:
            with database.session() as session:
                refused = inbox.refusal(session, claim.message_id, claim.fingerprint)
            if refused is not None:
                raise problem_of(*refused, None)
            return handler(call)

        return handle

    def _handled(self, handler: Handler, call: Call, claim: Claim | None) -> Answer:
        """The handler's answer. A refusal is remembered before anybody hears of it; Problem 503 where it cannot be."""
        database = self._resources.database
        try:
            return _encoded(handler(call), call.route)
        except Problem as problem:
            answer = problem_answer(problem)
            if claim is None or database is None or problem.status >= 500:
                return answer
        with database.session() as session:
            inbox.remember_refusal(session, claim.message_id, claim.fingerprint, answer.status, answer.body)
        return answer

    def _attempt(self, handler: Handler, call: Call, claim: Claim | None) -> Answer:
        """Whatever the handler does ends in an answer."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._handled(handler, call, claim)
            except AlreadyAnswered as known:
                return _encoded(known.reply, call.route)
            except Problem as problem:
                return problem_answer(problem)
            except Contention as error:
                self._logs.log("info", "contention, trying again", attempt=attempt, reason=str(error)[:200])
                time.sleep(self._random.uniform(0.0, 0.02 * attempt))
            except Exception as error:  # noqa: BLE001 - the boundary: a bug is one answer 500, not a dead service
                self._logs.failure("handler failed", error, route=call.route.name)
                return problem_answer(_BROKEN)
        return problem_answer(Problem(503, "Too many are at the same rows at once.", retry_after_s=1.0))

    def _is_late(self, request: Request) -> bool:
        if request.deadline_s and time.time() > request.deadline_s:
            self._metrics.expired.inc()
            return True
        return False

    def replied(self, reply: _Replying, answer: Answer) -> None:
        """Count and tell."""
        seconds = time.perf_counter() - reply.began_s
        route = reply.route
        name = route.name if route is not None else _UNROUTED
        self._metrics.requests.labels(name, str(answer.status)).inc()
        self._metrics.duration.labels(name).observe(seconds)
        level = "debug" if route is not None and route.light else "info"
        if self._logs.enabled(level):
            with tracing(reply.trace):
                self._logs.log(level, "request", route=name, status=answer.status, duration_ms=round(seconds * 1000, 3))


class _Replying:
    """One delivery on its way to its reply: sent first, acknowledged after, so that a crash in between repeats it."""

    __slots__ = ("_channel", "_request", "_server", "_tag", "began_s", "route", "trace")

    def __init__(
        self, server: RequestServer, channel: Channel, tag: int, *, request: Request, trace: Trace, began_s: float
    ) -> None:
        self._server = server
        self._channel = channel
        self._tag = tag
        self._request = request
        self.trace = trace
        self.began_s = began_s
        self.route: Route | None = None

    def send(self, answer: Answer) -> None:
        try:
            self._channel.publish(
                "", self._request.reply_to, answer.body, answer.properties(self._request.correlation_id)
            )
        except ChannelClosed:
            return  # delivered again elsewhere, and answered from the inbox if it was done
        self._channel.ack(self._tag)
        self._server.replied(self, answer)

    def drop(self) -> None:
        """Nobody waits for it any more."""
        self._channel.ack(self._tag)


def _encoded(result: Any, route: Route) -> Answer:
    if isinstance(result, Reply):
        return answer_of(result.body, result.status, result.retry_after_s)
    return answer_of(result, route.status)
