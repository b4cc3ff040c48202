"""The connections that httpx makes: each account has its own, and a failure retires them.

What goes through a proxy may be HTTP/1.1, where an answer too many would meet the next request: it must not be another
account's. Over HTTP/2 a call that was given up goes on for the server: the rest of its answer would take up room in the
window that all calls of the connection share, which httpx never gives back.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from ssl import SSLContext
from typing import Final

import httpx

from resolvers.upstreams.transport.wire.pool import FRESH_SECONDS
from resolvers.upstreams.transport.wire.proxy import ProxyFailed
from resolvers.upstreams.transport.wire.tls import HTTP_1, HTTP_2, client_context

REMEMBERED_POOLS: Final = 64
"""Accounts whose connections are kept; those of any other are opened again."""

IDLE_SECONDS: Final = FRESH_SECONDS
"""httpx does not notice while a connection over HTTP/2 is idle that the server closes it; a change sent then would be
in doubt."""


class HttpxPool:
    """The connections of one account through one proxy; lives until it is retired and its last call is over.

    Args:
        transport: httpx's own pool.

    Attributes:
        calls: How many it carries.
        is_retired: Whether it takes no more.
    """

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self.transport = transport
        self.calls = 0
        self.is_retired = False


class HttpxPools:
    """All connections that httpx makes; process lifetime."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str | None], HttpxPool] = {}
        self._is_closed = False

    @asynccontextmanager
    async def lend(self, account: str | None, proxy: str | None) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Lend the connections of an account to one call.

        Args:
            account: Whose they are; None for some that are closed after the block.
            proxy: The URL of the proxy that they lead through.

        Raises:
            OSError: the URL is no proxy's, or all connections were closed.
        """
        pool = await self._pool_of(account, proxy)
        pool.calls += 1
        try:
            yield pool.transport
        except BaseException:
            self._retire(pool)
            raise
        finally:
            pool.calls -= 1
            await _end_unused(pool)

    async def close(self) -> None:
        """End them all, and open no more."""
        self._is_closed = True
        for pool in list(self._kept.values()):
            self._retire(pool)
            await pool.transport.aclose()

    async def _pool_of(self, account: str | None, proxy: str | None) -> HttpxPool:
        if self._is_closed:
            raise OSError("the connections are closed")
        if account is None:
            pool = HttpxPool(self._opened(proxy))
            pool.is_retired = True
            return pool
        key = (account, proxy)
        pool = self._kept.pop(key) if key in self._kept else HttpxPool(self._opened(proxy))
        self._kept[key] = pool
        if len(self._kept) > REMEMBERED_POOLS:
            longest_unused = next(iter(self._kept.values()))
            self._retire(longest_unused)
            await _end_unused(longest_unused)
        return pool

    def _retire(self, pool: HttpxPool) -> None:
        pool.is_retired = True
        self._kept = {key: kept for key, kept in self._kept.items() if kept is not pool}

    def _opened(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        # How many are open at once is not for a pool to say: the concurrency limit around the wire does.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=IDLE_SECONDS)
        through = None if proxy is None else self._proxy(proxy)
        return httpx.AsyncHTTPTransport(verify=self._tls, http2=True, limits=limits, proxy=through)

    def _proxy(self, url: str) -> httpx.Proxy:
        try:
            return httpx.Proxy(url, ssl_context=self._proxy_tls if url.startswith("https") else None)
        except (ValueError, httpx.InvalidURL):
            # The error holds the URL, and that may hold a password.
            raise ProxyFailed("its proxy has a URL that is none, or of a kind that cannot be used") from None

    @cached_property
    def _tls(self) -> SSLContext:
        return client_context(HTTP_2, HTTP_1)

    @cached_property
    def _proxy_tls(self) -> SSLContext:
        """Another one, as httpx writes into it which protocols are asked for."""
        return client_context(HTTP_1)


async def _end_unused(pool: HttpxPool) -> None:
    if pool.is_retired and pool.calls == 0:
        await pool.transport.aclose()
