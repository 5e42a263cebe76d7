"""Messages-broker as the chassis runs it. Services are named by key (``orders``) or deployment (``orders-service``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from sim.services.chassis.service import Call, Context, DeadLetter, Service
from sim.services.contract.queues import DELIVERY_LIMIT, dead_letter_queue, service_queues
from sim.services.messages_broker import api
from sim.services.messages_broker.api import BindingView, DeadLetterView, Depth, QueueView

_SHOWN_CHARACTERS: Final = 2000


def topology(call: Call) -> api.TopologyView:
    return api.TopologyView(
        tuple(
            QueueView(
                name=queue.name,
                service=queue.owner,
                bindings=tuple(
                    BindingView(binding.exchange, binding.routing_key, dict(binding.arguments))
                    for binding in queue.bindings
                ),
                dead_letter_queue=dead_letter_queue(queue.owner),
                delivery_limit=DELIVERY_LIMIT,
            )
            for queue in service_queues(_deployments(call.context))
        )
    )


def queues(call: Call) -> api.Depths:
    depths = call.context.messaging.depths()
    return api.Depths(tuple(Depth(name, ready, consumers) for name, (ready, consumers) in sorted(depths.items())))


def dead_letters(call: Call) -> api.DeadLetterList:
    letters = call.context.messaging.dead_letters(_deployment(call), call.query.limit)
    return api.DeadLetterList(tuple(_view(letter) for letter in letters))


def requeue(call: Call) -> api.Requeued:
    deployment = _deployment(call)
    moved = call.context.messaging.requeue(deployment, call.body.message_ids)
    call.context.log("info", "dead letters requeued", deployment=deployment, requeued=moved)
    return api.Requeued(moved)


def _deployments(context: Context) -> Mapping[str, str]:
    pairs = (pair.partition("=") for pair in context.settings["SERVICES"].split(","))
    return {key.strip(): deployment.strip() for key, _, deployment in pairs}


def _deployment(call: Call) -> str:
    given = call.path["service"]
    return _deployments(call.context).get(given, given)


def _view(letter: DeadLetter) -> DeadLetterView:
    at_s = letter.first_death_at_s
    return DeadLetterView(
        message_id=letter.message_id,
        queue=letter.queue,
        reason=letter.reason,
        deaths=letter.deaths,
        type=letter.kind,
        first_death_at=datetime.fromtimestamp(at_s, UTC) if at_s else None,
        size_bytes=len(letter.body),
        body=_text(letter.body),
    )


def _text(body: bytes) -> str | None:
    try:
        return body.decode()[:_SHOWN_CHARACTERS]
    except UnicodeDecodeError:
        return None


SERVICE: Final = Service(
    key="messages-broker",
    routes=api.ROUTES,
    handlers={
        api.TOPOLOGY.name: topology,
        api.QUEUES.name: queues,
        api.DEAD_LETTERS.name: dead_letters,
        api.REQUEUE.name: requeue,
    },
    coordinates_broker=True,
    settings=("SERVICES",),
)
