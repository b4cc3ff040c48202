"""Whatever httpx raises is an error of ours."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpcore
import httpx
import pytest
from h2.exceptions import H2Error, ProtocolError

from resolvers.errors import UpstreamBadAnswer, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Method
from resolvers.upstreams.transport.wire.httpx_wire import HttpxPools, HttpxWire
from tests.upstreams.transport.wire.talking_server import call_to

MEANINGS: dict[str, type[UpstreamError]] = {
    "HTTPError": UpstreamUnavailable,
    "HTTPStatusError": UpstreamUnavailable,
    "RequestError": UpstreamUnavailable,
    "TransportError": UpstreamUnavailable,
    "NetworkError": UpstreamUnavailable,
    "ConnectError": UpstreamUnavailable,
    "ReadError": UpstreamUnavailable,
    "WriteError": UpstreamUnavailable,
    "CloseError": UpstreamUnavailable,
    "ProxyError": UpstreamUnavailable,
    "UnsupportedProtocol": UpstreamUnavailable,
    "TooManyRedirects": UpstreamUnavailable,
    "DecodingError": UpstreamBadAnswer,
    "ProtocolError": UpstreamBadAnswer,
    "LocalProtocolError": UpstreamBadAnswer,
    "RemoteProtocolError": UpstreamBadAnswer,
    "TimeoutException": UpstreamTimeout,
    "ConnectTimeout": UpstreamTimeout,
    "ReadTimeout": UpstreamTimeout,
    "WriteTimeout": UpstreamTimeout,
    "PoolTimeout": UpstreamTimeout,
}
SENDING = "http11.send_request_headers.started"
LET_THROUGH: dict[Exception, type[UpstreamError]] = {
    H2Error("it failed"): UpstreamBadAnswer,
    ProtocolError("it failed"): UpstreamBadAnswer,
    ValueError("it failed"): UpstreamBadAnswer,
    OSError("it failed"): UpstreamUnavailable,
    TimeoutError("it failed"): UpstreamTimeout,
    ExceptionGroup("it failed", [OverflowError()]): UpstreamUnavailable,
    httpx.RemoteProtocolError("Server disconnected without sending a response."): UpstreamUnavailable,
    httpx.RemoteProtocolError("<StreamReset stream_id:1, error_code:2, remote_reset:True>"): UpstreamUnavailable,
}


def every_class() -> list[type[httpx.HTTPError]]:
    classes = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass)]
    return [kind for kind in classes if issubclass(kind, httpx.HTTPError)]


def an_error(kind: type[httpx.HTTPError]) -> httpx.HTTPError:
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://upstream.test/")
        return httpx.HTTPStatusError("it failed", request=request, response=httpx.Response(500))
    return kind("it failed")


class Failing(httpx.AsyncBaseTransport):
    """A transport that raises this error, once the request went out or before; lives one test."""

    def __init__(self, error: Exception, *, sent: bool) -> None:
        self._error = error
        self._sent = sent

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        note = cast("Callable[[str, dict[str, Any]], Awaitable[None]]", request.extensions["trace"])
        await note("connection.connect_tcp.started", {})
        await note(SENDING, {"request": httpcore.Request("CONNECT", "http://upstream.test")})
        if self._sent:
            await note(SENDING, {"request": httpcore.Request("GET", "http://upstream.test")})
        raise self._error


class Pools(HttpxPools):
    """Pools of such transports; lives one test."""

    def __init__(self, error: Exception, *, sent: bool) -> None:
        super().__init__()
        self._transport = Failing(error, sent=sent)

    def _opened(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        assert proxy is None
        return cast("httpx.AsyncHTTPTransport", self._transport)


async def raised(error: Exception, method: Method, *, sent: bool) -> UpstreamError:
    wire = HttpxWire(Pools(error, sent=sent), max_answer_bytes=1000)
    with pytest.raises(UpstreamError) as failed:
        await wire.send(call_to("http://upstream.test/", method=method), "own", None)
    assert failed.value.__cause__ is error
    return failed.value


def test_no_error_of_httpx_is_forgotten() -> None:
    assert {kind.__name__ for kind in every_class()} == MEANINGS.keys()


@pytest.mark.parametrize(
    ("error", "meaning"),
    [*((an_error(kind), MEANINGS[kind.__name__]) for kind in every_class()), *LET_THROUGH.items()],
    ids=repr,
)
async def test_every_error_of_httpx_is_one_of_ours(error: Exception, meaning: type[UpstreamError]) -> None:
    read = await raised(error, "GET", sent=True)
    change = await raised(error, "POST", sent=True)
    unsent = await raised(error, "POST", sent=False)

    assert (type(read), type(change)) == (meaning, meaning)
    assert type(unsent) is (UpstreamTimeout if meaning is UpstreamTimeout else UpstreamUnavailable)
    assert (read.outcome_unknown, change.outcome_unknown, unsent.outcome_unknown) == (False, True, False)
