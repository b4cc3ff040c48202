"""Calls that the HTTP library sends: over HTTP/2, through proxies. Its errors become ours here and nowhere else.

Over HTTP/2 each answer has the number of its request, so all accounts share connections. What goes through a proxy may
be HTTP/1.1, where an answer too many would meet the next request: there each account has connections of its own.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, cast

from cachetools import LRUCache
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
from resolvers.upstreams.transport.wire.reasons import library_reason
from resolvers.upstreams.transport.wire.request_head import USER_AGENT

IDLE_CONNECTIONS: Final = 256

REMEMBERED_POOLS: Final = 64
"""Accounts whose connections through a proxy are kept; those of any other are opened again."""


def open_client() -> Client:
    """A connection pool; process lifetime.

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


class LibraryPools:
    """The HTTP library's connections; process lifetime.

    Attributes:
        shared: Those of all accounts, for origins that speak HTTP/2.
    """

    def __init__(self) -> None:
        self.shared: Client = open_client()
        self._of_accounts: LRUCache[str, Client] = LRUCache(REMEMBERED_POOLS)

    @asynccontextmanager
    async def of(self, account: str | None) -> AsyncIterator[Client]:
        """Lend the connections of an account.

        Args:
            account: Whose they are; None for some that are closed after the block.
        """
        if account is None:
            client = open_client()
            try:
                yield client
            finally:
                await client.close()
            return
        client = self._of_accounts.get(account) or open_client()
        # One that falls out is closed with its last call: nothing else refers to it then.
        self._of_accounts[account] = client
        yield client

    async def close(self) -> None:
        """End them all."""
        for client in (self.shared, *self._of_accounts.values()):
            await client.close()


class LibraryWire:
    """Sends a call once, by the HTTP library; process lifetime.

    Args:
        pools: Shared with the other upstreams.
        max_answer_bytes: How long a decompressed body may be.
    """

    def __init__(self, pools: LibraryPools, *, max_answer_bytes: int) -> None:
        self._pools = pools
        self._max_answer_bytes = max_answer_bytes

    async def send(self, call: Call) -> Answer:
        """Send over HTTP/2, on connections that all accounts share; else as the wire does."""
        return await self._send(call, self._pools.shared)

    async def send_by_account(self, call: Call, account: str | None) -> Answer:
        """Send over connections of one account.

        Args:
            call: What is asked.
            account: Whose connections may carry it; None for one that carries nothing else.
        """
        async with self._pools.of(account) as client:
            return await self._send(call, client)

    async def _send(self, call: Call, client: Client) -> Answer:
        builder = _request(call, client)
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


def _request(call: Call, client: Client) -> RequestBuilder:
    headers = call.headers
    if call.authorization is not None:
        headers = (*headers, ("authorization", call.authorization))
    try:
        builder = client.request(call.method, call.url).timeout(timedelta(seconds=call.timeout)).headers(headers)
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
    if isinstance(error, DecodeError) and not _was_cut(error):
        return unreadable(call)
    is_late = isinstance(error, RequestTimeoutError)
    translation = timed_out(call, sent=sent) if is_late else unavailable(call, sent=sent)
    translation.reason = library_reason(_causes(error))
    return translation


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
