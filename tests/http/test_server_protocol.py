"""What a client may hold of the server: time, bytes and connections are bounded, and answers leave in one piece."""

import asyncio
import logging

import pytest

from gateway.http.server_protocol import (
    LINGER_BYTES,
    LINGER_SECONDS,
    MAX_HEAD_BYTES,
    CoalescingTransport,
)
from tests.http.handmade_server import LIMITS, Server, WrittenTransport, turns

GET = b"GET /?a=1 HTTP/1.1\r\nhost: gateway.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 100\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: gateway.test\r\ntransfer-encoding: chunked\r\n\r\n"


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
        if transport.ended:
            break
        protocol.data_received(GET[position : position + 1])
        server.time.advance(interval)

    assert transport.ended
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
        protocol.data_received(head[position : position + step])
    await turns()

    assert (transport.ended, transport.closed) == (True, False)
    server.time.advance(LINGER_SECONDS)
    assert transport.closed
    assert [piece[:12] for piece in transport.pieces] == [b"HTTP/1.1 431"]
    assert (server.counts.large_head, server.scopes) == (1, [])


async def test_a_refused_client_that_goes_on_sending_is_closed() -> None:
    server = Server()
    protocol, transport = server.connect()
    protocol.data_received(b"GET /" + b"a" * MAX_HEAD_BYTES)

    protocol.data_received(bytes(LINGER_BYTES))
    assert not transport.closed
    protocol.data_received(b"x")

    assert (transport.closed, server.counts.large_head, server.scopes) == (True, 1, [])


async def test_a_refusal_is_read_although_more_was_sent() -> None:
    server = Server()
    listener = await asyncio.get_running_loop().create_server(server.protocol, "127.0.0.1", 0)
    async with listener:
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        writer.write(b"GET /" + b"a" * MAX_HEAD_BYTES)
        begun = await reader.readexactly(12)
        for _ in range(10):
            writer.write(bytes(16_384))
            await writer.drain()
        rest = await reader.read()
        writer.close()

    assert begun == b"HTTP/1.1 431"
    assert rest.endswith(b"\r\n\r\n")


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
