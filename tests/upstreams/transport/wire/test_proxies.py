"""Upstreams behind a proxy are asked through it, as the environment says."""

import pytest

from resolvers.upstreams.transport.wire.exchange import split_url
from resolvers.upstreams.transport.wire.origin import is_loopback, origin_of
from resolvers.upstreams.transport.wire.wire import Connections, Wire
from tests.upstreams.transport.wire.talking_server import answering, call_to, serving


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
async def test_calls_go_through_the_proxy(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(b"the proxy's")) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        connections = Connections()

        answer = await Wire(connections).send(call_to("http://upstream.test/jobs"))
        await connections.close()

    assert answer.body == b"the proxy's"
    assert proxy.requests[0].startswith(b"GET http://upstream.test/jobs HTTP/1.1\r\n")


async def test_hosts_that_the_environment_excepts_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(b"the proxy's")) as proxy, serving(answering(b"the server's")) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        connections = Connections()

        answer = await Wire(connections).send(call_to(server.url))
        await connections.close()

    assert answer.body == b"the server's"
    assert connections.pools


@pytest.mark.parametrize(
    "url",
    [
        "http://user:password@host",
        "http://höst",
        "http://host:99999",
        "http://host:x",
        "http://[::1",
        "http://",
        "http://host?x=1",
        "ftp://host",
    ],
)
def test_what_is_no_origin_of_http_is_none(url: str) -> None:
    assert origin_of(url) is None


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://host", "host", 80),
        ("https://api.example.com", "api.example.com", 443),
        ("http://127.0.0.1:8080", "127.0.0.1", 8080),
        ("https://[::1]:8443", "::1", 8443),
    ],
)
def test_an_origin_is_a_host_and_a_port(url: str, host: str, port: int) -> None:
    origin = origin_of(url)

    assert origin is not None
    assert (origin.host, origin.port, origin.encrypted) == (host, port, url.startswith("https"))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://host/a/b?c=d/e", ("http://host", "/a/b?c=d/e")),
        ("http://host", ("http://host", "/")),
        ("http://h/", ("http://h", "/")),
    ],
)
def test_a_url_is_split_where_its_path_begins(url: str, parts: tuple[str, str]) -> None:
    assert split_url(url) == parts


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "ALL_PROXY"])
async def test_a_server_on_loopback_is_never_asked_through_a_proxy(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://proxy.invalid:3128")
    connections = Connections()
    async with serving(answering(b"the server's")) as server:
        answer = await Wire(connections).send(call_to(server.url))
        await connections.close()

    assert answer.body == b"the server's"


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost.example.com", False),
        ("128.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to be told apart, and no listener's
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, *, is_it: bool) -> None:
    assert is_loopback(host) == is_it
