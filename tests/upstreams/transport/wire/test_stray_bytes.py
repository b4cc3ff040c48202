"""What a server says beyond an answer is nobody's answer, and no part of one."""

import asyncio
import gzip
import os
import socket
from itertools import pairwise
from random import Random

import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.transport.wire.connection import SocketState, WireConnection
from resolvers.upstreams.transport.wire.wire import Wire
from tests.upstreams.transport.wire.talking_server import Talk, answer, answering, by_turns, call_to, saying, serving

ANSWERS = {
    "length": answer(b'{"a": 1}'),
    "body that ends its line": answer(b'{"a": 1}\n'),
    "no body": answer(b""),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "chunked": b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n',
    "trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nretry-after: 9\r\n\r\n",
    "gzip": answer(gzip.compress(b'{"a": 1}'), "content-encoding: gzip"),
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"[]"),
    "folded": b"HTTP/1.1 200 OK\r\nx-note: one\r\n two\r\ncontent-length: 2\r\n\r\n{}",
}
JUNK = {
    "a letter": b"H",
    "half a head": b"HTTP/1.1 418 X\r\nX-A: ",
    "a head without length": b"HTTP/1.1 418 X\r\nX-A: 1\r\n\r\n",
    "half an interim": b"HTTP/1.1 100 Cont",
    "an interim": b"HTTP/1.1 100 Continue\r\n\r\n",
    "an answer": answer(b"wrong"),
    "an answer in chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwrong\r\n0\r\n\r\n",
    "an answer without body": b"HTTP/1.1 204 No Content\r\nretry-after: 9\r\n\r\n",
    "half a body": answer(b"wrong")[:-1],
    "no HTTP": b"\0\xff\n\n",
    "an empty line": b"\r\n",
    "a line feed": b"\n",
    "a carriage return": b"\r",
    "an empty line and an answer": b"\r\n" + answer(b"wrong"),
    "a chunk": b"5\r\nwrong\r\n0\r\n\r\n",
}
PLACES = 6


def pieces(said: bytes, at: list[int]) -> list[bytes]:
    """The same in pieces."""
    ends = [0, *sorted(at), len(said)]
    return [said[begin:end] for begin, end in pairwise(ends) if begin < end]


