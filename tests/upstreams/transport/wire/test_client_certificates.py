"""Upstreams that want a client certificate, and those that prove their name by an authority of their own."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import time

import pytest

from resolvers.errors import UpstreamError
from resolvers.upstreams.call import Answer
from resolvers.upstreams.transport.wire import failures
from resolvers.upstreams.transport.wire.client_tls import NO_FILES, FileAsRead, TlsFiles
from resolvers.upstreams.transport.wire.wire import Connections, ConnectionsByTls, Wire
from tests.upstreams.transport.wire.certificates import Authority, Pair, server_context, write_certificate
from tests.upstreams.transport.wire.http_2_server import serving_http_2
from tests.upstreams.transport.wire.proxy_server import proxying
from tests.upstreams.transport.wire.socks_server import socks
from tests.upstreams.transport.wire.talking_server import answer, answering, call_to, serving

DAY = 86_400


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server_pair(authority: Authority) -> Pair:
    return authority.issue("localhost", ends=timedelta(days=20))


@pytest.fixture
def client(authority: Authority) -> Pair:
    return authority.issue("gateway", ends=timedelta(days=10))


def files(authority: Authority, client: Pair | None = None) -> TlsFiles:
    trusted = FileAsRead(authority.file)
    if client is None:
        return TlsFiles(trusted)
    return TlsFiles(trusted, FileAsRead(client.certificate), FileAsRead(client.key))


@asynccontextmanager
async def connecting(shown: TlsFiles) -> AsyncIterator[Wire]:
    connections = Connections(files=shown)
    yield Wire(connections)
    await connections.close()


async def say_who(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer whom the client certificate names."""
    writer.write(answer(str(dict(*writer.get_extra_info("peercert")["subject"])["commonName"]).encode()))


async def send(wire: Wire, url: str, account: str = "own") -> Answer:
    call = call_to(url)
    call.identity = account
    return await wire.send(call)


async def test_the_certificate_is_shown(authority: Authority, server_pair: Pair, client: Pair) -> None:
    async with (
        serving(say_who, authority.demanding(server_pair)) as server,
        connecting(files(authority, client)) as wire,
    ):
        answers = [await send(wire, server.url) for _ in range(3)]

    assert [one.body for one in answers] == [b"gateway"] * 3
    assert [len(heads) for heads in server.heads if heads] == [3]


async def test_without_a_certificate_no_call_gets_through(authority: Authority, server_pair: Pair) -> None:
    async with serving(say_who, authority.demanding(server_pair)) as server, connecting(files(authority)) as wire:
        with pytest.raises(UpstreamError):
            await send(wire, server.url)

    # Why, `test_failures.py` has: servers of asyncio keep their alerts to themselves.
    assert server.requests == []


async def test_a_certificate_of_another_authority_is_refused_by_the_upstream(
    authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "other").issue("stranger")
    async with (
        serving(say_who, authority.demanding(server_pair)) as server,
        connecting(files(authority, stranger)) as wire,
    ):
        with pytest.raises(UpstreamError):
            await send(wire, server.url)

    # Why, `test_failures.py` has: servers of asyncio keep their alerts to themselves.
    assert server.requests == []


async def test_the_authorities_of_an_upstream_take_the_place_of_the_systems(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "public").mkdir()
    public = write_certificate(tmp_path / "public")
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    async with (
        serving(say_who, server_context(public, "http/1.1")) as server,
        connecting(files(authority)) as wire,
    ):
        with pytest.raises(UpstreamError) as failed:
            await send(wire, server.url)

    assert failed.value.reason == failures.UNKNOWN_CA


def behind(url: str) -> str:
    return url.replace("localhost", "upstream.test")


async def test_through_the_tunnel_of_a_proxy_the_upstream_gets_it(
    authority: Authority, server_pair: Pair, client: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(say_who, authority.demanding(server_pair)) as server,
        proxying() as proxy,
        connecting(files(authority, client)) as wire,
    ):
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        answered = await send(wire, behind(server.url))

    assert answered.body == b"gateway"


