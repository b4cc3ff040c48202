"""Serves an app with WebSockets on loopback from the running event loop, and stops at once."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.http.server_protocol import COUNTS, ConnectionCounts
from gateway.http.socket_server_protocol import BoundedWebSocketProtocol


@asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    max_message_bytes: int,
    send_buffer: int | None = None,
    counts: ConnectionCounts | None = None,
    ping_seconds: float = 20.0,
) -> AsyncIterator[int]:
    """Serve an app for as long as the block runs.

    Args:
        app: Speaks HTTP and WebSocket.
        max_message_bytes: The largest message over a WebSocket.
        send_buffer: The kernel's, for each connection, in bytes.
        counts: Where connections are counted that the server ends.
        ping_seconds: The interval of pings, and what an answer may take.

    Yields:
        The port.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws=BoundedWebSocketProtocol,
        ws_max_size=max_message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=ping_seconds,
        ws_ping_timeout=ping_seconds,
    )
    config.load()
    state = ServerState()
    app_state = {COUNTS: counts or ConnectionCounts()}
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)

    def protocol() -> asyncio.Protocol:
        return HttpToolsProtocol(config=config, server_state=state, app_state=app_state)

    server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await server.wait_closed()
