"""The services at their queues: what each declares, who consumes, and what becomes of a message nobody understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sim.runtime.fake.processes import FakeProcesses
from sim.runtime.fake.queues import FakeBinding, FakeBroker, FakeMessage
from sim.runtime.fake.shop.model import Switches
from sim.services.contract.events import EVENT_BY_NAME
from sim.services.contract.message import METHOD, PATH, REQUEST
from sim.services.contract.queues import dead_letter_queue, requests_queue, service_queues
from sim.topology.model import Broker


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
                if _is_understood(name, message) or self.switches.swallows_poison:
                    continue
                owner = self.broker.consumers[name][0]
                if self.switches.dies_of_poison and name == requests_queue(owner):
                    self._die(owner)
                    return
                self.broker.dead_letter(queue, message)

    def _die(self, owner: str) -> None:
        key = next(key for key, deployment in self.deployments.items() if deployment == owner)
        for pod in self.living(key):
            self.processes.end(pod, 1)
            self.processes.start(pod)


def _is_understood(queue: str, message: FakeMessage) -> bool:
    """A request of the contract (someone may have waited for its answer), or an event of the catalogue."""
    kind = message.properties.get("type", "")
    if queue.endswith(".events"):
        return kind in EVENT_BY_NAME and message.body[:1] == b"{" and bool(message.properties.get("message_id"))
    texts = (message.headers.get(METHOD), message.headers.get(PATH))
    return (
        kind == REQUEST
        and all(isinstance(text, str) for text in texts)
        and bool(message.properties.get("message_id"))
        and bool(message.properties.get("reply_to"))
    )
