"""One call is one HTTP exchange, whoever speaks, and whatever goes wrong with it is an error of ours."""

import asyncio
import gzip
import zlib

import pytest

from resolvers.errors import UpstreamBadAnswer, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Method, Transport
from tests.upstreams.transport.wire.conftest import MakeWire
from tests.upstreams.transport.wire.talking_server import answer, answering, call_to, saying, serving


async def test_an_answer_comes_back_whole_whatever_its_status(either_wire: Transport) -> None:
    async with serving(answering(b"no", "Retry-After: 7", status="418 I'm a teapot")) as server:
        call = call_to(server.url)

        answer = await either_wire.send(call)

    assert (answer.status, answer.body, answer.headers["retry-after"], call.tries) == (418, b"no", "7", 1)


async def test_credentials_headers_and_body_are_sent(either_wire: Transport) -> None:
    seen = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readexactly(4))
        writer.write(answer(b"{}"))

    async with serving(talk) as server:
        call = call_to(server.url + "jobs?a=b%20c", method="POST")
        call.authorization, call.body, call.headers = "Bearer secret", b"body", (("accept", "application/json"),)

        answered = await either_wire.send(call)

    lines = server.requests[0].lower().split(b"\r\n")
    assert (answered.status, bytes(seen)) == (200, b"body")
    assert lines[0] == b"post /jobs?a=b%20c http/1.1"
    assert {b"authorization: bearer secret", b"accept: application/json", b"content-length: 4"} <= set(lines)
    assert f"host: {server.url[7:-1]}".encode() in lines


async def test_a_refused_connection_is_unavailable_and_nothing_was_sent(either_wire: Transport) -> None:
    async with serving(answering(b"")) as server:
        pass

    with pytest.raises(UpstreamUnavailable) as failed:
        await either_wire.send(call_to(server.url, method="POST"))

    assert not failed.value.outcome_unknown


async def test_a_host_that_does_not_exist_is_unavailable_and_nothing_was_sent(either_wire: Transport) -> None:
    call = call_to("http://there-is.no-such-host.invalid/", method="POST")

    with pytest.raises(UpstreamUnavailable) as failed:
        await either_wire.send(call)

    assert not failed.value.outcome_unknown
    assert call.tries == 1


@pytest.mark.parametrize(("method", "unknown"), [("GET", False), ("POST", True)])
async def test_a_connection_cut_before_the_answer_leaves_a_change_in_doubt(
    either_wire: Transport, method: Method, *, unknown: bool
) -> None:
    async with serving(saying(then_close=True)) as server:
        with pytest.raises(UpstreamUnavailable) as failed:
            await either_wire.send(call_to(server.url, method=method))

    assert failed.value.outcome_unknown is unknown


async def test_a_connection_cut_in_mid_body_is_unavailable(either_wire: Transport) -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"

    async with serving(saying(half, then_close=True)) as server:
        with pytest.raises(UpstreamUnavailable) as failed:
            await either_wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown
    assert failed.value.__cause__ is not None


async def test_a_connection_cut_between_chunks_is_unavailable(either_wire: Transport) -> None:
    half = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"

    async with serving(saying(half, then_close=True)) as server:
        with pytest.raises(UpstreamUnavailable):
            await either_wire.send(call_to(server.url))


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
async def test_an_answer_that_takes_too_long_is_a_timeout(either_wire: Transport, first: bytes) -> None:
    asked = asyncio.Event()

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.write(first)
        await writer.drain()
        await reader.read()

    async with serving(dawdle) as server:
        with pytest.raises(UpstreamTimeout, match=r"within 0\.2 s") as failed:
            await either_wire.send(call_to(server.url, method="POST", timeout=0.2))

    assert asked.is_set()
    assert failed.value.outcome_unknown


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n" + b'{"a": 1}', id="length"),
        pytest.param(
            b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\n\r\n',
            id="chunked",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: etag\r\n\r\n"
            b'8\r\n{"a": 1}\r\n0\r\netag: "late"\r\n\r\n',
            id="trailer",
        ),
        pytest.param(b'HTTP/1.1 200\r\ncontent-length: 8\r\n\r\n{"a": 1}', id="no reason"),
        pytest.param(b'HTTP/1.1 200 OK\r\nx-empty:\r\ncontent-length:8\r\n\r\n{"a": 1}', id="empty header"),
        pytest.param(
            b'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"a": 1}', id="interim"
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
            b'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"a": 1}',
            id="two interims",
        ),
    ],
)
@pytest.mark.parametrize("pieces", ["whole", "bytes"])
async def test_an_answer_may_be_framed_in_any_way_of_the_rfc(either_wire: Transport, said: bytes, pieces: str) -> None:
    parts = [said] if pieces == "whole" else [bytes([byte]) for byte in said]

    async with serving(saying(*parts)) as server:
        answers = [await either_wire.send(call_to(server.url)) for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b'{"a": 1}')] * 2
    assert "etag" not in answers[0].headers
    assert server.connections == 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_answer_without_a_length_lasts_until_the_connection_ends(either_wire: Transport, version: str) -> None:
    said = f"HTTP/{version} 200 OK\r\ncontent-type: application/json\r\n\r\n".encode()

    async with serving(saying(said, b'{"a"', b": 1}", then_close=True)) as server:
        answers = [await either_wire.send(call_to(server.url)) for _ in range(2)]

    assert [answer.body for answer in answers] == [b'{"a": 1}'] * 2
    assert server.connections == 2


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_that_has_no_body_is_complete_at_once(either_wire: Transport, status: str) -> None:
    async with serving(saying(f"HTTP/1.1 {status}\r\n\r\n".encode())) as server:
        answers = [await either_wire.send(call_to(server.url)) for _ in range(2)]

    assert [answer.body for answer in answers] == [b"", b""]
    assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="TLS"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="SSH"),
        pytest.param(b"HTTP/1.1 OK 200\r\n\r\n", id="swapped"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", id="two lengths"),
    ],
)
async def test_what_is_no_http_is_a_bad_answer(either_wire: Transport, said: bytes) -> None:
    async with serving(saying(said, then_close=True)) as server:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read") as failed:
            await either_wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown


async def test_a_compressed_answer_is_decompressed(either_wire: Transport) -> None:
    async with serving(answering(gzip.compress(b'{"a": 1}'), "content-encoding: gzip")) as server:
        answer = await either_wire.send(call_to(server.url))

    assert answer.body == b'{"a": 1}'


@pytest.mark.parametrize("letters", [b"", b"\0"])
async def test_a_little_answer_that_decompresses_to_too_much_is_refused(make_wire: MakeWire, letters: bytes) -> None:
    bomb = gzip.compress(bytes(10_000_000) + letters)

    async with serving(answering(bomb, "content-encoding: gzip")) as server:
        with pytest.raises(UpstreamBadAnswer, match="more than 20000 bytes"):
            await make_wire(20_000).send(call_to(server.url))

    assert len(bomb) < 20_000


@pytest.mark.parametrize("compressed", [b"this is no gzip", zlib.compress(b"{}")])
async def test_an_answer_not_compressed_as_it_says_is_bad(either_wire: Transport, compressed: bytes) -> None:
    async with serving(answering(compressed, "content-encoding: gzip")) as server:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read") as failed:
            await either_wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown


async def test_an_answer_may_be_as_long_as_allowed_and_no_longer(make_wire: MakeWire) -> None:
    async with serving(answering(bytes(1001))) as server:
        allowed = await make_wire(1001).send(call_to(server.url))
        with pytest.raises(UpstreamBadAnswer, match="more than 1000 bytes") as refused:
            await make_wire(1000).send(call_to(server.url, method="POST"))

    assert len(allowed.body) == 1001
    assert refused.value.outcome_unknown


async def test_a_redirect_is_not_followed(either_wire: Transport) -> None:
    async with (
        serving(answering(b"")) as target,
        serving(answering(b"", f"location: {target.url}", status="302 Found")) as server,
    ):
        answer = await either_wire.send(call_to(server.url))

    assert (answer.status, target.requests) == (302, [])


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http:///x"])
async def test_a_url_that_is_none_is_unavailable_and_nothing_was_sent(either_wire: Transport, url: str) -> None:
    with pytest.raises(UpstreamUnavailable) as failed:
        await either_wire.send(call_to(url, method="POST"))

    assert not failed.value.outcome_unknown


@pytest.mark.parametrize("credentials", ["Bearer planted\nsecret", "Bearer planted\r\nx-admin: yes", "planted\0"])
async def test_credentials_that_http_cannot_carry_are_in_no_error(either_wire: Transport, credentials: str) -> None:
    async with serving(answering(b"")) as server:
        call = call_to(server.url)
        call.authorization = credentials

        with pytest.raises(UpstreamUnavailable) as failed:
            await either_wire.send(call)

    assert failed.value.__suppress_context__
    assert "planted" not in str(failed.value)
    assert (call.tries, server.requests) == (0, [])
