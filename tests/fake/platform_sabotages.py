"""For every scenario of the services one way to spoil the modelled shop that must make it fail."""

from __future__ import annotations

from collections.abc import Mapping

from sim.runtime.fake.platform import FakePlatform
from tests.fake.platform_rehearsal import Sabotage


def _switch(**values: object) -> Sabotage:
    """Turn switches of the shop."""

    def spoil(platform: FakePlatform) -> None:
        for name, value in values.items():
            setattr(platform.shop.switches, name, value)

    return spoil


def _answers(route: str, status: int) -> Sabotage:
    """A route that gives another status in place of its refusals."""
    return _switch(wrong_status={route: status})


def _loses(*events: str) -> Sabotage:
    return _switch(loses_event=set(events))


def _without(variable: str, server: str) -> Sabotage:
    def spoil(platform: FakePlatform) -> None:
        spec = platform.processes[server].spec
        kept = {name: value for name, value in spec.environment.items() if name != variable}
        object.__setattr__(spec, "environment", kept)

    return spoil


def _classic_queue(queue: str) -> Sabotage:
    return lambda p: setattr(p.broker.queues[queue], "type", "classic")


def _unlimited(queue: str) -> Sabotage:
    return lambda p: p.broker.queues[queue].arguments.pop("x-delivery-limit")


def _mighty(user: str) -> Sabotage:
    return lambda p: p.broker.permissions[p.broker.vhost].update({user: (".*", ".*", ".*")})


def _stranger_at(database: str) -> Sabotage:
    return lambda p: setattr(p.databases[database], "sessions", lambda: {"root": 1})


def _stops_badly(platform: FakePlatform) -> None:
    end = platform.processes.end
    platform.processes.end = lambda server, code: end(server, code or 137)  # type: ignore[method-assign]


def _nobody_consumes(platform: FakePlatform) -> None:
    consume = platform.broker.consume

    def without() -> None:
        consume()
        platform.broker.consumers.pop("payments-service", None)

    platform.broker.consume = without


def _stolen_consumer(platform: FakePlatform) -> None:
    consume = platform.broker.consume

    def shared() -> None:
        consume()
        platform.broker.consumers["websites-service"] = ("ecommerce",)

    platform.broker.consume = shared


CONTRACT: Mapping[str, Sabotage] = {
    "contract/api-gateway": _mighty("api-gateway"),
    "contract/auth": _switch(health_status={"live": 500}),
    "contract/products": _switch(withholds={"service_requests_in_flight"}),
    "contract/baskets": _classic_queue("baskets-service"),
    "contract/orders": _unlimited("orders-service"),
    "contract/deliveries": _switch(swallows_poison=True),
    "contract/addresses": _switch(dies_of_poison=True),
    "contract/websites": _stolen_consumer,
    "contract/payments": _nobody_consumes,
    "contract/sav": _stranger_at("sav-service-mysql"),
    "contract/contacts": _stops_badly,
    "contract/newsletters": _switch(health_status={"ready": 404}),
    "contract/questions": _mighty("questions-service"),
    "contract/messages-broker": lambda p: p.broker.queues.pop("messages-broker-service.dead-letter"),
}

PLATFORM: Mapping[str, Sabotage] = {
    "platform/auth": _switch(refreshes_twice=True),
    "platform/products": _switch(asks_no_permission=True),
    "platform/baskets": _answers("baskets.put-item", 200),
    "platform/orders": _loses("order.cancelled"),
    "platform/deliveries": _answers("deliveries.move", 201),
    "platform/addresses": _answers("addresses.create", 500),
    "platform/websites": _switch(plain_errors=True),
    "platform/payments": _answers("payments.start", 200),
    "platform/sav": lambda p: p.objects["minio"].buckets["sav"].anonymous.add("s3:GetObject"),
    "platform/contacts": _loses("ticket.requested"),
    "platform/newsletters": _answers("newsletters.confirm", 200),
    "platform/questions": _answers("questions.create", 201),
    "platform/messages-broker": _switch(swallows_poison=True),
    "platform/shopping-journey": _switch(forgets_traces=True),
    "platform/compensation": _switch(skips_compensation=True),
    "platform/replicas": _switch(one_replica_works=True),
    "platform/last-items": _switch(oversells=True),
    "platform/gateway-errors": _switch(believes_any_token=True),
    "platform/bad-messages": _switch(dies_of_poison=True),
    "platform/service-trouble": _switch(needs_the_cache=True),
    "platform/orders-killed-at-commit": _switch(loses_outbox_when_killed=True),
}

ALSO: tuple[tuple[str, Sabotage], ...] = (
    ("platform/auth", _switch(keeps_revoked_tokens=True)),
    ("platform/orders", _switch(forgets_what_it_heard=True)),
    ("platform/shopping-journey", _loses("notification.order")),
    ("platform/shopping-journey", _loses("basket.cleared")),
    ("platform/gateway-errors", _switch(ignores_size=True)),
    ("platform/gateway-errors", _switch(ignores_rates=True)),
    ("platform/gateway-errors", _switch(waits_for_the_dead=True)),
    ("platform/gateway-errors", _switch(plain_errors=True)),
    ("platform/last-items", _switch(forgets_what_it_heard=True)),
    ("platform/last-items", _answers("orders.checkout", 422)),
    ("platform/bad-messages", _switch(swallows_poison=True)),
    ("platform/bad-messages", _switch(answers_nobody=True)),
    ("platform/orders-killed-at-commit", _switch(forgets_what_it_heard=True)),
    ("platform/orders-killed-at-commit", _loses("stock.committed")),
    ("contract/orders", _without("DB_PASSWORD", "orders-service")),
)
"""Further ways, where one scenario claims several things."""
