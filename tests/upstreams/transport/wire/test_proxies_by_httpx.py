"""Behind a proxy that is itself spoken to over TLS or SOCKS, upstreams are asked by httpx."""

import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resolvers.errors import UpstreamUnavailable
from resolvers.upstreams.call import Answer
from resolvers.upstreams.transport.wire import failures
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.certificates import server_context, write_certificate
from tests.upstreams.transport.wire.http_2_server import serving_http_2
from tests.upstreams.transport.wire.proxy_server import CONNECTED, proxying
from tests.upstreams.transport.wire.socks_server import REFUSED, socks
from tests.upstreams.transport.wire.talking_server import answering, call_to, serving
from tests.upstreams.transport.wire.test_encrypted import threaded


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the upstream, and of the proxy."""
    folder = tmp_path_factory.mktemp("certificates")
    upstream = write_certificate(folder, host="upstream.test").rename(folder / "upstream.pem")
    proxy = write_certificate(folder)
    (folder / "both.pem").write_bytes(upstream.read_bytes() + proxy.read_bytes())
    return upstream


@pytest.fixture
async def wire(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wire]:
    """A wire that trusts both."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("both.pem")))
    connections = Connections()
    yield Wire(connections)
    await connections.close()


@pytest.fixture
def proxy_tls(certificate: Path) -> ssl.SSLContext:
    return server_context(certificate.with_name("localhost.pem"))


async def send_as(wire: Wire, url: str, account: str) -> Answer:
    call = call_to(url.replace("localhost", "upstream.test").replace("127.0.0.1", "upstream.test"))
    call.identity = account
    return await wire.send(call)


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_an_upstream_is_asked_through_a_proxy_over_tls(
    wire: Wire,
    certificate: Path,
    proxy_tls: ssl.SSLContext,
    *,
    is_encrypted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls = server_context(certificate, "http/1.1") if is_encrypted else None
    async with serving(answering(b"{}"), tls) as server, proxying(tls=proxy_tls) as proxy:
        monkeypatch.setenv("all_proxy", f"https://user:password@{proxy.address.replace('127.0.0.1', 'localhost')}")
        for account in ("own", "own", "acme"):
            assert (await send_as(wire, server.url, account)).body == b"{}"

    assert [len(heads) for heads in server.heads] == [2, 1]
    assert {head.partition(b" ")[0] for head in proxy.heads} == {b"CONNECT" if is_encrypted else b"GET"}
    assert all(b"Basic dXNlcjpwYXNzd29yZA==" in head for head in proxy.heads)
    assert not is_encrypted or all(b"proxy-" not in head.lower() for head in server.requests)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_an_upstream_is_asked_through_a_socks_proxy(
    wire: Wire, certificate: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answering(b"{}"), server_context(certificate)) as server, socks() as (address, hosts):
        monkeypatch.setenv("all_proxy", f"{scheme}://{address}")
        answers = [await send_as(wire, server.url, "own") for _ in range(2)]

    assert [answer.body for answer in answers] == [b"{}"] * 2
    assert [len(heads) for heads in server.heads] == [2]
    assert hosts == [b"upstream.test"]


async def test_http_2_is_spoken_through_such_a_proxy_where_the_upstream_likes_it(
    wire: Wire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving_http_2(lambda connection, request: connection.answer(request, b"{}"), certificate) as server,
        socks() as (address, _),
    ):
        monkeypatch.setenv("all_proxy", f"socks5h://{address}")
        assert (await send_as(wire, server.url, "own")).body == b"{}"


async def test_a_proxy_over_tls_that_refuses_is_named(
    wire: Wire, proxy_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxying(b"HTTP/1.1 407 Planted\r\n\r\n", tls=proxy_tls) as proxy:
        monkeypatch.setenv("all_proxy", f"https://{proxy.address.replace('127.0.0.1', 'localhost')}")
        failed = await refused(wire, "https://upstream.test/")

    assert (failed.reason or "").startswith("its proxy refused to connect to it (407")


async def test_a_socks_proxy_that_refuses_is_named(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    async with socks(REFUSED) as (address, _):
        monkeypatch.setenv("all_proxy", f"socks5://{address}")
        failed = await refused(wire, "https://upstream.test/")

    assert (failed.reason or "").startswith("its proxy refused to connect to it (")


async def test_a_proxy_over_tls_that_cannot_prove_who_it_is_is_asked_for_nothing(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxying(CONNECTED, tls=server_context(write_certificate(tmp_path))) as proxy:
        monkeypatch.setenv("all_proxy", f"https://{proxy.address.replace('127.0.0.1', 'localhost')}")
        failed = await refused(wire, "https://upstream.test/")

    assert failed.reason == failures.UNKNOWN_CA
    assert proxy.heads == []


@pytest.mark.parametrize("url", ["ftp://user:planted@proxy", "http://user:planted@proxy:x", "socks4://user:planted@p"])
async def test_what_is_no_proxy_is_named_without_its_password(
    wire: Wire, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", url)

    failed = await refused(wire, "https://upstream.test/")

    assert failed.reason == "its proxy has a URL that is none, or of a kind that cannot be used"
    assert "planted" not in f"{failed}{failed.__cause__!r}"


async def refused(wire: Wire, url: str) -> UpstreamUnavailable:
    with pytest.raises(UpstreamUnavailable) as failed:
        await wire.send(call_to(url, method="POST"))
    assert not failed.value.outcome_unknown
    return failed.value


@pytest.mark.parametrize("closes", [True, False])
async def test_an_answer_without_length_is_whole_only_if_tls_was_closed_behind_it(
    wire: Wire, certificate: Path, *, closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def talk(connection: ssl.SSLSocket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        if closes:
            connection.setblocking(False)
            try:
                connection.unwrap()
            except ssl.SSLWantReadError:
                connection.shutdown(socket.SHUT_WR)

    async with (
        threaded(talk, server_context(certificate), connections=1) as port,
        socks() as (address, _),
    ):
        monkeypatch.setenv("all_proxy", f"socks5://{address}")
        if closes:
            assert (await send_as(wire, f"https://localhost:{port}/", "own")).body == b"half"
        else:
            with pytest.raises(UpstreamUnavailable) as failed:
                await wire.send(call_to(f"https://upstream.test:{port}/", method="POST"))
            assert failed.value.outcome_unknown
