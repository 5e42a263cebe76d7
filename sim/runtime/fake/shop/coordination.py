"""Messages-broker and payments in memory: dead letters shown and sent once more; payments that are only planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim.runtime.fake.queues import FakeBroker, FakeMessage
from sim.runtime.fake.shop.model import Call, Handler
from sim.services.contract.problem import Problem, not_found
from sim.services.contract.queues import DELIVERY_LIMIT, dead_letter_queue, service_queues
from sim.services.messages_broker import api
from sim.services.payments import api as payments

FIRST_QUEUE = "x-first-death-queue"


@dataclass(frozen=True, slots=True)
class Coordinator:
    """``deployments`` are service keys with their deployment's name."""

    broker: FakeBroker
    deployments: Mapping[str, str]

    def handlers(self) -> Mapping[str, Handler]:
        planned = (payments.START.name, payments.SHOW.name, payments.REFUND.name)
        return {
            api.TOPOLOGY.name: self._topology,
            api.QUEUES.name: self._queues,
            api.DEAD_LETTERS.name: self._dead_letters,
            api.REQUEUE.name: self._requeue,
            **dict.fromkeys(planned, _planned),
        }

    def _topology(self, _call: Call) -> api.TopologyView:
        return api.TopologyView(
            tuple(
                api.QueueView(
                    queue.name,
                    queue.owner,
                    tuple(api.BindingView(b.exchange, b.routing_key, dict(b.arguments)) for b in queue.bindings),
                    dead_letter_queue(queue.owner),
                    DELIVERY_LIMIT,
                )
                for queue in service_queues(self.deployments)
            )
        )

    def _queues(self, _call: Call) -> api.Depths:
        held = sorted(self.broker.queues.items())
        return api.Depths(tuple(api.Depth(n, len(q.messages), len(self.broker.consumers.get(n, ()))) for n, q in held))

    def _letters(self, call: Call) -> list[FakeMessage]:
        given = call.path["service"]
        deployment = self.deployments.get(given, given)
        if deployment not in self.deployments.values():
            raise not_found("This service")
        self.broker.consume()
        return self.broker.queues[dead_letter_queue(deployment)].messages

    def _dead_letters(self, call: Call) -> api.DeadLetterList:
        return api.DeadLetterList(
            tuple(
                api.DeadLetterView(
                    message.properties.get("message_id", ""),
                    str(message.headers.get(FIRST_QUEUE, "")),
                    "rejected",
                    1,
                    message.properties.get("type", ""),
                    None,
                    len(message.body),
                    message.body.decode("utf-8", "replace"),
                )
                for message in self._letters(call)[: call.query.limit]
            )
        )

    def _requeue(self, call: Call) -> api.Requeued:
        letters, wanted = self._letters(call), call.body.message_ids
        moved = [m for m in letters if wanted is None or m.properties.get("message_id") in wanted]
        letters[:] = [message for message in letters if message not in moved]
        for message in moved:
            self.broker.queues[str(message.headers[FIRST_QUEUE])].messages.append(message)
        self.broker.consume()
        return api.Requeued(len(moved))


def _planned(_call: Call) -> None:
    raise Problem(501, "Payments are planned.")
