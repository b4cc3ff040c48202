"""Where an answer begins and ends: what RFC 9112 bids a client take is taken, and what it forbids is no answer."""

import asyncio
import tracemalloc

import pytest

from resolvers.errors import UpstreamBadAnswer, UpstreamUnavailable
from resolvers.upstreams.transport.wire.parser import MAX_HEAD_BYTES
from resolvers.upstreams.transport.wire.wire import Wire
from tests.upstreams.transport.wire.talking_server import answer, call_to, saying, serving

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
LONG = b"x" * 1000 + b"\r\n"


@pytest.mark.parametrize("then_close", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="SSH"),
        pytest.param(b"RTSP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="RTSP"),
        pytest.param(b"ICE/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="ICE"),
        pytest.param(b"HTTP/0.9 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="0.9"),
        pytest.param(b"HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="1.2"),
        pytest.param(b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="2.0"),
        pytest.param(b"HTTP/1.10 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="1.10"),
        pytest.param(b"http/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="small letters"),
        pytest.param(b"HTTP/1.1 000 OK\r\ncontent-length: 2\r\n\r\n{}", id="000"),
        pytest.param(b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\n{}", id="099"),
        pytest.param(b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}", id="20"),
        pytest.param(b"HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}", id="2000"),
        pytest.param(b"HTTP/1.1 1xx OK\r\n\r\n" + answer(b"{}"), id="1xx"),
        pytest.param(b"HTTP/1.1 101 OK\r\n\r\n" + answer(b"{}"), id="101"),
        pytest.param(b"\r\n" + answer(b"{}"), id="an empty line before"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n" + CHUNKS, id="gzip, chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n" + CHUNKS, id="chunked twice"),
        pytest.param(CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, id="chunked in two fields"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n{}", id="gzip alone"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n" + CHUNKS, id="chunked, gzip"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip,\r\n chunked\r\n\r\n" + CHUNKS, id="folded codings"),
        pytest.param(CHUNKED + b"content-length: 2\r\n\r\n" + CHUNKS, id="chunked and a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n 2\r\n\r\n" + bytes(12), id="a folded length"),
        pytest.param(b"HTTP/1.1 200 OK\r\n x: y\r\ncontent-length: 2\r\n\r\n{}", id="a blank before the first field"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx : y\r\ncontent-length: 2\r\n\r\n{}", id="a blank behind a name"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nx: a\0b\r\ny:\r\n z\r\ncontent-length: 2\r\n\r\n{}", id="a zero beside a fold"
        ),
    ],
)
async def test_what_is_no_answer_of_http_1_is_a_bad_answer(wire: Wire, said: bytes, *, then_close: bool) -> None:
    async with serving(saying(said, then_close=then_close)) as server:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read") as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown


@pytest.mark.parametrize("pieces", ["whole", "bytes"])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\tc\r\ncontent-length: 2\r\n\r\n{}", id="folded"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx:\r\n \t a\r\n \r\ncontent-length:\r\n 2\r\n\r\n{}", id="folded and empty"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\ntransfer-encoding:\r\n chunked\r\n\r\n" + CHUNKS, id="chunked"),
        *(
            pytest.param(
                b"HTTP/1.1 " + status + b" X\r\n" + field + b"\r\n\r\n" + answer(b"{}"), id=f"{status!r} {field!r}"
            )
            for status in (b"100", b"102", b"103", b"199")
            for field in (
                b"content-length: 5",
                b"content-length: x",
                b"content-length: 1\r\ncontent-length: 2",
                b"transfer-encoding: chunked",
                b"transfer-encoding: gzip\r\ncontent-length: 3",
                b"connection: close",
                b"connection: upgrade\r\nupgrade: x",
                b"x: a\r\n b",
                b"retry-after: 9",
                b"odd",
            )
        ),
        pytest.param(b"HTTP/1.1 100\r\n\r\nHTTP/1.0 100 X\r\n\r\n" + answer(b"{}"), id="interims without a reason"),
        pytest.param(b"HTTP/1.1 200 \xe4\r\ncontent-length: 2\r\n\r\n{}", id="a reason in Latin-1"),
        pytest.param(CHUNKED.replace(b"chunked", b"Chunked") + b"\r\n" + CHUNKS, id="a coding in capitals"),
    ],
)
async def test_an_answer_is_taken_as_the_rfc_bids_a_client(wire: Wire, said: bytes, pieces: str) -> None:
    parts = [said] if pieces == "whole" else [bytes([byte]) for byte in said]

    async with serving(saying(*parts)) as server:
        answers = [await wire.send(call_to(server.url)) for _ in range(2)]

    assert [(one.status, one.body, one.headers.get("retry-after")) for one in answers] == [(200, b"{}", None)] * 2
    assert server.connections == 1


async def test_chunks_of_http_1_0_are_read_and_end_the_connection(wire: Wire) -> None:
    said = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n" + CHUNKS

    async with serving(saying(said)) as server:
        answers = [await wire.send(call_to(server.url)) for _ in range(2)]

    assert [one.body for one in answers] == [b"{}", b"{}"]
    assert server.connections == 2


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("before", "repeated", "after"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"x: " + LONG, b"content-length: 2\r\n\r\n{}", id="fields"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: ", b"x" * 1000, b"\r\ncontent-length: 2\r\n\r\n{}", id="a field"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: y", b"\r\n " + LONG[:-2], b"\r\ncontent-length: 2\r\n\r\n{}", id="folds"),
        pytest.param(b"HTTP/1.1 200 ", b"x" * 1000, b"\r\ncontent-length: 2\r\n\r\n{}", id="a reason"),
        pytest.param(b"", b"HTTP/1.1 103 Hints\r\nx: " + LONG + b"\r\n", answer(b"{}"), id="interims"),
        pytest.param(b"HTTP/1.1 103 Hints\r\n", b"x: " + LONG, b"\r\n" + answer(b"{}"), id="an interim"),
        pytest.param(CHUNKED + b"\r\n2\r\n{}\r\n0\r\n", b"x: " + LONG, b"\r\n", id="trailers"),
        pytest.param(CHUNKED + b"\r\n2\r\n{}\r\n0\r\nx: ", b"x" * 1000, b"\r\n\r\n", id="a trailer"),
        pytest.param(CHUNKED + b"\r\n2;x=", b"x" * 1000, b"\r\n{}\r\n0\r\n\r\n", id="an extension"),
        pytest.param(CHUNKED + b"\r\n", b"1;x=" + LONG + b"x\r\n", b"0\r\n\r\n", id="extensions"),
        pytest.param(CHUNKED + b"\r\n2\r\n{}\r\n0;x=", b"x" * 1000, b"\r\n\r\n", id="the last extension"),
    ],
)
async def test_what_is_around_a_body_is_bounded(
    wire: Wire, before: bytes, repeated: bytes, after: bytes, *, at_once: bool
) -> None:
    fits, too_long = (MAX_HEAD_BYTES * parts // 4 // len(repeated) for parts in (3, 5))
    parts = [before, *[repeated] * too_long, after]

    async with serving(saying(before + repeated * fits + after)) as server:
        taken = await wire.send(call_to(server.url))
    async with serving(saying(*([b"".join(parts)] if at_once else parts))) as server:
        with pytest.raises(UpstreamBadAnswer, match="header fields") as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert taken.status == 200
    assert failed.value.outcome_unknown


async def test_trailers_without_end_are_cut_off(wire: Wire) -> None:
    sent = 0

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(CHUNKED + b"\r\n2\r\n{}\r\n0\r\n")
        while not writer.is_closing():
            writer.write((b"x: " + LONG) * 60)
            sent += 60_000
            await writer.drain()

    async with serving(talk) as server:
        with pytest.raises(UpstreamBadAnswer, match="header fields"):
            await wire.send(call_to(server.url))

    assert sent < 16_000_000


async def test_a_body_in_tiny_chunks_takes_not_many_times_its_length(wire: Wire) -> None:
    length = 600_000
    said = CHUNKED + b"\r\n" + b"2\r\n{}\r\n" * (length // 2) + b"0\r\n\r\n"

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for begin in range(0, len(said), 60_000):
            writer.write(said[begin : begin + 60_000])
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(talk) as server:
        tracemalloc.start()
        try:
            answered = await wire.send(call_to(server.url))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert answered.body == b"{}" * (length // 2)
    assert most < 10 * length


async def test_an_answer_cut_before_the_end_of_its_head_is_none(wire: Wire) -> None:
    async with serving(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", then_close=True)) as server:
        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown
