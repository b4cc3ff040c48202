"""One call is one HTTP exchange, and whatever goes wrong with it is an error of ours."""

import asyncio
import gzip
import inspect
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pyreqwest.exceptions
import pytest
from pyreqwest.client import Client
from pyreqwest.exceptions import DetailedPyreqwestError, JSONDecodeError, PyreqwestError, StatusError

from resolvers.errors import UpstreamBadAnswer, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Call, Method
from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.transport.wire import Wire, _translate, open_client

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

MEANINGS: dict[str, type[UpstreamError]] = {
    "PyreqwestError": UpstreamUnavailable,
    "DetailedPyreqwestError": UpstreamUnavailable,
    "RequestError": UpstreamUnavailable,
    "StatusError": UpstreamUnavailable,
    "RedirectError": UpstreamUnavailable,
    "DecodeError": UpstreamBadAnswer,
    "BodyDecodeError": UpstreamBadAnswer,
    "JSONDecodeError": UpstreamBadAnswer,
    "TransportError": UpstreamUnavailable,
    "RequestTimeoutError": UpstreamTimeout,
    "NetworkError": UpstreamUnavailable,
    "ConnectTimeoutError": UpstreamTimeout,
    "ReadTimeoutError": UpstreamTimeout,
    "WriteTimeoutError": UpstreamTimeout,
    "PoolTimeoutError": UpstreamTimeout,
    "ConnectError": UpstreamUnavailable,
    "ReadError": UpstreamUnavailable,
    "WriteError": UpstreamUnavailable,
    "ClientClosedError": UpstreamUnavailable,
    "BuilderError": UpstreamUnavailable,
    "RequestPanicError": UpstreamUnavailable,
}
NEVER_SENT = {"ClientClosedError", "BuilderError"}


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = open_client()
    yield client
    await client.close()