def slowly(parts: list[bytes]) -> Talk:
    """Say these parts, each after the other side has read the one before."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            for _turn in range(4):
                await asyncio.sleep(0)

    return talk


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS.keys())
async def test_bytes_behind_an_answer_are_no_part_of_the_next(wire: Wire, said: bytes, junk: bytes) -> None:
    random = Random(said + junk)  # noqa: S311 - the same places each time
    for _ in range(PLACES):
        cut = random.sample(range(1, len(said)), random.randint(0, 3))
        async with serving(by_turns(slowly(pieces(said, cut)))) as clean:
            alone = await wire.send(call_to(clean.url))
        first = pieces(said, cut)
        first[-1] += junk

        async with serving(by_turns(slowly(first), answering(b"right"))) as server:
            before = await wire.send(call_to(server.url))
            after = await wire.send(call_to(server.url, method="POST"))

        assert (before.status, before.headers, before.body) == (alone.status, alone.headers, alone.body)
        assert (after.status, after.headers, after.body) == (200, {"content-length": "5"}, b"right")
        assert [len(heads) for heads in server.heads] == [1, 1]


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_answer_with_nothing_behind_it_leaves_the_connection_to_the_next(wire: Wire, said: bytes) -> None:
    async with serving(by_turns(saying(said), answering(b"right"))) as server:
        await wire.send(call_to(server.url))
        after = await wire.send(call_to(server.url))

    assert (after.body, server.connections) == (b"right", 1)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("announced", ["content-length: 5", "transfer-encoding: chunked", "transfer-encoding: gzip"])
async def test_nothing_follows_an_answer_that_announces_a_body_where_there_is_none(
    wire: Wire, status: str, announced: str
) -> None:
    said = f"HTTP/1.1 {status}\r\n{announced}\r\n\r\n".encode()

    async with serving(by_turns(saying(said), answering(b"right"))) as server:
        before = await wire.send(call_to(server.url))
        after = await wire.send(call_to(server.url))

    assert (before.body, after.body) == (b"", b"right")
    assert server.connections == 2


@pytest.mark.parametrize("stray", [answer(b"wrong"), b"H", b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_the_socket_is_looked_at_right_before_it_is_used_again(wire: Wire, stray: bytes) -> None:
    """Between the look and what came there is no turn of the event loop in which it could have been read."""
    writers: list[asyncio.StreamWriter] = []

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(answer(b"right"))

    async with serving(talk) as server:
        await wire.send(call_to(server.url))
        writers[0].transport.set_write_buffer_limits(0)
        writers[0].write(stray)
        call = call_to(server.url, method="POST")
        after = await wire.send(call)

    assert (after.body, call.tries) == (b"right", 1)
    assert [len(heads) for heads in server.heads] == [1, 1]


async def test_a_connection_whose_end_has_come_is_not_used_again(wire: Wire) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(answer(b"right"))

    async with serving(talk) as server:
        await wire.send(call_to(server.url))
        with socket.socket(fileno=os.dup(writers[0].get_extra_info("socket").fileno())) as copy:
            copy.shutdown(socket.SHUT_WR)
        call = call_to(server.url, method="POST")
        after = await wire.send(call)

    assert (after.body, call.tries) == (b"right", 1)


async def test_an_answer_that_begins_before_its_request_was_sent_is_the_last_on_its_connection(wire: Wire) -> None:
    body = bytes(20_000_000)

    async with serving(by_turns(answering(b"too large", status="413 Too Large"), answering(b"right"))) as server:
        large = call_to(server.url, method="POST")
        large.body = body
        before = await wire.send(large)
        after = await wire.send(call_to(server.url, method="POST"))

    assert (before.status, before.body, after.body) == (413, b"too large", b"right")
    assert server.connections == 2


class Elsewhere:
    """A kernel on another machine, which acknowledges later than it takes a connection to bring a stray answer.

    All that a test can reach is on this machine, whose kernel acknowledges while it sends.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._unacknowledged = 0
        monkeypatch.setattr(SocketState, "unacknowledged", lambda _: self._unacknowledged)
        connection_made = WireConnection.connection_made

        def made(connection: WireConnection, transport: asyncio.BaseTransport) -> None:
            connection_made(connection, transport)
            connection._is_remote = True

        monkeypatch.setattr(WireConnection, "connection_made", made)

    def acknowledges(self, talk: Talk, unacknowledged: int) -> Talk:
        """So many bytes are on their way while it says this."""

        async def talking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._unacknowledged = unacknowledged
            await talk(reader, writer)

        return talking


async def test_an_answer_sent_before_the_request_arrived_is_not_its_answer(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Elsewhere(monkeypatch)
    talks = (
        elsewhere.acknowledges(answering(b"1"), 0),
        elsewhere.acknowledges(answering(b"stray"), 1000),
        elsewhere.acknowledges(answering(b"right"), 0),
    )

    async with serving(by_turns(*talks)) as server:
        await wire.send(call_to(server.url))
        call = call_to(server.url)
        after = await wire.send(call)

    assert (after.body, call.tries) == (b"right", 2)
    assert [len(heads) for heads in server.heads] == [2, 1]


async def test_a_change_that_a_stray_answer_crossed_is_in_doubt_and_not_sent_again(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Elsewhere(monkeypatch)
    talks = (elsewhere.acknowledges(answering(b"1"), 0), elsewhere.acknowledges(answering(b"stray"), 1000))

    async with serving(by_turns(*talks)) as server:
        await wire.send(call_to(server.url))
        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown
    assert len(server.requests) == 2
