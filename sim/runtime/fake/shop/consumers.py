"""The services at their queues: what each declares, who consumes, and what becomes of a message nobody understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.queues import FakeBinding, FakeBroker, FakeMessage
from sim.runtime.fake.shop.model import Switches
from sim.services.contract.access import Identity
from sim.services.contract.events import EVENT_BY_NAME
from sim.services.contract.message import DEADLINE, IDENTITY, METHOD, PATH, QUERY, REQUEST
from sim.services.contract.queues import dead_letter_queue, requests_queue, service_queues
from sim.topology.model import Broker

_EVENTS: Final = ".events"
_LONGEST_PATH: Final = 2048
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Consumers:
    """``living`` are the pods at work of a service, by its key."""

    deployments: Mapping[str, str]
    living: Callable[[str], list[str]]
    switches: Switches
    documented: Broker
    broker: FakeBroker
    processes: FakeProcesses

    def declare(self) -> None:
        """Every queue of the contract with its bindings, and a queue of dead letters each."""
        exchanges = {exchange.type: exchange.name for exchange in self.documented.exchanges}
        dead_letters = self.documented.dead_letter_exchange
        for queue in service_queues(self.deployments):
            self.broker.declare(queue.name, queue.arguments(dead_letters), None)
            for binding in queue.bindings:
                place = exchanges[binding.exchange]
                self.broker.bindings.append(
                    FakeBinding(place, queue.name, binding.routing_key, dict(binding.arguments))
                )
        for deployment in self.deployments.values():
            self.broker.declare(dead_letter_queue(deployment), {}, None)
            self.broker.bindings.append(FakeBinding(dead_letters, dead_letter_queue(deployment), deployment, {}))
        self.broker.consume = self.work_off
        self.work_off()

    def work_off(self) -> None:
        """Take what is ready in every queue whose service is up."""
        self.broker.consumers = {
            queue.name: (queue.owner,) * len(living)
            for key in self.deployments
            if (living := self.living(key))
            for queue in service_queues({key: self.deployments[key]})
        }
        for name in self.broker.consumers:
            queue = self.broker.queues.get(name)
            while queue is not None and queue.messages and self.broker.serving(queue):
                message = queue.messages.pop(0)
                if _is_understood(name, message):
                    self._answer(name, message)
                    continue
                if self.switches.swallows_poison:
                    continue
                owner = self.broker.consumers[name][0]
                if self.switches.dies_of_poison and name == requests_queue(owner):
                    self._die(owner)
                    return
                self.broker.dead_letter(queue, message)

    def _answer(self, name: str, message: FakeMessage) -> None:
        """Whoever asked and can be reached; what is said matters to nobody here."""
        back = self.broker.queues.get(message.properties.get("reply_to", ""))
        if back is not None and not name.endswith(_EVENTS) and not self.switches.answers_nobody:
            self.broker.enqueue(back, FakeMessage(b"{}", persistent=False))

    def _die(self, owner: str) -> None:
        key = next(key for key, deployment in self.deployments.items() if deployment == owner)
        for pod in self.living(key):
            self.processes.end(pod, 1)
            self.processes.start(pod)


def _is_understood(queue: str, message: FakeMessage) -> bool:
    """A request of the contract (someone may wait for its answer), or an event: another's, or one of ours in order."""
    kind, message_id = message.properties.get("type", ""), message.properties.get("message_id", "")
    if queue.endswith(_EVENTS):
        event = EVENT_BY_NAME.get(kind)
        if event is None or queue.removesuffix(f"-service{_EVENTS}") not in event.subscribers:
            return event is not None
        return bool(message_id) and _decodes(message.body, event.carries)
    path, identity = message.headers.get(PATH), message.headers.get(IDENTITY)
    return (
        kind == REQUEST
        and isinstance(message.headers.get(METHOD), str)
        and isinstance(message.headers.get(QUERY, ""), str)
        and isinstance(path, str)
        and len(path) <= _LONGEST_PATH
        and isinstance(message.headers.get(DEADLINE, 0), int)
        and (identity is None or (isinstance(identity, str) and _decodes(identity, Identity)))
        and 0 < len(message_id) <= _LONGEST_ID
        and message_id.isascii()
        and bool(message.properties.get("reply_to"))
    )


def _decodes(text: bytes | str, kind: Any) -> bool:
    try:
        msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True
