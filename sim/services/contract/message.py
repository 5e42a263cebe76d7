"""How requests, replies and events travel over AMQP 0-9-1: the wire contract of every service.

A request is published to the direct exchange with the service's deployment name as routing key, ``type`` ``request``,
``message_id`` (the same id is never done twice), ``correlation_id`` and ``reply_to`` (RabbitMQ's direct reply-to).
Headers: ``method``, ``path`` (below ``/api/<service>``, percent-encoded as it came), ``query`` (raw), ``identity``
(JSON of :class:`~sim.services.contract.access.Identity`, absent for a stranger), ``deadline`` (Unix milliseconds after
which nobody waits), ``traceparent`` (W3C). The body is the HTTP body as it came. ``message_id`` is 1 to 64 ASCII
characters; ``app_id`` is the asking deployment's name, which tells requests from outside (the gateway's) apart.

A reply goes to the default exchange, routing key ``reply_to``, ``type`` ``reply``, the same ``correlation_id``, header
``status`` (HTTP status) and optionally ``retry-after`` (seconds); content type ``application/json`` or
``application/problem+json``.

The reply goes out before the request is acknowledged, so a service that is killed in between gets it again, marked as
redelivered. What was done is then answered as before and not done twice. What was refused stays refused, with the
same problem: who asked was told so, and nothing may happen behind their back because it could succeed by now. A
refusal (4xx) of a request that changes anything is therefore remembered before it is sent; asked anew, not redelivered,
the same ``message_id`` may be tried again.

An event is persistent, ``type`` its name, ``message_id`` its id (a consumer does it once), ``app_id`` the publisher's
deployment, headers ``traceparent`` and its attributes. Its body is the JSON of what it carries.
"""

from __future__ import annotations

from typing import Final

GATEWAY: Final = "api-gateway"
"""``app_id`` of requests that come from outside: routes between services are closed to them."""
REQUEST: Final = "request"
REPLY: Final = "reply"
DIRECT_REPLY_TO: Final = "amq.rabbitmq.reply-to"

METHOD: Final = "method"
PATH: Final = "path"
QUERY: Final = "query"
IDENTITY: Final = "identity"
DEADLINE: Final = "deadline"
TRACEPARENT: Final = "traceparent"
STATUS: Final = "status"
RETRY_AFTER: Final = "retry-after"

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
