"""Calls that the HTTP library sends: over HTTP/2, through proxies. Its errors become ours here and nowhere else."""

from datetime import timedelta
from typing import Final, cast

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ClientClosedError,
    DecodeError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.request import RequestBuilder

from resolvers.errors import UpstreamError
from resolvers.upstreams.call import Answer, Call, Headers
from resolvers.upstreams.transport.wire.failures import timed_out, too_long, unavailable, unreadable, unsendable
from resolvers.upstreams.transport.wire.request_head import USER_AGENT

IDLE_CONNECTIONS: Final = 256


def open_client() -> Client:
    """A connection pool; lives as long as its process.

    Redirects are not followed: none is documented, and one could carry credentials to another host.
    """
    return (
        ClientBuilder()
        .http2(enable=True)
        .follow_redirects(enable=False)
        .referer(enable=False)
        .user_agent(USER_AGENT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build()
    )


class LibraryWire:
    """Sends a call once, by the HTTP library; lives as long as its process.

    Args:
        client: The pool that it shares with the other upstreams.
        max_answer_bytes: How long a decompressed body may be.
    """

    def __init__(self, client: Client, *, max_answer_bytes: int) -> None:
        self._client = client
        self._max_answer_bytes = max_answer_bytes

    async def send(self, call: Call) -> Answer:
        """As the wire does."""
        builder = self._request(call)
        call.tries += 1
        try:
            async with builder.build_streamed() as response:
                body = await response.body_reader.read(self._max_answer_bytes + 1)
                headers = cast("Headers", response.headers)
                answer = Answer(response.status, headers, b"" if body is None else bytes(body))
        except PyreqwestError as error:
            raise translated(call, error) from error
        if len(answer.body) > self._max_answer_bytes:
            raise too_long(call, self._max_answer_bytes)
        return answer

    def _request(self, call: Call) -> RequestBuilder:
        """The request."""
        headers = call.headers
        if call.authorization is not None:
            headers = (*headers, ("authorization", call.authorization))
        try:
            builder = self._client.request(call.method, call.url).timeout(timedelta(seconds=call.timeout))
            builder = builder.headers(headers)
        except ValueError:
            raise unsendable(call) from None
        return builder if call.body is None else builder.body_bytes(call.body)


def translated(call: Call, error: PyreqwestError) -> UpstreamError:
    """Our word for what the HTTP library says.

    Its classes do not tell whether the request went out: a connection cut after the request was sent is a ConnectError
    there too, and a slow answer a ConnectTimeoutError. The causes do.

    Args:
        call: What was asked.
        error: What it raised.
    """
    sent = not _never_sent(error)
    if isinstance(error, RequestTimeoutError):
        return timed_out(call, sent=sent)
    if isinstance(error, DecodeError) and not _was_cut(error):
        return unreadable(call)
    return unavailable(call, sent=sent)


def _causes(error: PyreqwestError) -> list[str]:
    if not isinstance(error, DetailedPyreqwestError):
        return []
    return [cause["message"] for cause in error.details["causes"] or []]


def _never_sent(error: PyreqwestError) -> bool:
    if isinstance(error, BuilderError | ClientClosedError):
        return True
    return any("(Connect)" in cause for cause in _causes(error))


def _was_cut(error: PyreqwestError) -> bool:
    return any("reading a body from connection" in cause for cause in _causes(error))
