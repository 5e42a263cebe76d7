"""What a handler may use: made anew for each call, since it carries that call's id, deadline and claim."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from sim.services.chassis.caller import Caller, TimedOut, Unavailable, Unsure
from sim.services.chassis.logs import Logs
from sim.services.chassis.metrics import Metrics
from sim.services.chassis.service import Bucket, Cache, Messaging, Transaction
from sim.services.chassis.tracing import continue_trace, current_trace
from sim.services.chassis.transaction import Claim, transaction
from sim.services.chassis.wire import problem_of
from sim.services.contract.access import Identity
from sim.services.contract.problem import Problem, unavailable
from sim.services.contract.route import Route

_GRACE_S: Final = 1.0
_Value = TypeVar("_Value")
_encode: Final = msgspec.json.Encoder().encode


def deployment_of(service_key: str) -> str:
    """The document's name of a service's deployment, which is also the name of its queue."""
    return f"{service_key}-service"


@dataclass(slots=True)
class Resources:
    """What one process holds, shared by all its calls. ``committed`` wakes the outbox."""

    key: str
    service: str
    settings: Mapping[str, str]
    loop: asyncio.AbstractEventLoop
    caller: Caller
    logs: Logs
    metrics: Metrics
    database: Any = None
    cache: Cache | None = None
    bucket: Bucket | None = None
    messaging: Messaging | None = None
    committed: Any = None


class CallContext:
    """A Context of the chassis (see ``service.py``). ``work_id`` is the message's at hand, empty for a chore."""

    def __init__(
        self, resources: Resources, *, work_id: str = "", claim: Claim | None = None, deadline_s: float = 0.0
    ) -> None:
        self.service = resources.service
        self.settings = resources.settings
        self._resources = resources
        self._work_id = work_id
        self._claim = claim
        self._deadline_s = deadline_s

    def transaction(self) -> AbstractContextManager[Transaction]:
        resources = self._resources
        if resources.database is None:
            raise LookupError(f"{resources.service} has no database")
        return transaction(resources.database, resources.key, self._claim, resources.committed)

    @property
    def cache(self) -> Cache:
        return _declared(self._resources.cache, "a cache")

    @property
    def bucket(self) -> Bucket:
        return _declared(self._resources.bucket, "a bucket")

    @property
    def messaging(self) -> Messaging:
        return _declared(self._resources.messaging, "the broker's coordination")

    def ask(
        self,
        route: Route,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: msgspec.Struct | None = None,
        as_: Identity | None = None,
        message_id: str | None = None,
        timeout_s: float = 3.0,
    ) -> Any:
        """See the protocol.

        Without ``message_id`` the question gets one derived from the call's own and from what is asked: tried again,
        it is the same question, and is not done twice.
        """
        place = route.path.format_map({name: quote(value, safe="") for name, value in (path or {}).items()})
        raw_query = urlencode(query or {})
        raw_body = b"" if body is None else _encode(body)
        identity_json = None if as_ is None else _encode(as_).decode()
        if self._deadline_s:
            timeout_s = min(timeout_s, self._deadline_s - time.time())
            if timeout_s <= 0:
                raise Problem(504, "There is no time left to ask another service.")
        trace = current_trace() or continue_trace(None)
        deployment = deployment_of(route.service)
        asking = asyncio.run_coroutine_threadsafe(
            self._resources.caller.ask(
                deployment,
                route.method,
                place,
                query=raw_query,
                body=raw_body,
                identity_json=identity_json,
                message_id=message_id or self._derived_id(route, place, raw_query, raw_body),
                traceparent=trace.traceparent,
                timeout_s=timeout_s,
            ),
            self._resources.loop,
        )
        try:
            reply = asking.result(timeout_s + _GRACE_S)
        except Unavailable as error:
            raise unavailable(deployment) from error
        except (TimedOut, TimeoutError) as error:
            raise Problem(504, f"{deployment} did not answer in time.") from error
        except Unsure as error:
            raise Problem(504, f"{deployment} was lost before it answered.") from error
        if not 200 <= reply.status < 300:
            raise problem_of(reply.status, reply.body, reply.retry_after_s)
        if route.answers is None or not reply.body:
            return None
        try:
            return _decoder(route.answers).decode(reply.body)
        except msgspec.DecodeError as error:
            raise Problem(503, f"{deployment} answered what its contract does not say.") from error

    def log(self, level: str, message: str, **fields: Any) -> None:
        self._resources.logs.log(level, message, **fields)

    def measure(self, name: str, value: float) -> None:
        self._resources.metrics.measures.labels(name).set(value)

    def _derived_id(self, route: Route, place: str, query: str, body: bytes) -> str:
        if not self._work_id:
            return str(uuid.uuid4())
        asked = f"{self._work_id} {route.method} {route.service} {place}?{query} ".encode() + body
        return str(uuid.uuid5(uuid.NAMESPACE_OID, asked.decode("utf-8", "replace")))


@cache
def _decoder(kind: Any) -> Any:
    return msgspec.json.Decoder(kind)


def _declared(value: _Value | None, what: str) -> _Value:
    if value is None:
        raise LookupError(f"the service did not declare {what}")
    return value
