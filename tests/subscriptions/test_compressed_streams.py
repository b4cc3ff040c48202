"""Compressed streams: each event arrives at once, and what a client has read so far can always be decoded."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final

import httpx
import pytest
from starlette.types import Message

from gateway.http.compression import AT_ONCE, Compression, CompressionConfig
from gateway.subscriptions.connections import SubscriptionsConfig
from gateway.subscriptions.responses import Response
from gateway.subscriptions.streamed_response import SERVER_SENT_EVENTS, StreamedResponse
from tests.http.codings import DECODE, decoder
from tests.subscriptions.conftest import Serve
from tests.subscriptions.feed import Event, Feed, Served
from tests.subscriptions.loopback import serving
from tests.subscriptions.socket_client import PATIENCE_SECONDS, SUBSCRIPTION
from tests.subscriptions.stream_client import MULTIPART, SSE

QUERY: Final = "subscription { events { number text } }"
END: Final = {SSE: b"event: complete\ndata:\n\n", MULTIPART: b"--\r\n"}


class Reader:
    """Reads a compressed stream as it comes; lifetime: its block."""

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = response.aiter_raw()
        self._decode = decoder(response.headers["content-encoding"])
        self.sent = 0
        self.text = b""

    async def until(self, mark: bytes) -> None:
        while mark not in self.text:
            await self.read_piece()

    async def read_piece(self) -> None:
        piece = await anext(self._pieces)
        self.sent += len(piece)
        self.text += self._decode(piece)

    async def rest(self) -> None:
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await self.read_piece()


def streaming(
    client: httpx.AsyncClient, port: int, accept_encoding: str, accept: str = SSE, query: str = SUBSCRIPTION
) -> contextlib.AbstractAsyncContextManager[httpx.Response]:
    headers = {"accept": accept, "accept-encoding": accept_encoding}
    return client.stream("POST", f"http://127.0.0.1:{port}/graphql", headers=headers, json={"query": query})


@pytest.mark.parametrize("accept", [SSE, MULTIPART])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_each_event_arrives_at_once(port: int, feed: Feed, coding: str, accept: str) -> None:
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(trust_env=False) as client,
        streaming(client, port, coding, accept) as response,
    ):
        reader = Reader(response)
        source = await feed.opened.get()
        for number in range(50):
            source.events.put_nowait(Event(number, str(number)))
            # The next event is made only once this one has been read.
            await reader.until(b'{"number":%d}' % number)
        source.events.put_nowait(None)
        await reader.rest()

    assert response.headers["content-encoding"] == coding
    assert "accept-encoding" in response.headers["vary"]
    assert reader.text.endswith(END[accept])
    assert reader.sent < len(reader.text) / 2


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [("gzip, deflate, br, zstd", "gzip"), ("br", None), ("identity", None), ("zstd, gzip;q=0.5", "zstd")],
)
async def test_streams_offer_the_codings_that_take_little_memory(
    port: int, accept_encoding: str, coding: str | None
) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, streaming(client, port, accept_encoding) as response:
        assert response.headers.get("content-encoding") == coding


@pytest.mark.parametrize("compression", [None, Compression(CompressionConfig(streams=False))], ids=["all", "streams"])
async def test_compression_of_streams_can_be_switched_off(serve: Serve, compression: Compression | None) -> None:
    config = SubscriptionsConfig(compression=compression)
    async with (
        serve(config) as port,
        httpx.AsyncClient(trust_env=False) as client,
        streaming(client, port, "gzip") as response,
    ):
        assert "content-encoding" not in response.headers
        assert await anext(response.aiter_raw()) == b":\n\n"


async def test_a_large_event_comes_in_pieces_and_whole(feed: Feed, served: Served) -> None:
    text = "".join(str(number) for number in range(AT_ONCE // 2))
    async with (
        serving(served.app, max_message_bytes=1000) as port,
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(trust_env=False) as client,
        streaming(client, port, "gzip", query=QUERY) as response,
    ):
        reader = Reader(response)
        source = await feed.opened.get()
        source.events.put_nowait(Event(1, "c1", text))
        source.events.put_nowait(None)
        await reader.rest()

    assert len(text) > 2 * AT_ONCE
    assert text.encode() in reader.text
    assert reader.text.endswith(END[SSE])


class HeldServer:
    """Takes what is sent while its client reads, as servers do; test lifetime."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.reads.set()
        self.held = asyncio.Event()
        self.body = b""

    async def send(self, message: Message) -> None:
        if not self.reads.is_set():
            self.held.set()
            await self.reads.wait()
        self.body += message.get("body", b"")

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_stream_that_is_ended_while_its_client_does_not_read_can_still_be_decoded(coding: str) -> None:
    server = HeldServer()
    config = SubscriptionsConfig(compression=Compression(CompressionConfig()))
    response = StreamedResponse(SERVER_SENT_EVENTS, server.receive, server.send, config, coding.encode())

    async def responses() -> AsyncGenerator[Response, None]:
        yield Response(b"1")
        server.reads.clear()
        yield Response(b"2")

    streaming = asyncio.create_task(response.stream(responses()))
    await asyncio.wait_for(server.held.wait(), PATIENCE_SECONDS)
    response.end()
    server.reads.set()
    await asyncio.wait_for(streaming, PATIENCE_SECONDS)

    assert DECODE[coding](server.body) == b":\n\nevent: next\ndata: 1\n\nevent: next\ndata: 2\n\n"
