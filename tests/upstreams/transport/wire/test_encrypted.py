"""TLS: who may be trusted, and which HTTP is spoken then."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from resolvers.errors import UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.transport.wire.connection import READ_BYTES
from resolvers.upstreams.transport.wire.wire import Wire
from tests.relay import relay
from tests.upstreams.transport.wire.certificates import server_context
from tests.upstreams.transport.wire.talking_server import accepting, answer, answering, call_to, serving


@pytest.mark.parametrize("offered", [(), ("http/1.1",)])
async def test_a_server_without_http_2_is_spoken_to_directly(
    trusting_wire: Wire, certificate: Path, offered: tuple[str, ...]
) -> None:
    async with serving(answering(b"{}"), server_context(certificate, *offered)) as server:
        answers = [await trusting_wire.send(call_to(server.url)) for _ in range(3)]

    assert [answer.body for answer in answers] == [b"{}"] * 3
    assert [len(heads) for heads in server.heads if heads] == [3]


@pytest.mark.parametrize("length", [READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 1_000_000])
async def test_answers_at_once_come_whole_however_long_they_are(
    trusting_wire: Wire, certificate: Path, length: int
) -> None:
    letters = [bytes([letter]) * length for letter in b"abcde"]

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(letters[server.connections % len(letters)]))

    async with serving(talk, server_context(certificate)) as server:
        answers = await asyncio.gather(*(trusting_wire.send(call_to(server.url)) for _ in range(5)))

    assert all(answered.body in letters for answered in answers)


async def test_a_server_that_cannot_prove_who_it_is_gets_no_request(wire: Wire, certificate: Path) -> None:
    async with serving(answering(b"{}"), server_context(certificate)) as server:
        call = call_to(server.url, method="POST")
        with pytest.raises(UpstreamUnavailable) as failed:
            await wire.send(call)

    assert not failed.value.outcome_unknown
    assert (server.requests, call.tries) == ([], 1)


async def test_a_server_with_a_certificate_for_another_name_gets_no_request(
    trusting_wire: Wire, certificate: Path
) -> None:
    async with serving(answering(b"{}"), server_context(certificate)) as server:
        with pytest.raises(UpstreamUnavailable):
            await trusting_wire.send(call_to(server.url.replace("localhost", "127.0.0.2")))

    assert server.requests == []


async def test_the_handshake_that_finds_out_how_to_speak_is_part_of_the_try(
    trusting_wire: Wire, certificate: Path
) -> None:
    spent: list[float] = []

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spent.append(call.spent)
        writer.write(answer(b"{}"))

    async def delayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        there, back = await asyncio.open_connection("127.0.0.1", urlsplit(server.url).port)
        await asyncio.gather(relay(reader, back), relay(there, writer))

    async with serving(talk, server_context(certificate)) as server, accepting(delayed) as address:
        call = call_to(f"https://{address.replace('127.0.0.1', 'localhost')}/")
        for _ in range(2):
            await trusting_wire.send(call)

    assert spent[0] >= 0.1
    assert spent[1] == 0


@pytest.mark.parametrize("encrypted", [False, True])
async def test_what_a_try_has_spent_is_not_spent_again(trusting_wire: Wire, certificate: Path, encrypted: bool) -> None:
    async def talk(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(talk, server_context(certificate) if encrypted else None) as server:
        # Once known, an origin takes no time to find out about.
        with pytest.raises(UpstreamTimeout):
            await trusting_wire.send(call_to(server.url, timeout=0.3))
        call = call_to(server.url, timeout=3600)
        call.spent = 3599.9
        with pytest.raises(UpstreamTimeout, match=r"within 3600\.0 s"):
            await trusting_wire.send(call)


async def test_a_server_that_speaks_no_tls_is_unavailable(trusting_wire: Wire) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await writer.drain()

    async with accepting(talk) as address:
        with pytest.raises(UpstreamUnavailable) as failed:
            await trusting_wire.send(call_to(f"https://{address}/", method="POST"))

    assert not failed.value.outcome_unknown


async def test_many_first_calls_to_a_server_that_never_shakes_hands_are_all_on_time(trusting_wire: Wire) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    loop = asyncio.get_running_loop()
    began = loop.time()
    async with accepting(silent) as address:
        calls = [trusting_wire.send(call_to(f"https://{address}/", timeout=0.3)) for _ in range(20)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [UpstreamTimeout] * 20
    assert loop.time() - began < 20 * 0.3


async def test_a_server_that_was_away_at_first_is_found_when_it_is_back(trusting_wire: Wire, certificate: Path) -> None:
    with pytest.raises(UpstreamUnavailable):
        await trusting_wire.send(call_to("https://localhost:1/"))

    async with serving(answering(b"{}"), server_context(certificate)) as server:
        answer = await trusting_wire.send(call_to(server.url))

    assert answer.status == 200


@pytest.mark.parametrize("closes", [True, False])
async def test_an_answer_without_length_is_whole_only_if_tls_was_closed_behind_it(
    trusting_wire: Wire, certificate: Path, *, closes: bool
) -> None:
    """Anybody on the way can end a TCP connection; that the server ended the answer, only its close_notify says."""

    def talk(connection: ssl.SSLSocket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        if closes:
            connection.unwrap()

    async with threaded(talk, server_context(certificate), connections=3) as port:
        call = asyncio.ensure_future(trusting_wire.send(call_to(f"https://localhost:{port}/", method="POST")))
        if closes:
            assert (await call).body == b"half"
        else:
            with pytest.raises(UpstreamUnavailable) as failed:
                await call
            assert failed.value.outcome_unknown


@asynccontextmanager
async def threaded(
    talk: Callable[[ssl.SSLSocket], None], tls: ssl.SSLContext, *, connections: int
) -> AsyncIterator[int]:
    """A server in a thread, as asyncio's TLS cannot end a connection without closing TLS; answers its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(connections):
                accepted, _ = listener.accept()
                with suppress(OSError), tls.wrap_socket(accepted, server_side=True) as connection:
                    talk(connection)

        serving_thread = asyncio.create_task(asyncio.to_thread(serve))
        yield listener.getsockname()[1]
        await serving_thread
