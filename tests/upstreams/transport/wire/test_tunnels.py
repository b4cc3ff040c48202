"""An encrypted upstream behind a proxy is spoken to through a tunnel, as if the proxy was not there."""

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from resolvers.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.transport.wire import failures
from resolvers.upstreams.transport.wire.origin import Origin, Proxy, http_proxy, proxy_url
from resolvers.upstreams.transport.wire.wire import Wire
from tests.upstreams.transport.wire.certificates import server_context, write_certificate
from tests.upstreams.transport.wire.proxy_server import CONNECTED, proxying
from tests.upstreams.transport.wire.talking_server import accepting, answering, call_to, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("certificate"), host="upstream.test")


def behind(url: str) -> str:
    """The URL of a server of ours by a name that the proxy alone can resolve."""
    return url.replace("localhost", "upstream.test")


async def test_calls_share_a_tunnel_and_the_proxy_sees_none_of_them(
    trusting_wire: Wire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answering(b"{}"), server_context(certificate)) as server, proxying() as proxy:
        monkeypatch.setenv("https_proxy", f"http://us%40er:pass%20word@{proxy.address}")
        call = call_to(behind(server.url))
        call.authorization = "Bearer secret"
        answers = [await trusting_wire.send(call) for _ in range(3)]
        host = behind(server.url).removeprefix("https://").rstrip("/")

    credentials = b64encode(b"us@er:pass word").decode()
    connect = f"CONNECT {host} HTTP/1.1\r\nhost: {host}\r\nproxy-authorization: Basic {credentials}\r\n\r\n"
    assert [answer.body for answer in answers] == [b"{}"] * 3
    assert [len(heads) for heads in server.heads if heads] == [3]
    assert set(proxy.heads) == {connect.encode()}
    assert all(f"host: {host}\r\n".encode() in head and b"proxy-" not in head for head in server.requests)


async def test_credentials_of_the_proxy_go_with_each_request_that_it_forwards(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(answering(b"{}")) as server, proxying() as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:password@{proxy.address}")
        host = server.url.replace("127.0.0.1", "upstream.test").removeprefix("http://").rstrip("/")
        answers = [await wire.send(call_to(f"http://{host}/jobs?a=b")) for _ in range(2)]

    credentials = b64encode(b"user:password")
    assert [answer.body for answer in answers] == [b"{}"] * 2
    assert proxy.heads == server.requests[:1]
    for head in server.requests:
        assert head.startswith(f"GET http://{host}/jobs?a=b HTTP/1.1\r\nhost: {host}\r\n".encode())
        assert b"proxy-authorization: Basic " + credentials in head


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "its proxy refused to connect to it (407)"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "its proxy refused to connect to it (403)"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "its proxy does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000, "its proxy does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "its proxy sent more than an answer"),
        (b"", "its proxy closed the connection"),
    ],
)
async def test_why_a_proxy_opens_no_tunnel_is_named_and_nothing_was_sent(
    trusting_wire: Wire, answer: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxying(answer) as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:planted@{proxy.address}")
        call = call_to("https://upstream.test/", method="POST")
        with pytest.raises(UpstreamUnavailable) as failed:
            await trusting_wire.send(call)

    assert (failed.value.reason or "").startswith(reason)
    assert "planted" not in f"{failed.value.reason}{failed.value}{failed.value.__cause__!r}"
    assert not failed.value.outcome_unknown
    assert call.tries == 1


async def test_a_proxy_that_is_away_is_named(trusting_wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")

    with pytest.raises(UpstreamUnavailable) as failed:
        await trusting_wire.send(call_to("https://upstream.test/"))

    assert failed.value.reason == f"its proxy 127.0.0.1:1 cannot be reached: {failures.REFUSED}"


async def test_a_proxy_that_never_answers_is_a_timeout(trusting_wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        await reader.read(-1)

    async with accepting(silent) as address:
        monkeypatch.setenv("https_proxy", f"http://{address}")
        with pytest.raises(UpstreamTimeout) as failed:
            await trusting_wire.send(call_to("https://upstream.test/", method="POST", timeout=0.2))

    assert (failed.value.reason, failed.value.outcome_unknown) == (failures.NO_ANSWER, False)


async def test_a_head_of_a_proxy_may_come_in_pieces_and_behind_interim_ones(
    trusting_wire: Wire, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = CONNECTED.replace(b"\r\n\r\n", b"\r\nvia: 1.1 p\r\nproxy-agent: x\r\n\r\n")
    async with serving(answering(b"{}"), server_context(certificate)) as server, proxying(said, pieces=7) as proxy:
        monkeypatch.setenv("https_proxy", proxy.address)
        answer = await trusting_wire.send(call_to(behind(server.url)))

    assert answer.body == b"{}"


async def test_a_proxy_cannot_stand_in_for_the_upstream(
    trusting_wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_certificate(tmp_path, host="upstream.test")
    async with serving(answering(b"{}"), server_context(other)) as server, proxying() as proxy:
        monkeypatch.setenv("https_proxy", f"http://{proxy.address}")
        with pytest.raises(UpstreamError) as failed:
            await trusting_wire.send(call_to(behind(server.url)))

    assert failed.value.reason == failures.UNKNOWN_CA
    assert server.requests == []


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy", Proxy("proxy", 80)),
        ("http://proxy:3128/", Proxy("proxy", 3128)),
        ("http://[::1]:3128", Proxy("::1", 3128)),
        ("http://user@proxy", Proxy("proxy", 80, "Basic dXNlcjo=")),
        ("https://proxy", None),
        ("socks5://proxy", None),
        ("http://", None),
        ("http://proxy:x", None),
        ("http://[proxy", None),
    ],
)
def test_a_proxy_is_a_host_and_a_port_and_credentials(url: str, proxy: Proxy | None) -> None:
    assert http_proxy(url) == proxy
    assert "dXNlcjo=" not in repr(proxy)


@pytest.mark.parametrize(
    ("host", "excepted", "is_proxied"),
    [
        ("upstream.test", "", True),
        ("upstream.test", "*", False),
        ("api.upstream.test", "other.test, upstream.test", False),
        ("10.1.2.3", "10.1.2.3", False),
        ("10.1.2.3", "192.168.0.0/16,10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3/8", False),
        ("10.1.2.3", "10.2.0.0/16,nonsense/8,fd00::/8", True),
        ("fd00::1", "fd00::/8", False),
        ("upstream.test", "10.0.0.0/8", True),
        ("127.0.0.1", "", False),
    ],
)
def test_no_proxy_names_hosts_and_networks(
    host: str, excepted: str, *, is_proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "proxy:3128")
    monkeypatch.setenv("no_proxy", excepted)
    authority = f"[{host}]:443" if ":" in host else f"{host}:443"

    assert proxy_url(Origin(host, 443, authority, encrypted=True)) == ("http://proxy:3128" if is_proxied else None)
