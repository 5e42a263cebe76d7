"""HTTP without a server's own clockwork: uvicorn's protocol on a listening socket, and no timer while nobody asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
Answer: TypeAlias = tuple[int, str, bytes]
"""Status, content type, body."""

_BACKLOG: Final = 1024


@asynccontextmanager
async def listening(
    app: App,
    host: str,
    port: int,
    *,
    drain_s: float = 3.0,
    keep_alive_s: int = 30,
    protocol: type[HttpToolsProtocol] = HttpToolsProtocol,
) -> AsyncIterator[None]:
    """Serve an ASGI application; leaving stops accepting, lets requests under way finish, closes the rest.

    uvicorn's own server wakes up ten times a second, which fourteen idle processes would feel; its protocol does not
    need it.
    """
    config = Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,  # whose word is taken for a client's address is the application's to say
        timeout_keep_alive=keep_alive_s,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()

    def connection() -> HttpToolsProtocol:
        return protocol(config=config, server_state=state, app_state={}, _loop=loop)

    server = await loop.create_server(connection, host, port, backlog=_BACKLOG)
    try:
        yield
    finally:
        server.close()
        for open_connection in list(state.connections):
            open_connection.shutdown()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=drain_s)
        for open_connection in list(state.connections):
            if open_connection.transport is not None:
                open_connection.transport.close()


def pages(routes: Mapping[str, Callable[[], Awaitable[Answer]]]) -> App:
    """A tiny ASGI application: exact path → page, GET and HEAD alone."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        page = routes.get(scope["path"])
        if page is None:
            status, content_type, body = 404, "text/plain", b"not found\n"
        elif scope["method"] not in {"GET", "HEAD"}:
            status, content_type, body = 405, "text/plain", b"GET it\n"
        else:
            status, content_type, body = await page()
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app
