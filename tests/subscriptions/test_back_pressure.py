"""A client that does not read: its events stay where they are bounded, and nobody waits for it."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from tests.subscriptions.feed import MAX_MESSAGE_BYTES, Event, Feed, Served, Source
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import NEW, initialized

EVENTS = 400
TEXT = "x" * 10_000
QUERY = "subscription { events { number text } }"
SEND_BUFFER = 16_384
# What fits between the two: both kernels' buffers and the server's own high-water mark, and some for bookkeeping.
FITS = (4 * SEND_BUFFER + 65_536) // len(TEXT) + 40


@asynccontextmanager
async def unread(port: int, *requests: bytes) -> AsyncIterator[None]:
    """A connection over which requests are sent, each after the first bytes of an answer to the one before."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SEND_BUFFER)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        for request in requests[:-1]:
            await loop.sock_sendall(client, request)
            await loop.sock_recv(client, 1)
        await loop.sock_sendall(client, requests[-1])
        yield


def masked(text: bytes) -> bytes:
    """A WebSocket frame from a client, under a mask of zeros."""
    length = bytes([len(text) | 0x80]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + text


def over_websocket() -> list[bytes]:
    key = base64.b64encode(bytes(16)).decode()
    handshake = (
        "GET /graphql HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\nsec-websocket-protocol: {NEW}\r\n\r\n"
    )
    start = orjson.dumps({"type": "subscribe", "id": "a", "payload": {"query": QUERY}})
    return [handshake.encode(), masked(b'{"type":"connection_init"}') + masked(start)]


def over_sse() -> list[bytes]:
    body = orjson.dumps({"query": QUERY})
    head = (
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"accept: text/event-stream\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return [head.encode() + body]


async def open_source(feed: Feed) -> Source:
    source = await feed.opened.get()
    for number in range(EVENTS):
        source.events.put_nowait(Event(number, str(number), TEXT))
    return source


@pytest.mark.parametrize("requests", [over_websocket(), over_sse()], ids=["websocket", "sse"])
async def test_events_for_a_client_that_does_not_read_are_not_taken_from_their_source(
    served: Served, feed: Feed, requests: list[bytes]
) -> None:
    async with (
        serving(served.app, max_message_bytes=MAX_MESSAGE_BYTES, send_buffer=SEND_BUFFER) as port,
        unread(port, *requests),
    ):
        slow = await open_source(feed)
        async with initialized(port) as client:
            await client.say("subscribe", "a", query=QUERY)
            fast = await open_source(feed)
            for number in range(EVENTS):
                assert (await client.hear())["payload"]["data"]["events"]["number"] == number

        assert fast.pulled == EVENTS
        assert slow.pulled < FITS
    await asyncio.wait_for(slow.closed.wait(), 5)
