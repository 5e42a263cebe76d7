"""Requests and replies over bare AMQP: what the gateway and the services are compared with."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika
import pika.adapters.asyncio_connection
import uvloop

from sim.servers.rabbitmq import RabbitCluster

QUEUE = "bench.echo"
EXCHANGE = "ecommerce.direct"
_BODY = b'{"service": "bench", "pod": "bench-0"}'
_PREFETCH = 64
_CONNECT_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where and as whom to speak AMQP."""

    host: str
    port: int
    vhost: str
    user: str
    password: str

    def parameters(self) -> pika.ConnectionParameters:
        return pika.ConnectionParameters(
            self.host, self.port, self.vhost, pika.PlainCredentials(self.user, self.password), heartbeat=60
        )


def declare_echo(cluster: RabbitCluster, leader: str) -> None:
    """The echo's queue is of the services' own kind, a replica on each node, and led where the caller says."""
    cluster.declare_queue(QUEUE, {"x-queue-type": "quorum"}, node=leader)
    cluster.bind_queue(QUEUE, EXCHANGE, QUEUE)


@contextmanager
def echoing(broker: Broker) -> Iterator[int]:
    """A consumer in a process of its own (its id) that answers every message with a small body, and nothing else."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=_echo, args=(broker, ready), daemon=True)
    process.start()
    try:
        if not ready.wait(_CONNECT_TIMEOUT_S):
            raise SystemExit(f"the bare consumer did not start within {_CONNECT_TIMEOUT_S:g} s")
        yield int(process.pid or 0)
    finally:
        process.terminate()
        process.join(5)


def _echo(broker: Broker, ready: Any) -> None:
    async def serve() -> None:
        channel = await open_channel(broker)
        channel.basic_qos(prefetch_count=_PREFETCH)

        def answer(_: Any, deliver: Any, properties: pika.BasicProperties, body: bytes) -> None:
            del body
            channel.basic_publish(
                "", properties.reply_to or "", _BODY, pika.BasicProperties(correlation_id=properties.correlation_id)
            )
            channel.basic_ack(deliver.delivery_tag)

        channel.basic_consume(QUEUE, answer, callback=lambda _: ready.set())
        await asyncio.Event().wait()

    uvloop.run(serve())


async def open_channel(broker: Broker) -> Any:
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[Any] = loop.create_future()

    def failed(_: Any, error: Any) -> None:
        if not opened.done():
            opened.set_exception(SystemExit(f"no AMQP at {broker.host}:{broker.port}: {error}"))

    pika.adapters.asyncio_connection.AsyncioConnection(
        broker.parameters(),
        on_open_callback=lambda connection: connection.channel(on_open_callback=opened.set_result),
        on_open_error_callback=failed,
        on_close_callback=failed,
        custom_ioloop=loop,
    )
    return await asyncio.wait_for(opened, _CONNECT_TIMEOUT_S)


def bare_rate(broker: Broker, under_way: int, seconds: float) -> float:
    """Replies a second, over the direct reply-to, with ``under_way`` requests unanswered at any time."""

    async def ask() -> float:
        channel = await open_channel(broker)
        answered = 0
        stop_s = float("inf")

        def publish() -> None:
            channel.basic_publish(
                EXCHANGE,
                QUEUE,
                b"",
                pika.BasicProperties(
                    reply_to="amq.rabbitmq.reply-to", correlation_id=str(answered), type="request", delivery_mode=1
                ),
            )

        def replied(*_: Any) -> None:
            nonlocal answered
            answered += 1
            if time.monotonic() < stop_s:
                publish()

        consuming = asyncio.get_running_loop().create_future()
        channel.basic_consume("amq.rabbitmq.reply-to", replied, auto_ack=True, callback=consuming.set_result)
        await consuming
        start_s = time.monotonic()
        stop_s = start_s + seconds
        for _ in range(under_way):
            publish()
        await asyncio.sleep(seconds)
        rate = answered / (time.monotonic() - start_s)
        await asyncio.sleep(0.2)
        channel.connection.close()
        return rate

    return uvloop.run(ask())
