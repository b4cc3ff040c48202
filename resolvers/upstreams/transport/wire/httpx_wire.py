"""Calls that httpx sends: to origins that speak HTTP/2 alone, and through proxies spoken to over TLS or SOCKS.

Its errors are translated here and nowhere else. The transport below its client is used, which has no cookies,
redirects, decompression and environment variables that would have to be turned off.

Each account has connections of its own, and a failure retires them. Through a proxy they may speak HTTP/1.1, where one
answer too many would meet the next request, which must not be another account's. Over HTTP/2 the server goes on with a
call that was given up: the rest of its answer would take up room in the window that all calls of the connection share,
and httpx never gives that back.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from ssl import SSLContext
from typing import Any, Final, Protocol

import httpx
from h2.exceptions import H2Error

from resolvers.upstreams.call import Answer, Call, HeaderField
from resolvers.upstreams.transport.wire.client_tls import (
    HTTP_1,
    HTTP_2,
    NO_FILES,
    TlsFiles,
    client_context,
    server_certificate_end,
)
from resolvers.upstreams.transport.wire.connection import is_end_true
from resolvers.upstreams.transport.wire.content_coding import Undecodable, decoded
from resolvers.upstreams.transport.wire.exchange import Unsendable, check_target, checked_fields, split_url
from resolvers.upstreams.transport.wire.failures import (
    Broken,
    Late,
    ProxyFailed,
    TooLong,
    Unparsable,
    Unreached,
    chained_reason,
    refusal,
    translated,
    unsendable,
)
from resolvers.upstreams.transport.wire.parser import KEPT_FIELDS
from resolvers.upstreams.transport.wire.pool import FRESH_SECONDS, MAX_AGE_SECONDS

MAX_POOLS: Final = 64
"""Accounts and proxies whose connections are kept; those of others are opened again."""

IDLE_SECONDS: Final = FRESH_SECONDS
"""Short, because httpx does not notice that the server closes an idle connection over HTTP/2: whether a change that is
sent then was carried out would be unknown."""


class HttpxPool:
    """The connections of one account through one proxy. Lifetime: until it is retired and its last call is over.

    Args:
        transport: httpx's own pool.
        opened_at: The event loop's clock, in seconds.

    Attributes:
        calls: The number of calls in flight.
        is_retired: Whether it takes no more calls.
    """

    def __init__(self, transport: httpx.AsyncHTTPTransport, opened_at: float) -> None:
        self.transport = transport
        self.opened_at = opened_at
        self.calls = 0
        self.is_retired = False


class HttpxPools:
    """All connections that httpx makes. Lifetime: process.

    Args:
        max_age_seconds: How long the connections of an account are used before new ones are opened, as names may have
            other addresses by then.
        files: What the connections trust and show.

    Attributes:
        certificate_ends: When the certificate that a server showed last ends, by scheme and authority.
    """

    def __init__(self, max_age_seconds: float = MAX_AGE_SECONDS, files: TlsFiles = NO_FILES) -> None:
        self._max_age = max_age_seconds
        self._files = files
        self.certificate_ends: dict[str, float] = {}
        self._kept: dict[tuple[str, str | None], HttpxPool] = {}
        self._is_closed = False

    @asynccontextmanager
    async def lend(self, account: str | None, proxy: str | None) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Lend the connections of an account to one call.

        Args:
            account: The account that they belong to; None for connections that are closed after the block.
            proxy: The URL of the proxy that they lead through, if any.

        Raises:
            OSError: the URL is no proxy's, or `close` was called.
        """
        pool = await self._pool_of(account, proxy)
        pool.calls += 1
        try:
            yield pool.transport
        except BaseException:
            # The next call must not get what is left of this one (see the module); cancelled calls included.
            self._retire(pool)
            raise
        finally:
            pool.calls -= 1
            await _end_unused(pool)

    async def close(self) -> None:
        """End all connections, and open no more."""
        self._is_closed = True
        for pool in list(self._kept.values()):
            self._retire(pool)
            await pool.transport.aclose()

    async def _pool_of(self, account: str | None, proxy: str | None) -> HttpxPool:
        if self._is_closed:
            raise OSError("the connections are closed")
        now = asyncio.get_running_loop().time()
        if account is None:
            # Retired from the start, so that it ends with its only call.
            pool = HttpxPool(self._opened(proxy), now)
            pool.is_retired = True
            return pool
        # Removed and set again, so that the first is the one that was used the longest time ago.
        key = (account, proxy)
        known = self._kept.pop(key, None)
        is_young = known is not None and now - known.opened_at < self._max_age
        pool = known if known is not None and is_young else HttpxPool(self._opened(proxy), now)
        self._kept[key] = pool
        if known is not None and known is not pool:
            await self._end(known)
        if len(self._kept) > MAX_POOLS:
            await self._end(next(iter(self._kept.values())))
        return pool

    async def _end(self, pool: HttpxPool) -> None:
        self._retire(pool)
        await _end_unused(pool)

    def _retire(self, pool: HttpxPool) -> None:
        pool.is_retired = True
        self._kept = {key: kept for key, kept in self._kept.items() if kept is not pool}

    def _opened(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        # No limits, because the concurrency limit around the wire already sets how many are open at once.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=IDLE_SECONDS)
        through = None if proxy is None else self._proxy(proxy)
        return httpx.AsyncHTTPTransport(verify=self.tls, http2=True, limits=limits, proxy=through)

    def _proxy(self, url: str) -> httpx.Proxy:
        try:
            return httpx.Proxy(url, ssl_context=self._proxy_tls if url.startswith("https") else None)
        except (ValueError, httpx.InvalidURL):
            # The error holds the URL, and that may hold a password.
            raise ProxyFailed("its proxy has a URL that is none, or of a kind that cannot be used") from None

    @cached_property
    def tls(self) -> SSLContext:
        """The context of connections to origins. Raises OSError if the files cannot be used."""
        return client_context(HTTP_2, HTTP_1, files=self._files)

    @cached_property
    def _proxy_tls(self) -> SSLContext:
        # A context of its own, because httpx sets in it which protocols are offered.
        return client_context(HTTP_1)


async def _end_unused(pool: HttpxPool) -> None:
    if pool.is_retired and pool.calls == 0:
        await pool.transport.aclose()


# Errors of httpx, those that it lets through (of HTTP/2, TLS, statuses that are no numbers), and those raised here.
_RAISED: Final = (httpx.HTTPError, H2Error, OSError, ValueError, ExceptionGroup, TooLong, Broken)

# Texts of its errors where the other side ended an answer: their class is also that of answers that are no HTTP.
_ENDED: Final = re.compile(r"disconnected|peer closed|StreamReset|ConnectionTerminated")

_BODILESS: Final = frozenset({204, 304})


class _Stream(Protocol):
    """A connection of httpx, before TLS."""

    async def aclose(self) -> None: ...


class HttpxWire:
    """Sends a call once, by httpx. Lifetime: process.

    Args:
        pools: The connections, shared with the other upstreams.
        max_answer_bytes: How long a body may be, as received and decompressed.
    """

    def __init__(self, pools: HttpxPools, *, max_answer_bytes: int) -> None:
        self._pools = pools
        self._max_answer_bytes = max_answer_bytes

    async def send(self, call: Call, account: str | None, proxy: str | None) -> Answer:
        """Send the call once and return its answer, whatever the status.

        Args:
            call: The call.
            account: The account whose connections may carry it; None for a connection that carries nothing else.
            proxy: The URL of the proxy before the origin, if any.

        Raises:
            UpstreamError: there is no answer.
        """
        exchange = _HttpxExchange(call, self._max_answer_bytes)
        call.tries += 1
        try:
            async with asyncio.timeout(call.timeout - call.spent), self._pools.lend(account, proxy) as transport:
                answer = await exchange.carry(transport)
        except _RAISED as error:
            failure = exchange.failure(error)
            raise translated(call, failure, self._max_answer_bytes) from error
        if exchange.certificate_end is not None:
            self._pools.certificate_ends[split_url(call.url)[0]] = exchange.certificate_end
        return answer


class _HttpxExchange:
    """One request and its answer. Lifetime: call.

    Args:
        call: The call.
        max_bytes: How long the answer's body may be, as received and decompressed.

    Attributes:
        certificate_end: When the certificate of the server ends, in seconds since 1970; None before the answer, and
            without TLS.
    """

    def __init__(self, call: Call, max_bytes: int) -> None:
        self.certificate_end: float | None = None
        self._request = _request(call)
        self._request.extensions["trace"] = self._note
        self._most_bytes = max_bytes
        self._is_sent = False
        self._connecting: _Stream | None = None

    async def carry(self, transport: httpx.AsyncHTTPTransport) -> Answer:
        """Send the request and read the answer.

        Raises:
            TooLong: its body is longer than allowed.
            Undecodable: it is not compressed as its header says.
            Broken: it has no length, and was cut.
        """
        try:
            response = await transport.handle_async_request(self._request)
        except BaseException:
            # httpx loses a connection whose handshake is cancelled, and leaves it open.
            if self._connecting is not None:
                await self._connecting.aclose()
            raise
        tls = response.extensions["network_stream"].get_extra_info("ssl_object")
        self.certificate_end = None if tls is None else server_certificate_end(tls)
        try:
            body = await self._read(response)
            if not _is_whole(response):
                raise Broken
        finally:
            await response.aclose()
        headers = _kept(response)
        body = decoded(body, headers.get("content-encoding", ""), self._most_bytes)
        if len(body) > self._most_bytes:
            raise TooLong
        return Answer(response.status_code, headers, body)

    def failure(self, error: Exception) -> Exception:
        """Return the failure of the wire for an error of httpx.

        Args:
            error: The error, or a failure already.
        """
        if isinstance(error, TooLong | Undecodable | Broken):
            return error
        is_late = isinstance(error, TimeoutError | httpx.TimeoutException)
        reason = refusal(str(error)) if isinstance(error, httpx.ProxyError) else chained_reason(error)
        if not self._is_sent:
            return Unreached(reason, late=is_late)
        if is_late:
            return Late()
        is_wrong = isinstance(error, httpx.ProtocolError | httpx.DecodingError | H2Error | ValueError)
        return Unparsable() if is_wrong and not _ENDED.search(str(error)) else Broken(reason)

    async def _read(self, response: httpx.Response) -> bytes:
        parts, length = [], 0
        async for part in response.aiter_raw():
            parts.append(part)
            length += len(part)
            if length > self._most_bytes:
                raise TooLong
        return b"".join(parts)

    async def _note(self, event: str, info: dict[str, Any]) -> None:
        """Note how far the request is (called by httpx at each step)."""
        # httpx's errors say neither whether the request was sent, nor which connection is still open.
        if event.endswith(".connect_tcp.complete"):
            self._connecting = info["return_value"]
        elif event.endswith(".start_tls.complete"):
            self._connecting = None
        # `CONNECT` goes to a proxy and carries nothing of the call.
        elif event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._is_sent = True
            self._connecting = None


def _request(call: Call) -> httpx.Request:
    try:
        check_target(split_url(call.url)[1])
        fields = checked_fields((*call.headers, *call.propagated), call.authorization)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in fields]
        return httpx.Request(call.method, call.url, headers=headers, content=call.body)
    except (Unsendable, httpx.InvalidURL):
        raise unsendable(call) from None


def _kept(response: httpx.Response) -> dict[HeaderField, str]:
    headers: dict[HeaderField, str] = {}
    for name, value in response.headers.raw:
        key = KEPT_FIELDS[name]
        if key is not None:
            text = value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _is_whole(response: httpx.Response) -> bool:
    """Return whether the answer is complete: one without a length may have been cut by anybody between."""
    has_length = response.http_version == "HTTP/2" or response.status_code in _BODILESS
    if has_length or "content-length" in response.headers or "transfer-encoding" in response.headers:
        return True
    return is_end_true(response.extensions["network_stream"].get_extra_info("ssl_object"))