async def test_through_a_proxy_that_is_left_to_httpx_too(
    authority: Authority, server_pair: Pair, client: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(say_who, authority.demanding(server_pair)) as server,
        socks() as (address, _),
        connecting(files(authority, client)) as wire,
    ):
        monkeypatch.setenv("https_proxy", f"socks5h://{address}")
        answered = await send(wire, behind(server.url))

    assert answered.body == b"gateway"


async def test_a_proxy_over_tls_gets_no_certificate(
    authority: Authority, server_pair: Pair, client: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "public").mkdir()
    public = write_certificate(tmp_path / "public")
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    asking = server_context(public)
    asking.verify_mode = ssl.CERT_OPTIONAL
    asking.load_verify_locations(authority.file)
    async with (
        serving(say_who, authority.demanding(server_pair)) as server,
        proxying(tls=asking) as proxy,
        connecting(files(authority, client)) as wire,
    ):
        monkeypatch.setenv("https_proxy", f"https://{proxy.address.replace('127.0.0.1', 'localhost')}")
        answered = await send(wire, behind(server.url))

    assert answered.body == b"gateway"
    assert [one for one in proxy.shown if one] == []
    assert proxy.heads


async def test_an_upstream_that_speaks_http_2_alone_gets_it(
    authority: Authority, server_pair: Pair, client: Pair
) -> None:
    tls = authority.demanding(server_pair, "h2")
    async with serving_http_2(lambda one, request: one.answer(request, b"{}"), tls) as server:
        async with connecting(files(authority, client)) as wire:
            assert (await send(wire, server.url)).body == b"{}"
        async with connecting(files(authority)) as wire:
            with pytest.raises(UpstreamError):
                await send(wire, server.url)

    assert len(server.requests) == 1


async def test_connections_of_one_certificate_carry_no_call_of_another(
    authority: Authority, server_pair: Pair, client: Pair
) -> None:
    other = authority.issue("other")
    known = ConnectionsByTls()
    shown = files(authority, client), files(authority, other)
    async with serving(say_who, authority.demanding(server_pair)) as server:
        answers = [(await send(Wire(known.of(one)), server.url)).body for one in (*shown, *shown)]
    await known.close()

    assert answers == [b"gateway", b"other", b"gateway", b"other"]
    assert known.of(files(authority, client)) is known.of(shown[0])


async def test_a_file_with_other_content_is_another(authority: Authority, client: Pair) -> None:
    before = files(authority, client)
    renewed = authority.issue("renewed", file="gateway")

    assert files(authority, renewed) != before
    assert str(client.key.read_bytes()) not in repr(before)


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
async def test_the_ends_of_both_sides_certificates_are_known(
    authority: Authority, server_pair: Pair, client: Pair, protocol: str
) -> None:
    connections = Connections(files=files(authority, client))
    tls = authority.demanding(server_pair, protocol)
    async with AsyncExitStack() as stack:
        if protocol == "h2":
            url = (await stack.enter_async_context(serving_http_2(lambda one, of: one.answer(of, b"{}"), tls))).url
        else:
            url = (await stack.enter_async_context(serving(say_who, tls))).url
        base = url.rstrip("/")
        assert connections.server_certificate_end(base) is None
        await send(Wire(connections), url)
        ends = connections.client_certificate_end, connections.server_certificate_end(base)
    await connections.close()

    assert [round(((end or 0) - time()) / DAY) for end in ends] == [10, 20]


async def test_without_certificates_no_end_is_known(connections: Connections) -> None:
    async with serving(answering(b"{}")) as server:
        await send(Wire(connections), server.url)

        assert connections.server_certificate_end(server.url.rstrip("/")) is None
    assert connections.client_certificate_end is None
    assert NO_FILES.subject is None
