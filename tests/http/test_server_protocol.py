"""What a client may hold of the server: time, bytes and connections are bounded, and answers leave in one piece."""

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.http.server_protocol import (
    COUNTS,
    MAX_HEAD_BYTES,
    BoundedHttpProtocol,
    CoalescingTransport,
    ConnectionCounts,
    ConnectionLimits,
    ServerConfig,
)

LIMITS = ConnectionLimits(max_connections=2, head_seconds=10, body_seconds=10, max_body_bytes=100_000)
GET = b"GET /?a=1 HTTP/1.1\r\nhost: gateway.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: gateway.test\r\ntransfer-encoding: chunked\r\n\r\n"


class WrittenTransport(asyncio.Transport):
    """Keeps what is written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 443)})
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

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

    def connect(self) -> tuple[BoundedHttpProtocol, WrittenTransport]:
        protocol = BoundedHttpProtocol(
            config=self._config,
            server_state=self._state,
            app_state={COUNTS: self.counts},
            _loop=self.time,
        )
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


async def test_what_is_written_in_one_turn_leaves_together() -> None:
    inner = WrittenTransport()
    transport = CoalescingTransport(inner)

    transport.write(b"head ")
    transport.write(b"body")
    assert inner.pieces == []
    await asyncio.sleep(0)

    assert inner.pieces == [b"head body"]


async def test_what_is_written_in_another_turn_leaves_apart() -> None:
    inner = WrittenTransport()
    transport = CoalescingTransport(inner)

    for piece in (b"one", b"two"):
        transport.write(piece)
        await asyncio.sleep(0)

    assert inner.pieces == [b"one", b"two"]


async def test_what_is_written_before_closing_leaves_first() -> None:
    inner = WrittenTransport()
    transport = CoalescingTransport(inner)

    transport.write(b"last words")
    transport.close()
    await asyncio.sleep(0)

    assert (inner.pieces, inner.closed, transport.is_closing()) == ([b"last words"], True, True)


async def test_all_else_is_the_connections_own() -> None:
    transport = CoalescingTransport(WrittenTransport())

    assert transport.get_extra_info("peername") == ("192.0.2.1", 443)


async def test_a_response_leaves_in_one_piece() -> None:
    server = Server()
    protocol, transport = server.connect()

    protocol.data_received(GET)
    await turns()

    (response,) = transport.pieces
    assert response.startswith(b"HTTP/1.1 200 OK\r\n")
    assert response.endswith(b"\r\n\r\nok")


async def test_a_connection_on_which_nothing_is_sent_is_closed() -> None:
    server = Server()
    _, transport = server.connect()

    server.time.advance(9)
    assert not transport.closed
    server.time.advance(1)

    assert (transport.closed, transport.pieces, server.counts.idle) == (True, [], 1)


@pytest.mark.parametrize("interval", [0.5, 2.0, 9.0])
async def test_a_head_that_drips_is_given_its_time_and_no_more(interval: float) -> None:
    server = Server()
    protocol, transport = server.connect()
    started = server.time.now

    for position in range(len(GET) - 1):
        if transport.closed:
            break
        protocol.data_received(GET[position : position + 1])
        server.time.advance(interval)

    assert transport.closed
    assert transport.pieces[0].startswith(b"HTTP/1.1 408 ")
    assert server.time.now - started <= 10 + 2 * interval
    assert (server.counts.slow_head, server.scopes) == (1, [])


async def test_the_head_of_a_second_request_has_its_own_time() -> None:
    server = Server()
    protocol, transport = server.connect()
    protocol.data_received(GET)
    await turns()
    server.time.advance(50)

    protocol.data_received(GET[:10])
    server.time.advance(9)
    protocol.data_received(GET[10:])
    await turns()
    server.time.advance(59)

    assert (len(server.scopes), transport.closed) == (2, False)
    server.time.advance(1)
    assert transport.closed


@pytest.mark.parametrize("head", [POST, CHUNKED + b"64\r\n"])
async def test_a_body_that_drips_is_given_its_time_and_no_more(head: bytes) -> None:
    server = Server()
    protocol, transport = server.connect()
    started = server.time.now

    protocol.data_received(head)
    for _ in range(90):
        if transport.closed:
            break
        protocol.data_received(b"x")
        await turns()
        server.time.advance(1)

    assert transport.closed
    assert server.time.now - started <= 12
    assert (server.counts.slow_body, server.scopes) == (1, [])


async def test_a_large_body_over_a_slow_line_arrives() -> None:
    server = Server()
    protocol, transport = server.connect()
    protocol.data_received(POST.replace(b"100", b"100000"))

    for _ in range(10):
        protocol.data_received(bytes(10_000))
        await turns()
        server.time.advance(2)

    assert (server.bodies, transport.closed) == ([bytes(100_000)], False)


async def test_an_app_that_takes_its_time_keeps_its_client() -> None:
    server = Server()
    protocol, transport = server.connect()
    protocol.data_received(GET + POST + bytes(100) + GET)
    server.time.advance(30)
    await turns(60)

    assert (len(server.scopes), transport.closed) == (3, False)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nx: " + b"a" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MAX_HEAD_BYTES // 6),
        b"GET / HTTP/1.1\r\nx: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MAX_HEAD_BYTES // 6 + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"a" * MAX_HEAD_BYTES + b"\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    ],
    ids=["url", "value", "fields", "whole value", "whole fields", "whole upgrade"],
)
@pytest.mark.parametrize("step", [1_000_000, 16_384])
async def test_a_head_over_its_limit_is_refused(head: bytes, step: int) -> None:
    server = Server()
    protocol, transport = server.connect()

    for position in range(0, len(head), step):
        if not transport.closed:
            protocol.data_received(head[position : position + step])
    await turns()

    assert transport.closed
    assert [piece[:12] for piece in transport.pieces] == [b"HTTP/1.1 431"]
    assert (server.counts.large_head, server.scopes) == (1, [])


async def test_a_head_just_below_its_limit_and_a_body_behind_it_are_served() -> None:
    server = Server()
    protocol, transport = server.connect()
    field = b"x: " + b"a" * (MAX_HEAD_BYTES - 200) + b"\r\n\r\n"

    protocol.data_received(POST.replace(b"100\r\n\r\n", b"90000\r\n") + field + bytes(90_000))
    await turns()

    assert (server.bodies, transport.closed) == ([bytes(90_000)], False)


async def test_requests_in_one_large_read_are_all_served() -> None:
    server = Server()
    protocol, transport = server.connect()
    count = 2 * MAX_HEAD_BYTES // len(GET)

    protocol.data_received(GET * count + GET[:10])
    await turns(10 * count)

    assert (len(server.scopes), transport.closed) == (count, False)


async def test_trailers_never_become_headers() -> None:
    server = Server()
    protocol, _ = server.connect()

    protocol.data_received(CHUNKED + b"2\r\nhi\r\n0\r\nx-api-key: planted\r\n\r\n")
    await turns()

    assert server.bodies == [b"hi"]
    assert [name for name, _ in server.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    "endless",
    [b"a: b\r\n", b"a" * 1000, b"a: b" + b"c" * 1000 + b"\r\n"],
    ids=["fields", "one name", "large fields"],
)
async def test_endless_trailers_end_the_connection(endless: bytes) -> None:
    server = Server()
    protocol, transport = server.connect()
    protocol.data_received(CHUNKED + b"0\r\n")
    sent = 0

    while not transport.closed and sent < 10 * LIMITS.max_message_bytes:
        protocol.data_received(endless * 10)
        sent += len(endless) * 10
        await turns(1)

    assert transport.closed
    assert sent <= LIMITS.max_message_bytes + 20_000
    assert server.scopes == []


async def test_a_chunk_extension_without_end_ends_the_connection() -> None:
    server = Server()
    protocol, transport = server.connect()
    protocol.data_received(CHUNKED + b"2;a=")
    sent = 0

    while not transport.closed and sent < 10 * LIMITS.max_message_bytes:
        protocol.data_received(b"x" * 10_000)
        sent += 10_000
        await turns(1)

    assert transport.closed
    assert sent <= LIMITS.max_message_bytes + 20_000


async def test_more_connections_than_allowed_are_told_to_come_again(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    held = [server.connect() for _ in range(2)]

    with caplog.at_level(logging.WARNING):
        refused = [server.connect()[1] for _ in range(5)]
    server.disconnect(held[0][0])
    await turns()

    assert all(transport.closed for transport in refused)
    assert all(transport.pieces[0].startswith(b"HTTP/1.1 503 ") for transport in refused)
    assert server.counts.too_many == 5
    assert len([record for record in caplog.records if "GATEWAY_CONNECTIONS__MAX_OPEN" in record.getMessage()]) == 1


async def test_a_place_that_is_free_again_is_given_to_the_next() -> None:
    server = Server()
    held = [server.connect() for _ in range(3)]
    for protocol, _ in held:
        server.disconnect(protocol)

    protocol, transport = server.connect()
    protocol.data_received(GET)
    await turns()

    assert (len(server.scopes), transport.closed) == (1, False)