@asynccontextmanager
async def upstream(talk: Talk) -> AsyncIterator[str]:
    """A server that talks so once it has read the head of a request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Talk:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return talk


def call_to(url: str, *, method: Method = "GET", timeout: float = 5.0) -> Call:
    call = Call(UpstreamName.SMS, "read", method, url, deadline=0, repeatable=method == "GET")
    call.timeout = timeout
    return call


def every_class() -> list[type[PyreqwestError]]:
    classes = inspect.getmembers(pyreqwest.exceptions, inspect.isclass)
    return [kind for _, kind in classes if issubclass(kind, PyreqwestError)]


def an_error(kind: type[PyreqwestError]) -> PyreqwestError:
    if issubclass(kind, JSONDecodeError):
        return kind("it failed", {"doc": "{", "pos": 0, "causes": None})
    if issubclass(kind, StatusError):
        return kind("it failed", {"causes": None, "status": 500})
    return kind("it failed", {"causes": None}) if issubclass(kind, DetailedPyreqwestError) else kind("it failed")


def test_no_error_of_the_library_is_forgotten() -> None:
    assert {kind.__name__ for kind in every_class()} == MEANINGS.keys()


@pytest.mark.parametrize("kind", every_class())
def test_every_error_of_the_library_is_one_of_ours(kind: type[PyreqwestError]) -> None:
    read = _translate(call_to("http://upstream.test/"), an_error(kind))
    change = _translate(call_to("http://upstream.test/", method="POST"), an_error(kind))

    assert type(read) is MEANINGS[kind.__name__]
    assert not read.outcome_unknown
    assert change.outcome_unknown == (kind.__name__ not in NEVER_SENT)


async def test_an_answer_comes_back_whole_whatever_its_status(client: Client) -> None:
    async with upstream(answering(b"no", "x-colour: red", status="418 I'm a teapot")) as url:
        call = call_to(url)

        answer = await Wire(client).send(call)

    assert (answer.status, answer.body, answer.headers["X-Colour"], call.tries) == (418, b"no", "red", 1)


async def test_credentials_headers_and_body_are_sent(client: Client) -> None:
    seen = bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readexactly(4))
        await answering(b"{}")(reader, writer)

    async with upstream(talk) as url:
        call = call_to(url, method="POST")
        call.authorization, call.body = "Bearer secret", b"body"

        answer = await Wire(client).send(call)

    assert (answer.status, bytes(seen)) == (200, b"body")


async def test_a_refused_connection_is_unavailable_and_nothing_was_sent(client: Client) -> None:
    async with upstream(answering(b"")) as url:
        pass

    with pytest.raises(UpstreamUnavailable) as failed:
        await Wire(client).send(call_to(url, method="POST"))

    assert not failed.value.outcome_unknown


@pytest.mark.parametrize(("method", "unknown"), [("GET", False), ("POST", True)])
async def test_a_connection_cut_before_the_answer_leaves_a_change_in_doubt(
    client: Client, method: Method, *, unknown: bool
) -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with upstream(cut) as url:
        with pytest.raises(UpstreamUnavailable) as failed:
            await Wire(client).send(call_to(url, method=method))

    assert failed.value.outcome_unknown is unknown


async def test_a_connection_cut_in_mid_body_is_unavailable(client: Client) -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()

    async with upstream(cut) as url:
        with pytest.raises(UpstreamUnavailable) as failed:
            await Wire(client).send(call_to(url, method="POST"))

    assert failed.value.outcome_unknown


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
async def test_an_answer_that_takes_too_long_is_a_timeout(client: Client, first: bytes) -> None:
    asked = asyncio.Event()

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        writer.write(first)
        await writer.drain()
        await reader.read()

    async with upstream(dawdle) as url:
        with pytest.raises(UpstreamTimeout, match=r"within 0\.2 s") as failed:
            await Wire(client).send(call_to(url, method="POST", timeout=0.2))

    assert asked.is_set()
    assert failed.value.outcome_unknown


async def test_a_compressed_answer_is_decompressed(client: Client) -> None:
    async with upstream(answering(gzip.compress(b'{"a": 1}'), "content-encoding: gzip")) as url:
        answer = await Wire(client).send(call_to(url))

    assert answer.body == b'{"a": 1}'


async def test_a_little_answer_that_decompresses_to_too_much_is_refused(client: Client) -> None:
    bomb = gzip.compress(bytes(10_000_000))

    async with upstream(answering(bomb, "content-encoding: gzip")) as url:
        with pytest.raises(UpstreamBadAnswer, match="more than 1000 bytes"):
            await Wire(client, max_answer_bytes=1000).send(call_to(url))

    assert len(bomb) < 20_000


@pytest.mark.parametrize("compressed", [b"this is no gzip", zlib.compress(b"{}")])
async def test_an_answer_not_compressed_as_it_says_is_bad(client: Client, compressed: bytes) -> None:
    async with upstream(answering(compressed, "content-encoding: gzip")) as url:
        with pytest.raises(UpstreamBadAnswer, match="cannot be read"):
            await Wire(client).send(call_to(url))


async def test_an_answer_may_be_as_long_as_allowed_and_no_longer(client: Client) -> None:
    async with upstream(answering(bytes(1001))) as url:
        allowed = await Wire(client, max_answer_bytes=1001).send(call_to(url))
        with pytest.raises(UpstreamBadAnswer, match="more than 1000 bytes") as refused:
            await Wire(client, max_answer_bytes=1000).send(call_to(url, method="POST"))

    assert len(allowed.body) == 1001
    assert refused.value.outcome_unknown


async def test_a_redirect_is_not_followed(client: Client) -> None:
    asked = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append("elsewhere")
        await answering(b"")(reader, writer)

    async with (
        upstream(elsewhere) as target,
        upstream(answering(b"", f"location: {target}", status="302 Found")) as url,
    ):
        answer = await Wire(client).send(call_to(url))

    assert (answer.status, asked) == (302, [])


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1/"])
async def test_a_url_that_is_none_is_unavailable_and_nothing_was_sent(client: Client, url: str) -> None:
    with pytest.raises(UpstreamUnavailable) as failed:
        await Wire(client).send(call_to(url, method="POST"))

    assert not failed.value.outcome_unknown


async def test_credentials_that_http_cannot_carry_are_in_no_error(client: Client) -> None:
    call = call_to("http://127.0.0.1:1/")
    call.authorization = "Bearer planted\nsecret"

    with pytest.raises(UpstreamUnavailable) as failed:
        await Wire(client).send(call)

    assert failed.value.__suppress_context__
    assert "planted" not in str(failed.value)
    assert call.tries == 0


async def test_a_closed_pool_is_unavailable(client: Client) -> None:
    await client.close()

    with pytest.raises(UpstreamUnavailable) as failed:
        await Wire(client).send(call_to("http://127.0.0.1:1/", method="POST"))

    assert not failed.value.outcome_unknown
