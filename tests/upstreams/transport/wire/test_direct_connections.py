"""Connections that we speak HTTP/1.1 on ourselves: kept, given up, and never mistaken for another's."""

import asyncio
import gc
import gzip
import socket
from contextlib import ExitStack

import pytest

from resolvers.errors import UpstreamBadAnswer, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.transport.wire import pool
from resolvers.upstreams.transport.wire.connection import WireConnection
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.talking_server import answer, answering, by_turns, call_to, saying, serving


async def test_calls_one_after_another_share_a_connection(wire: Wire) -> None:
    async with serving(answering(b"{}")) as server:
        for _ in range(5):
            await wire.send(call_to(server.url))

    assert (server.connections, len(server.requests)) == (1, 5)


async def test_calls_at_once_have_a_connection_each_and_keep_them(wire: Wire) -> None:
    async with serving(answering(b"{}")) as server:
        for _ in range(3):
            await asyncio.gather(*(wire.send(call_to(server.url)) for _ in range(10)))

    assert (server.connections, len(server.requests)) == (10, 30)


async def test_a_read_on_a_connection_that_the_server_just_closed_goes_out_again_at_once(wire: Wire) -> None:
    async with serving(by_turns(answering(b"1"), saying(then_close=True), answering(b"2"))) as server:
        await wire.send(call_to(server.url))
        call = call_to(server.url)

        answered = await wire.send(call)

    assert (answered.body, call.tries) == (b"2", 2)
    assert server.connections == 2


async def test_a_read_cut_off_on_a_new_connection_is_not_sent_again_behind_the_policies_back(wire: Wire) -> None:
    async with serving(saying(then_close=True)) as server:
        with pytest.raises(UpstreamUnavailable):
            await wire.send(call_to(server.url))

    assert len(server.requests) == 1


async def test_a_read_goes_out_again_once_and_no_more(wire: Wire) -> None:
    async with serving(by_turns(answering(b"1"), saying(then_close=True))) as server:
        await wire.send(call_to(server.url))

        with pytest.raises(UpstreamUnavailable):
            await wire.send(call_to(server.url))

    assert [len(requests) for requests in server.heads] == [2, 1]


async def test_a_read_cut_off_in_mid_answer_is_not_sent_again(wire: Wire) -> None:
    async with serving(by_turns(answering(b"1"), saying(b"HTTP/1.1 200", then_close=True))) as server:
        await wire.send(call_to(server.url))

        with pytest.raises(UpstreamUnavailable):
            await wire.send(call_to(server.url))

    assert len(server.requests) == 2


async def test_a_change_on_a_connection_that_the_server_just_closed_is_in_doubt_and_not_sent_again(wire: Wire) -> None:
    async with serving(by_turns(answering(b"1"), saying(then_close=True), answering(b"2"))) as server:
        await wire.send(call_to(server.url))

        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown
    assert len(server.requests) == 2


async def test_a_change_goes_over_no_connection_that_the_server_may_be_about_to_close(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FRESH_SECONDS", -1.0)

    async with serving(answering(b"{}")) as server:
        await wire.send(call_to(server.url))
        await wire.send(call_to(server.url, method="POST"))
        await wire.send(call_to(server.url))

    assert [len(requests) for requests in server.heads] == [1, 2]


async def test_a_connection_that_was_idle_for_long_is_not_used_again(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", -1.0)

    async with serving(answering(b"{}")) as server:
        for _ in range(3):
            await wire.send(call_to(server.url))

    assert server.connections == 3


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(answer(b"{}", "connection: close"), id="close"),
        pytest.param(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", id="HTTP/1.0"),
        pytest.param(answer(b"{}") + b"and more", id="more than an answer"),
        pytest.param(answer(b"{}") + answer(b"another's"), id="two answers"),
    ],
)
async def test_a_connection_that_can_carry_no_more_is_not_used_again(wire: Wire, said: bytes) -> None:
    async with serving(saying(said)) as server:
        answers = [await wire.send(call_to(server.url)) for _ in range(3)]

    assert [answered.body for answered in answers] == [b"{}"] * 3
    assert server.connections == 3


async def test_what_a_server_says_unasked_is_nobodys_answer(wire: Wire) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(answer(b"right"))

    async with serving(talk) as server:
        await wire.send(call_to(server.url))
        writers[0].write(answer(b"wrong"))
        await writers[0].drain()
        async with asyncio.timeout(5):
            await writers[0].wait_closed()

        answered = await wire.send(call_to(server.url))

    assert answered.body == b"right"
    assert server.connections == 2


async def test_the_answer_to_a_call_that_was_given_up_is_not_the_next_calls(wire: Wire) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await may_answer.wait()
        writer.write(answer(b"the first's"))

    async with serving(by_turns(slow, answering(b"the second's"))) as server:
        first = asyncio.ensure_future(wire.send(call_to(server.url)))
        await asked.wait()
        first.cancel()
        second = asyncio.ensure_future(wire.send(call_to(server.url)))
        may_answer.set()

        answered = await second

    assert answered.body == b"the second's"
    assert first.cancelled()
    assert server.connections == 2


async def test_the_answer_to_a_call_that_took_too_long_is_not_the_next_calls(wire: Wire) -> None:
    may_answer = asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        writer.write(answer(b"the first's"))

    async with serving(by_turns(slow, answering(b"the second's"))) as server:
        with pytest.raises(UpstreamTimeout):
            await wire.send(call_to(server.url, timeout=0.05))
        may_answer.set()

        answered = await wire.send(call_to(server.url))

    assert answered.body == b"the second's"


async def test_an_endless_head_is_cut_off(wire: Wire) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x-more: " + b"m" * 4000 + b"\r\n")
            await writer.drain()

    async with serving(talk) as server:
        with pytest.raises(UpstreamBadAnswer):
            await wire.send(call_to(server.url))


async def test_header_fields_of_one_name_are_one_list(wire: Wire) -> None:
    async with serving(answering(b"{}", "RateLimit-Limit: 10", "ratelimit-limit: 100;w=60")) as server:
        answered = await wire.send(call_to(server.url))

    assert answered.headers["ratelimit-limit"] == "10, 100;w=60"


async def test_header_fields_that_nobody_reads_are_not_kept(wire: Wire) -> None:
    async with serving(answering(b"{}", "X-Colour: red", "Retry-After: 7")) as server:
        answered = await wire.send(call_to(server.url))

    assert answered.headers == {"content-length": "2", "retry-after": "7"}


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate", "gzip, br", "identity, deflate"])
async def test_a_coding_that_was_not_asked_for_is_bad(wire: Wire, coding: str) -> None:
    async with serving(answering(b"{}", f"content-encoding: {coding}")) as server:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read"):
            await wire.send(call_to(server.url))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", id="no chunk"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", id="upgrade"),
        pytest.param(answer(gzip.compress(b"{}")[:-4], "content-encoding: gzip"), id="half a file"),
        pytest.param(answer(gzip.compress(b"{}") + b"\0\0{}", "content-encoding: gzip"), id="more than a file"),
        pytest.param(answer(bytes(20), "content-encoding: gzip"), id="zeros"),
        pytest.param(answer(gzip.compress(b"") * 2000, "content-encoding: gzip"), id="thousands of files"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_bad_and_leaves_a_change_in_doubt(wire: Wire, said: bytes) -> None:
    async with serving(saying(said)) as server:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read") as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert failed.value.outcome_unknown


@pytest.mark.parametrize("path", ["a b", "a\r\nx: y", "ä", "a\tb", "a#b"])
async def test_a_path_that_would_break_out_of_its_line_is_not_sent(wire: Wire, path: str) -> None:
    async with serving(answering(b"{}")) as server:
        with pytest.raises(UpstreamUnavailable, match="does not allow"):
            await wire.send(call_to(server.url + path))

    assert server.requests == []


@pytest.mark.parametrize("name", ["x y", "x:y", "x\r\ny", "", "ä", "x\0", "x\n"])
async def test_a_header_name_that_would_break_out_of_its_line_is_not_sent(wire: Wire, name: str) -> None:
    async with serving(answering(b"{}")) as server:
        call = call_to(server.url)
        call.headers = ((name, "value"),)
        with pytest.raises(UpstreamUnavailable, match="does not allow"):
            await wire.send(call)

    assert (server.requests, call.tries) == ([], 0)


@pytest.mark.parametrize("coding", ["identity", "gzip, identity", "identity, gzip", "GZIP", ", gzip ,"])
async def test_an_answer_may_name_its_coding_in_any_way_of_the_rfc(wire: Wire, coding: str) -> None:
    body = b"{}" if coding == "identity" else gzip.compress(b"{}")

    async with serving(answering(body, f"content-encoding: {coding}")) as server:
        answered = await wire.send(call_to(server.url))

    assert answered.body == b"{}"


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        pytest.param(gzip.compress(b"{}") + bytes(512), b"{}", id="zeros behind"),
        pytest.param(gzip.compress(b"{") + gzip.compress(b"}"), b"{}", id="two files"),
        pytest.param(gzip.compress(bytes(300_000), 0), bytes(300_000), id="larger than a read"),
        pytest.param(gzip.compress(b"\xef\xbb\xbf{}"), b"\xef\xbb\xbf{}", id="byte order mark"),
    ],
)
async def test_a_compressed_answer_may_be_any_gzip_file(wire: Wire, body: bytes, holds: bytes) -> None:
    async with serving(answering(body, "content-encoding: gzip")) as server:
        answered = await wire.send(call_to(server.url))

    assert answered.body == holds


async def test_a_closed_pool_opens_no_connection_and_keeps_none(connections: Connections) -> None:
    wire = Wire(connections)

    async with serving(answering(b"{}")) as server:
        await wire.send(call_to(server.url))
        await connections.close()

        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call_to(server.url, method="POST"))

    assert not failed.value.outcome_unknown
    assert len(server.requests) == 1


async def test_half_an_answer_without_length_is_none_when_the_connections_are_closed(connections: Connections) -> None:
    asked = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        asked.set()
        await reader.read()

    async with serving(half) as server:
        call = asyncio.ensure_future(Wire(connections).send(call_to(server.url, method="POST")))
        await asked.wait()
        for _ in range(4):
            await asyncio.sleep(0)
        await connections.close()

        with pytest.raises(UpstreamUnavailable) as failed:
            await call

    assert failed.value.outcome_unknown


async def test_a_call_on_its_way_fails_when_the_connections_are_closed(connections: Connections) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()

    async with serving(silent) as server:
        call = asyncio.ensure_future(Wire(connections).send(call_to(server.url)))
        await asked.wait()
        await connections.close()

        with pytest.raises(UpstreamUnavailable):
            await call


async def test_a_name_with_several_addresses_is_reached_at_the_one_that_answers(wire: Wire) -> None:
    async with serving(answering(b"{}")) as server:
        answered = await wire.send(call_to(server.url.replace("127.0.0.1", "localhost")))

    assert answered.status == 200


async def test_a_host_that_never_lets_in_is_a_timeout_and_nothing_was_sent(wire: Wire) -> None:
    """A listener with a full queue takes part in no more handshakes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as fillers:
        address = server.getsockname()
        for _ in range(8):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)

        with pytest.raises(UpstreamTimeout) as failed:
            await wire.send(call_to(f"http://127.0.0.1:{address[1]}/", method="POST", timeout=0.2))

    assert not failed.value.outcome_unknown


async def test_a_connection_that_has_ended_is_freed_without_the_garbage_collector(
    wire: Wire, connections: Connections
) -> None:
    gc.collect()
    gc.disable()
    try:
        async with serving(answering(b"{}")) as server:
            await wire.send(call_to(server.url))
            open_ones = sum(isinstance(one, WireConnection) for one in gc.get_objects())
            await connections.close()
            for _ in range(3):
                await asyncio.sleep(0)
            left = sum(isinstance(one, WireConnection) for one in gc.get_objects())
    finally:
        gc.enable()

    assert (open_ones, left) == (1, 0)
