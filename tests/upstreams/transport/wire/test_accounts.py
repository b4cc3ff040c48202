"""No answer can cross from one account to another: their calls share no connection that speaks HTTP/1.1."""

import asyncio
from contextlib import suppress

import pytest

from resolvers.upstreams.call import Answer, Transport
from resolvers.upstreams.transport.wire import pool
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.talking_server import accepting, answer, answering, call_to, serving


def credentials(head: bytes) -> list[str]:
    """The account that a request is for."""
    return [line.split(b": ")[1].decode() for line in head.split(b"\r\n") if line.startswith(b"authorization: ")]


async def send_as(wire: Transport, url: str, account: str) -> Answer:
    call = call_to(url)
    call.identity = call.authorization = account
    return await wire.send(call)


@pytest.mark.parametrize("is_proxied", [False, True])
async def test_accounts_share_no_connection(wire: Wire, *, is_proxied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(b"{}")) as server:
        if is_proxied:
            monkeypatch.setenv("http_proxy", server.url)
        url = "http://upstream.test/" if is_proxied else server.url
        for account in ("own", "acme", "own", "session:1", "acme", "session:1"):
            await send_as(wire, url, account)

    assert [len({*map(str, map(credentials, heads))}) for heads in server.heads] == [1] * server.connections
    assert len(server.requests) == 6
    assert server.connections == 3


@pytest.mark.parametrize("is_proxied", [False, True])
async def test_calls_without_an_account_share_none_with_each_other(
    connections: Connections, *, is_proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins = Wire(connections, keeps_connections=False)
    async with serving(answering(b"{}")) as server:
        if is_proxied:
            monkeypatch.setenv("http_proxy", server.url)
        for _ in range(3):
            await logins.send(call_to("http://upstream.test/" if is_proxied else server.url))

    assert [len(heads) for heads in server.heads] == [1, 1, 1]


async def one_behind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that lost count: it answers each request of a connection but the first with the answer before."""
    said = b""
    with suppress(asyncio.IncompleteReadError):
        while True:
            (account,) = credentials(await reader.readuntil(b"\r\n\r\n"))
            said, saying = account.encode(), said or account.encode()
            writer.write(answer(saying))


async def test_a_server_that_lost_count_answers_each_account_with_its_own(wire: Wire) -> None:
    async with accepting(one_behind) as address:
        answers = [
            (account, (await send_as(wire, f"http://{address}/", account)).body.decode())
            for account in ("own", "acme", "session:1") * 3
        ]

    assert [account for account, _ in answers] == [told for _, told in answers]


async def test_idle_connections_are_bounded_over_all_accounts(
    wire: Wire, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_IDLE", 3)
    async with serving(answering(b"{}")) as server:
        for number in range(10):
            await send_as(wire, server.url, f"session:{number}")
        await asyncio.sleep(0)
        (direct,) = connections.pools.values()
        opened, kept = server.connections, direct.open_connections
        await send_as(wire, server.url, "session:9")
        await send_as(wire, server.url, "session:0")

    assert (opened, kept) == (10, 3)
    assert server.connections == 11


async def test_an_unused_connection_ends_although_its_account_never_comes_back(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"{}"))
        await reader.read()
        ended.set()

    async with accepting(talk) as address:
        await send_as(wire, f"http://{address}/", "session:1")
        assert await asyncio.wait_for(ended.wait(), 5)
