"""A client that sends pings and never reads: what waits for it is bounded, whatever kind the pings are of."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Final

import pytest
from starlette.types import Receive, Scope, Send

from gateway.http.server_protocol import ConnectionCounts
from gateway.http.socket_server_protocol import MAX_FRAGMENTS
from tests.subscriptions.feed import MAX_MESSAGE_BYTES, Served
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import NEW, connected, initialized
from tests.subscriptions.test_back_pressure import SEND_BUFFER, masked, over_websocket

PING: Final = b"\x89\xfd\0\0\0\0" + b"x" * 125
GRAPHQL_PING: Final = masked(b'{"type":"ping"}')
AT_ONCE: Final = 500
MOST_BYTES: Final = 32 * 1024 * 1024
"""Far above what the kernels and the server keep, far below what a client can send in the time of a test."""

HANDSHAKE: Final = over_websocket()[0]
INIT: Final = masked(b'{"type":"connection_init"}')


class Flood:
    """A connection that sends and never reads after its handshake; lives as long as its block."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SEND_BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._socket.setblocking(False)
        self.sent = 0

    async def open(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", port))
        await loop.sock_sendall(self._socket, HANDSHAKE)
        await loop.sock_recv(self._socket, 1024)
        await loop.sock_sendall(self._socket, INIT)

    async def send(self, frames: bytes) -> None:
        """Send the frames again and again, until the server takes no more or ends the connection."""
        loop = asyncio.get_running_loop()
        while self.sent < MOST_BYTES:
            await loop.sock_sendall(self._socket, frames)
            self.sent += len(frames)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def counts() -> ConnectionCounts:
    return ConnectionCounts()


@pytest.fixture
def flood() -> Iterator[Flood]:
    opened = Flood()
    yield opened
    opened.close()


async def test_pings_of_a_client_that_never_reads_end_its_connection(
    served: Served, flood: Flood, counts: ConnectionCounts
) -> None:
    async with serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES, send_buffer=SEND_BUFFER, counts=counts) as port:
        await flood.open(port)
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken, as the system has it
            await flood.send(PING * AT_ONCE)
        async with initialized(port) as another:
            await another.say("ping")
            assert await another.hear() == {"type": "pong"}
        async with asyncio.timeout(5):
            while served.subscriptions.open_connections:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)

    assert counts == ConnectionCounts(unread=1)


async def test_graphql_pings_of_a_client_that_never_reads_are_not_read_either(served: Served, flood: Flood) -> None:
    async with serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES, send_buffer=SEND_BUFFER) as port:
        await flood.open(port)
        flooding = asyncio.create_task(flood.send(GRAPHQL_PING * AT_ONCE))
        sent = -1
        while flood.sent != sent:
            sent = flood.sent
            async with initialized(port) as another:
                for _ in range(200):
                    await another.say("ping")
                    assert await another.hear() == {"type": "pong"}

        assert not flooding.done()
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)

    assert flood.sent < MOST_BYTES


async def test_a_client_that_never_reads_is_cut_because_its_pings_are_not_answered(
    served: Served, flood: Flood, counts: ConnectionCounts
) -> None:
    serve = serving(
        served.app, max_message_bytes=MAX_MESSAGE_BYTES, send_buffer=SEND_BUFFER, counts=counts, ping_seconds=0.2
    )
    async with serve as port:
        await flood.open(port)
        with pytest.raises(OSError):  # noqa: PT011 - reset or broken, as the system has it
            await flood.send(GRAPHQL_PING * AT_ONCE)

    assert counts == ConnectionCounts(no_pong=1)


async def test_pings_of_a_client_that_reads_are_all_answered(served: Served, counts: ConnectionCounts) -> None:
    async with (
        serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES, counts=counts) as port,
        initialized(port) as client,
    ):
        for _ in range(20):
            await asyncio.gather(*[await client.connection.ping(bytes([number])) for number in range(50)])

    assert counts == ConnectionCounts()


async def test_a_client_that_reads_again_gets_the_latest_pong(counts: ConnectionCounts) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        await receive()
        await send({"type": "websocket.accept", "subprotocol": NEW})
        await send({"type": "websocket.send", "bytes": bytes(4_000_000)})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with serving(app, max_message_bytes=100, send_buffer=SEND_BUFFER, counts=counts) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        for number in range(10):
            writer.write(b"\x89\x81\0\0\0\0" + bytes([number]))
            await writer.drain()
        await reader.readexactly(10 + 4_000_000)
        answer = await reader.readexactly(3)
        while answer != b"\x8a\x01\x09":
            assert answer[:2] == b"\x8a\x01"
            answer = await reader.readexactly(3)
        writer.close()

    assert counts == ConnectionCounts()


async def test_a_message_of_endless_empty_fragments_is_refused(served: Served, counts: ConnectionCounts) -> None:
    async with (
        serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES, counts=counts) as port,
        connected(port, NEW) as client,
    ):
        client.connection.transport.write(b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * (MAX_FRAGMENTS + 1))
        code, reason = await client.closing()

    assert (code, reason) == (1009, "Send messages in fewer fragments.")
    assert counts == ConnectionCounts(many_fragments=1)


async def test_a_ping_that_is_not_answered_closes_by_a_code_after_which_clients_come_back(
    served: Served, counts: ConnectionCounts
) -> None:
    async with serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES, counts=counts, ping_seconds=0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE + INIT)
        async with asyncio.timeout(5):
            said = await reader.read(-1)
        writer.close()

    assert said.endswith((1013).to_bytes(2, "big") + b"Connect again: a ping was not answered in time.")
    assert counts == ConnectionCounts(no_pong=1)
