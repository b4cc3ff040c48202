"""The wire: one call becomes one HTTP exchange, and the HTTP library's errors become ours, here and nowhere else."""

from datetime import timedelta
from typing import Final

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

from resolvers.errors import UpstreamBadAnswer, UpstreamError, UpstreamTimeout, UpstreamUnavailable
from resolvers.upstreams.call import Answer, Call

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Decompressed. The largest documented answer, 3,000 recipients, is about 1 MiB."""

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
        .user_agent("graphql-rest-gateway")
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .build()
    )


class Wire:
    """The innermost transport, which sends a call once; lives as long as its process.

    Args:
        client: The pool that it shares with the other upstreams.
        max_answer_bytes: How long a decompressed body may be.
    """

    def __init__(self, client: Client, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._client = client
        self._max_answer_bytes = max_answer_bytes

    async def send(self, call: Call) -> Answer:
        """Send the call once and read the whole answer, whatever its status.

        Raises:
            UpstreamUnavailable: no connection, or it broke, or no request can be made of the call.
            UpstreamTimeout: no whole answer within `call.timeout` seconds.
            UpstreamBadAnswer: the body is longer than allowed, or not compressed as it says.
        """
        builder = self._request(call)
        call.tries += 1
        try:
            async with builder.build_streamed() as response:
                body = await response.body_reader.read(self._max_answer_bytes + 1)
                answer = Answer(response.status, response.headers, b"" if body is None else bytes(body))
        except PyreqwestError as error:
            raise _translate(call, error) from error
        if len(answer.body) > self._max_answer_bytes:
            raise UpstreamBadAnswer(
                call.upstream,
                f"{call.upstream.name} answered {call.operation} with more than {self._max_answer_bytes} bytes.",
                outcome_unknown=not call.repeatable,
            )
        return answer

    def _request(self, call: Call) -> RequestBuilder:
        """The request; what is wrong with one may be a secret, so the library's message goes no further."""
        headers = call.headers
        if call.authorization is not None:
            headers = (*headers, ("authorization", call.authorization))
        try:
            builder = self._client.request(call.method, call.url).timeout(timedelta(seconds=call.timeout))
            builder = builder.headers(headers)
        except ValueError:
            message = (
                f"{call.upstream.name} could not be asked for {call.operation}: its URL or the credentials for it hold "
                "characters that HTTP does not allow; its operator checks the settings."
            )
            raise UpstreamUnavailable(call.upstream, message) from None
        return builder if call.body is None else builder.body_bytes(call.body)


def _translate(call: Call, error: PyreqwestError) -> UpstreamError:
    """Our word for what the HTTP library says.

    Its classes do not tell whether the request went out: a connection cut after the request was sent is a ConnectError
    there too, and a slow answer a ConnectTimeoutError. The causes do.
    """
    outcome_unknown = not call.repeatable and not _never_sent(error)
    name, operation = call.upstream.name, call.operation
    if isinstance(error, RequestTimeoutError):
        message = f"{name} did not answer {operation} within {call.timeout:.1f} s; try again later."
        return UpstreamTimeout(call.upstream, message, outcome_unknown=outcome_unknown)
    if isinstance(error, DecodeError) and not _was_cut(error):
        message = f"{name} answered {operation} with a body that cannot be read."
        return UpstreamBadAnswer(call.upstream, message, outcome_unknown=outcome_unknown)
    message = f"{name} could not be reached for {operation}, or the connection broke; try again later."
    return UpstreamUnavailable(call.upstream, message, outcome_unknown=outcome_unknown)


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
