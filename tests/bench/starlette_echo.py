"""The least a gateway over AMQP could be: Starlette under uvicorn, one channel of pika, and an echo behind it."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pika
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench.bare_amqp import EXCHANGE, QUEUE, Broker, open_channel

_START_S = 20.0
_REPLY_TO = "amq.rabbitmq.reply-to"


@contextmanager
def starlette_gateway(broker: Broker) -> Iterator[tuple[int, int]]:
    """Its port on loopback, and its process's id; every GET is asked of the echo and answered with its reply."""
    context = multiprocessing.get_context("spawn")
    port = context.Value("i", 0)
    process = context.Process(target=_serve, args=(broker, port), daemon=True)
    process.start()
    try:
        ends_s = time.monotonic() + _START_S
        while not port.value and process.is_alive() and time.monotonic() < ends_s:
            time.sleep(0.02)
        if not port.value:
            raise SystemExit("the bare gateway did not start")
        yield int(port.value), int(process.pid or 0)
    finally:
        process.kill()
        process.join(5)


def _serve(broker: Broker, port: Any) -> None:
    import uvloop  # noqa: PLC0415 - as uvicorn would choose it

    uvloop.run(_run(broker, port))


async def _run(broker: Broker, port: Any) -> None:
    channel = await open_channel(broker)
    loop = asyncio.get_running_loop()
    waiting: dict[str, asyncio.Future[bytes]] = {}
    numbers = itertools.count()

    def replied(_: Any, __: Any, properties: pika.BasicProperties, body: bytes) -> None:
        future = waiting.pop(properties.correlation_id or "", None)
        if future is not None and not future.done():
            future.set_result(body)

    consuming = loop.create_future()
    channel.basic_consume(_REPLY_TO, replied, auto_ack=True, callback=consuming.set_result)
    await consuming

    async def ask(_: Request) -> Response:
        number = str(next(numbers))
        answer = waiting[number] = loop.create_future()
        channel.basic_publish(
            EXCHANGE, QUEUE, b"", pika.BasicProperties(reply_to=_REPLY_TO, correlation_id=number, type="request")
        )
        return Response(await answer, media_type="application/json")

    config = uvicorn.Config(
        Starlette(routes=[Route("/{path:path}", ask)]), host="127.0.0.1", port=0, log_level="error", http="httptools"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port.value = server.servers[0].sockets[0].getsockname()[1]
    await serving
