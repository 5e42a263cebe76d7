"""The gateway as an ASGI application: pages and the API, every answer with the same headers, counted and logged.

Plain ASGI: routes are the services' own tables and every answer is a status and some bytes, so that a framework's
router, request and response objects would be paid for (a quarter of the gateway's own time) and not be used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sim.services.chassis.logs import Logs
from sim.services.chassis.tracing import tracing
from sim.services.contract.problem import Problem
from sim.services.gateway.answers import SECURITY_HEADERS, Answer, problem_answer
from sim.services.gateway.bodies import ClientGone
from sim.services.gateway.exchange import Exchange, begin
from sim.services.gateway.handling import Api
from sim.services.gateway.metrics import GatewayMetrics
from sim.services.gateway.refusals import Refusal
from sim.services.gateway.routing import API_PREFIX

Page: TypeAlias = Callable[[], Answer]
_API_START: Final = API_PREFIX.encode()
_CLIENT_LEFT: Final = 499
"""Nobody is sent this; it is what logs and metrics say."""
_OK_TO_READ: Final = frozenset({"GET", "HEAD"})


class App:
    """``pages`` are exact paths; ``now_s`` is monotonic."""

    def __init__(
        self, api: Api, pages: Mapping[str, Page], metrics: GatewayMetrics, logs: Logs, now_s: Callable[[], float]
    ) -> None:
        self._api = api
        self._pages = {path.encode(): page for path, page in pages.items()}
        self._metrics = metrics
        self._logs = logs
        self._now_s = now_s

    async def __call__(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        exchange = begin(scope, self._now_s())
        with tracing(exchange.trace):
            answer = await self._answer(exchange, receive)
            if answer is not None:
                await _send(exchange, answer, send)
            self._account(exchange, answer.status if answer is not None else _CLIENT_LEFT)

    async def _answer(self, exchange: Exchange, receive: Callable[[], Awaitable[Any]]) -> Answer | None:
        """None when nobody is there any more."""
        try:
            if exchange.scope["raw_path"].startswith(_API_START):
                return await self._api.answer(exchange, receive)
            return self._page(exchange)
        except (ClientGone, asyncio.CancelledError):
            # Cancelled is what outlasts the drain when the process ends: its connection has been closed.
            return None
        except Problem as problem:
            return self._refused(exchange, problem)
        except Exception as error:  # noqa: BLE001 - the last resort: a client gets a problem, the log its place
            self._logs.failure("request failed", error, path=exchange.path)
            return self._refused(exchange, Refusal(500, "internal", "The gateway failed; its log says why."))

    def _page(self, exchange: Exchange) -> Answer:
        raw_path: bytes = exchange.scope["raw_path"]
        page = self._pages.get(raw_path.rstrip(b"/") or b"/")
        if page is None:
            raise Refusal(404, "no-such-path", "There is nothing at this path; the API is below /api/.")
        exchange.service, exchange.route = "gateway", raw_path.decode("ascii").rstrip("/") or "/"
        allow = (b"allow", b"GET, HEAD, OPTIONS")
        if exchange.method == "OPTIONS":
            return Answer(204, headers=[allow])
        if exchange.method not in _OK_TO_READ:
            raise Refusal(405, "method-not-allowed", "This path answers GET, HEAD.", headers=(allow,))
        return page()

    def _refused(self, exchange: Exchange, problem: Problem) -> Answer:
        if isinstance(problem, Refusal):
            exchange.reason = problem.reason
            self._metrics.rejections.labels(problem.reason).inc()
        return problem_answer(problem, exchange.path, exchange.trace.trace_id)

    def _account(self, exchange: Exchange, status: int) -> None:
        duration_s = self._now_s() - exchange.started_s
        self._metrics.answered(exchange.service, exchange.route, exchange.method, status, duration_s)
        fields = {"reason": exchange.reason} if exchange.reason else {}
        if exchange.user_id:
            fields["user_id"] = exchange.user_id
        # Orchestrators ask for health all day long.
        level = "debug" if exchange.route.startswith("/health") else "info"
        if not self._logs.enabled(level):
            return
        self._logs.log(
            level,
            "request",
            method=exchange.method,
            path=exchange.path,
            status=status,
            duration_ms=round(duration_s * 1000, 2),
            target=exchange.service,
            route=exchange.route,
            client=exchange.client,
            request_id=exchange.request_id,
            **fields,
        )


@lru_cache(maxsize=2)
def _http_date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


async def _send(exchange: Exchange, answer: Answer, send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    headers = [
        (b"date", _http_date(int(time.time()))),
        *answer.headers,
        *exchange.extra,
        *SECURITY_HEADERS,
        (b"x-request-id", exchange.request_id.encode()),
        (b"x-trace-id", exchange.trace.trace_id.encode()),
        (b"traceparent", exchange.trace.traceparent.encode()),
    ]
    if answer.content_type:
        headers.append((b"content-type", answer.content_type))
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
