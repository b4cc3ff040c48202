"""The server's protocol without a socket: its transport, clock and timers are moved by hand."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.http.server_protocol import (
    COUNTS,
    BoundedHttpProtocol,
    ConnectionCounts,
    ConnectionLimits,
    ServerConfig,
)

LIMITS = ConnectionLimits(max_connections=2, head_seconds=10, body_seconds=10, max_body_bytes=100_000)


class WrittenTransport(asyncio.Transport):
    """Keeps what is written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 443)})
        self.pieces: list[bytes] = []
        self.ended = False
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        assert not self.closed
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Timer:
    """A call that is due at a time, until it is cancelled."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        self.call = None


class ManualTime:
    """The running event loop, but for its clock and timers, which a test moves by hand."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self.now = 1000.0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the loop has
        return getattr(self._loop, name)

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[..., object], *arguments: object) -> Timer:
        timer = Timer(lambda: call(*arguments))
        heapq.heappush(self._timers, (self.now + seconds, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while self._timers and self._timers[0][0] <= until:
            self.now, _, timer = heapq.heappop(self._timers)
            if timer.call is not None:
                timer.call()
        self.now = until


class Server:
    """A server without a socket: connections are made by hand."""

    def __init__(self, limits: ConnectionLimits = LIMITS) -> None:
        self.time = ManualTime()
        self.counts = ConnectionCounts()
        self.scopes: list[Scope] = []
        self.bodies: list[bytes] = []
        self._state = ServerState()
        self._config = ServerConfig(self._app, limits, log_config=None, timeout_keep_alive=60, interface="asgi3")
        self._config.load()

    def protocol(self) -> BoundedHttpProtocol:
        return BoundedHttpProtocol(
            config=self._config,
            server_state=self._state,
            app_state={COUNTS: self.counts},
            _loop=self.time,
        )

    def connect(self) -> tuple[BoundedHttpProtocol, WrittenTransport]:
        protocol = self.protocol()
        transport = WrittenTransport()
        protocol.connection_made(transport)
        return protocol, transport

    def disconnect(self, protocol: BoundedHttpProtocol) -> None:
        protocol.connection_lost(None)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
        self.scopes.append(scope)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
