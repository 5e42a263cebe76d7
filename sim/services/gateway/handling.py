"""A request below ``/api/``, step by step: who, how often, which route, may they, what do they send, and the call."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from sim.services.chassis.caller import RawReply
from sim.services.contract.route import PUBLIC, SIGNED_IN, Route
from sim.services.gateway.answers import (
    API_POLICY,
    JSON_TYPE,
    NO_STORE,
    PROBLEM_TYPE,
    Answer,
    retry_after,
    service_problem,
)
from sim.services.gateway.bodies import Receive, check_is_json, read_body
from sim.services.gateway.clients import Clients, network_of
from sim.services.gateway.exchange import Exchange
from sim.services.gateway.fieldsets import narrowed, offered_fields, split_fields
from sim.services.gateway.forwarding import Forwarder, Question
from sim.services.gateway.idempotency import checked_key, message_id
from sim.services.gateway.patience import while_connected
from sim.services.gateway.rates import RateLimit
from sim.services.gateway.refusals import Refusal
from sim.services.gateway.revocations import Revocations
from sim.services.gateway.routing import Match, Miss, Router
from sim.services.gateway.targets import canonical_path, checked_query
from sim.services.gateway.tokens import (
    InvalidToken,
    Verified,
    Verifier,
    bearer_token,
    lacks,
    not_honoured,
    sign_in_first,
)

_CONTENT_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}(;[\w .=\"+-]{1,80})?", re.ASCII)
_BODILESS: Final = frozenset({204, 205, 304})
_LONGEST_RETRY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Who a request is from, and whether they have asked too often."""

    clients: Clients
    verifier: Verifier
    revocations: Revocations
    rates: RateLimit

    def admit(self, exchange: Exchange) -> Verified | None:
        """The caller, None for a stranger. Raises Refusal 401 or 429; a forged token counts against the address."""
        peer = exchange.scope.get("client")
        exchange.client = self.clients.address(peer[0] if peer else "", exchange.headers.get(b"x-forwarded-for", ()))
        try:
            verified = self._verified(exchange)
        except InvalidToken as why:
            self._count(exchange, f"a:{network_of(exchange.client)}")
            raise not_honoured(str(why)) from None
        if verified is None:
            self._count(exchange, f"a:{network_of(exchange.client)}")
        else:
            exchange.user_id = verified.identity.user_id
            self._count(exchange, f"u:{verified.identity.user_id}")
        return verified

    def _verified(self, exchange: Exchange) -> Verified | None:
        values = exchange.headers.get(b"authorization")
        token = bearer_token(values) if values else None
        if token is None:
            return None
        verified = self.verifier.verify(token)
        if verified.identity.token_id in self.revocations:
            raise InvalidToken("it was revoked")
        return verified

    def _count(self, exchange: Exchange, client: str) -> None:
        take = self.rates.take(client)
        if take is None:
            return
        exchange.extra.extend(self.rates.headers(take))
        if not take.granted:
            raise Refusal(429, "rate-limited", "Too many requests: slow down.", retry_after_s=take.retry_after_s)


class Api:
    """``routes`` are every service's by its key."""

    def __init__(
        self,
        routes: Mapping[str, Iterable[Route]],
        doorkeeper: Doorkeeper,
        forwarder: Forwarder,
        *,
        max_body_bytes: int,
    ) -> None:
        self._router = Router({key: tuple(table) for key, table in routes.items()})
        self._doorkeeper = doorkeeper
        self._forwarder = forwarder
        self._max_body_bytes = max_body_bytes
        self._offered = {route.name: offered_fields(route) for table in routes.values() for route in table}

    async def answer(self, exchange: Exchange, receive: Receive) -> Answer:
        """Raises Refusal, ClientGone."""
        method = exchange.method
        path = canonical_path(exchange.scope["raw_path"])
        match = self._router.match(method, path)
        if isinstance(match, Match):
            exchange.service, exchange.route = match.service, match.route.name
        verified = self._doorkeeper.admit(exchange)
        if isinstance(match, Miss):
            return _missed(method, match)
        _authorise(match.route, verified)
        query, fields = split_fields(checked_query(exchange.scope["query_string"]), self._offered[match.route.name])
        body = await self._body(exchange, match.route, receive) if exchange.has_body else b""
        question = Question(
            method=match.route.method,
            path=match.path,
            query=query,
            body=body,
            identity=verified.encoded if verified else None,
            message_id=_message_id(exchange, match, verified),
            traceparent=exchange.trace.traceparent,
            safe=not match.route.changes,
        )
        with while_connected(receive):
            reply = await self._forwarder.ask(match.service, question)
        return _transformed(exchange, reply, fields, signed_in=verified is not None)

    async def _body(self, exchange: Exchange, route: Route, receive: Receive) -> bytes:
        body = await read_body(
            receive,
            exchange.header(b"content-length"),
            self._max_body_bytes,
            expects_continue=b"expect" in exchange.headers,
        )
        if route.takes is None:
            return b""
        if body:
            check_is_json(exchange.header(b"content-type"))
        return body


def _missed(method: str, miss: Miss) -> Answer:
    if not miss.allowed:
        raise Refusal(404, "no-such-path", "There is nothing at this path.")
    allow = (b"allow", ", ".join((*miss.allowed, "OPTIONS")).encode())
    if method == "OPTIONS":
        return Answer(204, headers=[allow])
    raise Refusal(405, "method-not-allowed", f"This path answers {', '.join(miss.allowed)}.", headers=(allow,))


def _authorise(route: Route, verified: Verified | None) -> None:
    if route.access == PUBLIC:
        return
    if verified is None:
        raise sign_in_first()
    if route.access != SIGNED_IN and not verified.identity.may(route.access):
        raise lacks(route.access)


def _message_id(exchange: Exchange, match: Match, verified: Verified | None) -> str:
    values = exchange.headers.get(b"idempotency-key")
    key = checked_key(values) if values and match.route.changes else None
    if key is None:
        return str(uuid4())
    # Strangers share no key: without an account, the address is all that tells one from another.
    caller = f"user {verified.identity.user_id}" if verified else f"address {exchange.client}"
    return message_id(caller, match.route.name, match.path, key)


def _transformed(exchange: Exchange, reply: RawReply, fields: frozenset[str], *, signed_in: bool) -> Answer:
    if reply.status < 200:
        raise Refusal(502, "bad-answer", f"{exchange.service} answered with a status that is none.")
    if reply.status >= 400 and (reply.content_type == PROBLEM_TYPE.decode() or not reply.body):
        answer = service_problem(reply.status, reply.body, exchange.path, exchange.trace.trace_id)
    else:
        body = b"" if reply.status in _BODILESS else reply.body
        if fields and reply.status == 200:
            body = narrowed(body, fields)
        answer = Answer(reply.status, body, _content_type(reply.content_type) if body else b"", [API_POLICY])
        if signed_in:
            answer.headers.append(NO_STORE)
    wait_s = reply.retry_after_s
    if wait_s is not None and math.isfinite(wait_s):
        answer.headers.append(retry_after(min(max(wait_s, 0.0), _LONGEST_RETRY_S)))
    return answer


def _content_type(said: str) -> bytes:
    if said == "application/json":
        return JSON_TYPE
    return said.encode() if _CONTENT_TYPE.fullmatch(said) else b"application/octet-stream"
