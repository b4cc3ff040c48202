"""Serves an ASGI app on loopback from the running event loop, and stops at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.sandbox.faults import CUT_CONNECTION


class _LoopbackServer:
    """A uvicorn server without its signal handlers, its ticks and its grace; lives as long as one `serving` block.

    uvicorn's own shutdown waits a tenth of a second and for every open connection, which a test pays for each time.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._state = ServerState()
        self._stopping = False
        self._config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
        )

    async def start(self, host: str, port: int) -> asyncio.Server:
        self._config.load()
        # The loop makes the socket: on one from socket.create_server it sets no TCP_NODELAY, and answers take 40 ms.
        return await asyncio.get_running_loop().create_server(self._protocol, host, port, backlog=2048)

    async def stop(self, server: asyncio.Server) -> None:
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
        # It goes by the process's log, which may want the gateway's requests and not the partner's signature in ours.
        protocol.access_log = False
        return protocol

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        offered = {**scope.get("extensions", {}), CUT_CONNECTION: self._cutter(scope["client"])}
        try:
            await self._app({**scope, "extensions": offered}, receive, send)
        except asyncio.CancelledError:
            # Requests that are cancelled because the block ends are no error that uvicorn should log.
            if not self._stopping:
                raise

    def _cutter(self, client: tuple[str, int]) -> Callable[[], None]:
        def cut() -> None:
            for connection in list(self._state.connections):
                if isinstance(connection, HttpToolsProtocol) and connection.client == client:
                    connection.transport.close()

        return cut


@asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an app for as long as the block runs; its lifespan is not run.

    Args:
        app: A simulator's app, or any other that speaks HTTP alone.
        host: An address of this machine.
        port: 0 takes a free one.

    Yields:
        The base URL, such as "http://127.0.0.1:8001".

    Raises:
        OSError: The address is taken or none of this machine's.
    """
    loopback = _LoopbackServer(app)
    server = await loopback.start(host, port)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        await loopback.stop(server)
