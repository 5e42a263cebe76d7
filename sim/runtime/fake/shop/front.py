"""The gateway in memory: routes, tokens, rates, sizes, and a problem for each thing that is wrong."""

from __future__ import annotations

import json as text
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from sim.runtime.fake.shop.accounts import Doorman
from sim.runtime.fake.shop.model import Call, Handler, Shelves
from sim.runtime.fake.shop.tokens import verified
from sim.servers.http_protocol import HttpReply
from sim.services.contract.access import Identity
from sim.services.contract.message import JSON, PROBLEM_JSON
from sim.services.contract.problem import Problem
from sim.services.contract.route import INTERNAL, PUBLIC, SIGNED_IN, Route
from sim.topology.model import Gateway

_API = "/api/"
NETWORK_S = 0.002


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    body: bytes
    token: str
    headers: Mapping[str, str]
    trace_id: str


@dataclass(slots=True)
class Front:
    """``reach`` lets the service's process work on a call, or raises Problem for what is not there."""

    gateway: Gateway
    routes: Mapping[str, Sequence[Route]]
    handlers: Mapping[str, Handler]
    shelves: Shelves
    doorman: Doorman
    reach: Callable[[Route], None]
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)

    def admit(self, request: Request) -> Call | HttpReply:
        """Everything before a service is asked: a call to make, or the refusal."""
        try:
            return self._admit(request)
        except Problem as problem:
            return self.refused(problem)

    def work(self, call: Call, message_id: str) -> HttpReply:
        """What the service does with it, once for each message id."""
        service = self.shelves.books[call.route.service]
        if call.route.changes and message_id in service.answered:
            status, body = service.answered[message_id]
            return self._reply(status, body)
        try:
            self.reach(call.route)
            answer = self.handlers.get(call.route.name, _unmodelled)(call)
        except Problem as problem:
            changed = self.shelves.switches.wrong_status.get(call.route.name)
            return self.refused(problem) if changed is None else self._reply(changed, b"{}")
        status = call.route.status
        if isinstance(answer, tuple):
            status, answer = answer
        encoded = b"" if answer is None else msgspec.json.encode(answer)
        if call.route.changes:
            service.answered[message_id] = (status, encoded)
        return self._reply(status, encoded)

    def _admit(self, request: Request) -> Call:
        switches = self.shelves.switches
        path, _, query = request.target.partition("?")
        path = unquote(path)
        identity = self._identity(request.token)
        self._take(identity.user_id if identity else request.headers.get("x-forwarded-for", ""))
        route, parameters = self._route(request.method, path)
        if identity is None and route.access != PUBLIC and not switches.asks_for_no_token:
            raise Problem(401, "Sign in first.")
        needed = route.access if route.access not in {PUBLIC, SIGNED_IN} else ""
        if needed and identity is not None and not identity.may(needed) and not switches.asks_no_permission:
            raise Problem(403, f"This takes the permission {needed}.")
        if len(request.body) > self.gateway.max_body_bytes and not switches.ignores_size:
            raise Problem(413, f"The body is larger than {self.gateway.max_body_bytes} bytes.")
        return Call(
            route,
            parameters,
            _query(route, query),
            _body(route, request.body),
            identity,
            self.shelves,
            request.trace_id,
        )

    def _take(self, client: str) -> None:
        limit = self.gateway.rate_limit
        if not limit.requests_per_s or self.shelves.switches.ignores_rates:
            return
        now_s = self.shelves.now_s()
        tokens, at_s = self.buckets.get(client, (float(limit.burst), now_s))
        tokens = min(float(limit.burst), tokens + (now_s - at_s) * limit.requests_per_s)
        self.buckets[client] = (max(0.0, tokens - 1), now_s)
        if tokens < 1:
            raise Problem(429, "Too many requests.", retry_after_s=1)

    def _identity(self, token: str) -> Identity | None:
        if not token:
            return None
        tokens = self.doorman.tokens
        now_s = self.shelves.calendar().timestamp()
        claims = verified(
            token, self.doorman.key, issuer=tokens.issuer, audience=tokens.audience, now_s=now_s
        ) or self._believed(token)
        if claims is None:
            raise Problem(401, "The access token is not honoured.")
        if claims["jti"] in self.doorman.revoked and not self.shelves.switches.keeps_revoked_tokens:
            raise Problem(401, "The access token was revoked.")
        return Identity(
            claims["sub"],
            claims.get("email", ""),
            tuple(claims.get("roles", ())),
            tuple(claims.get("permissions", ())),
            claims["jti"],
        )

    def _believed(self, _token: str) -> Mapping[str, Any] | None:
        if not self.shelves.switches.believes_any_token:
            return None
        user = next(iter(self.doorman.users.values()))
        return {"sub": user.user_id, "jti": "believed", "permissions": user.permissions}

    def _route(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        if not path.startswith(_API):
            raise Problem(404, "There is nothing here.")
        service, slash, rest = path[len(_API) :].partition("/")
        below = (slash + rest).removesuffix("/")
        matching = [
            (route, match)
            for route in sorted(self.routes.get(service, ()), key=lambda route: len(route.parameters))
            if (match := route.pattern.fullmatch(below)) is not None
        ]
        for route, match in matching:
            if route.method == ("GET" if method == "HEAD" else method):
                if route.access == INTERNAL and not self.shelves.switches.publishes_internal:
                    break
                return route, match.groupdict()
        if any(route.access != INTERNAL and route.method != method for route, _ in matching):
            raise Problem(405, f"{method} is not for this path.")
        raise Problem(404, "There is nothing here.")

    def refused(self, problem: Problem) -> HttpReply:
        if self.shelves.switches.plain_errors:
            return HttpReply(problem.status, 0.0, {"content-type": "text/plain"}, problem.detail.encode())
        headers = {"content-type": PROBLEM_JSON}
        if problem.retry_after_s is not None:
            headers["retry-after"] = str(round(problem.retry_after_s))
        document = {**problem.document(), "title": HTTPStatus(problem.status).phrase}
        return HttpReply(problem.status, 0.0, headers, text.dumps(document).encode())

    def _reply(self, status: int, body: bytes) -> HttpReply:
        if status >= 400:
            return HttpReply(status, 0.0, {"content-type": PROBLEM_JSON}, body)
        return HttpReply(status, 0.0, {"content-type": JSON}, body)


def _unmodelled(call: Call) -> None:
    raise Problem(501, f"The model has no {call.route.name}.")


def _query(route: Route, query: str) -> Any:
    if route.query is None:
        return None
    try:
        return msgspec.convert(dict(parse_qsl(query, keep_blank_values=True)), route.query, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(422, f"The query is not as it should be: {error}.") from error


def _body(route: Route, body: bytes) -> Any:
    if route.takes is None:
        return None
    try:
        return msgspec.json.decode(body, type=route.takes)
    except msgspec.ValidationError as error:
        raise Problem(422, f"The body is not as it should be: {error}.") from error
    except msgspec.DecodeError as error:
        raise Problem(400, "The body is not JSON.") from error
    except RecursionError as error:
        raise Problem(400, "The body is nested too deeply.") from error
