"""Serve an ASGI app on loopback in the running event loop, and stop without delay."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.sandbox.faults import CUT_CONNECTION

KEEP_ALIVE_SECONDS: Final = 120
"""How long an idle connection stays open."""


class _LoopbackServer:
    """A uvicorn server without signal handlers, ticks and graceful shutdown; lifetime of one `serving` block.

    uvicorn's own shutdown waits 0.1 seconds and for every open connection, which each test would have to pay for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._state = ServerState()
        self._stopping = False
        self._config = uvicorn.Config(
            self._serve,
            # Uvicorn would take a bound method for ASGI 2.
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            # Longer than clients keep an idle connection, so that it is not closed while one sends its next request.
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )

    async def start(self, host: str, port: int) -> asyncio.Server:
        self._config.load()
        # The loop must create the socket: on one from socket.create_server it sets no TCP_NODELAY, which costs 40 ms.
        return await asyncio.get_running_loop().create_server(self._protocol, host, port, backlog=2048)

    async def stop(self, server: asyncio.Server) -> None:
        # Set first, because `_serve` then swallows the cancellations that follow.
        self._stopping = True
        server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    def _protocol(self) -> asyncio.Protocol:
        protocol = HttpToolsProtocol(config=self._config, server_state=self._state, app_state={})
        # The process's log configuration would apply here, and a path may hold the partner's signature.
        protocol.access_log = False
        return protocol

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        offered = {**scope.get("extensions", {}), CUT_CONNECTION: self._cutter(scope["client"])}
        try:
            await self._app({**scope, "extensions": offered}, receive, send)
        except asyncio.CancelledError:
            # Requests cancelled at the end of the block are not errors for uvicorn to log.
            if not self._stopping:
                raise

    def _cutter(self, client: tuple[str, int]) -> Callable[[], None]:
        def cut() -> None:
            for connection in list(self._state.connections):
                # The ASGI scope does not hold the connection; among open ones the client's port is unique.
                if isinstance(connection, HttpToolsProtocol) and connection.client == client:
                    # Not `abort`, which would drop the half of a body that was sent before.
                    connection.transport.close()

        return cut


@asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an app while the block runs. The lifespan of the app is not run.

    Args:
        app: A simulator's app, or another app that uses HTTP only.
        host: An address of this machine.
        port: The port; 0 selects a free one.

    Yields:
        The base URL, such as "http://127.0.0.1:8001".

    Raises:
        OSError: The address is in use or does not belong to this machine.
    """
    loopback = _LoopbackServer(app)
    server = await loopback.start(host, port)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        await loopback.stop(server)
