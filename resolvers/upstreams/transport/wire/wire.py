"""The wire: one call becomes one HTTP exchange, over the connections of the process."""

import asyncio
import ssl
from collections.abc import Awaitable
from functools import cached_property
from typing import Final

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.wire.client_tls import (
    HTTP_1,
    HTTP_2,
    NO_FILES,
    TlsFiles,
    client_context,
    refuses_protocols,
)
from resolvers.upstreams.transport.wire.exchange import Unsendable, split_url
from resolvers.upstreams.transport.wire.failures import Unreached, connection_reason, translated, unsendable
from resolvers.upstreams.transport.wire.httpx_wire import HttpxPools, HttpxWire
from resolvers.upstreams.transport.wire.origin import Origin, Proxy, http_proxy, origin_of, proxy_url
from resolvers.upstreams.transport.wire.pool import Pool, PoolConfig


class Connections:
    """The connections that trust and show the same in TLS, and how each origin is spoken to. Lifetime: process.

    A `Pool` speaks HTTP/1.1 to each origin that speaks it, through a tunnel where there is a proxy. Left to httpx are
    origins that speak only HTTP/2, and those behind a proxy that is itself spoken to over TLS or SOCKS.

    Args:
        config: What all pools have in common.
        files: What they trust and show.

    Raises:
        OSError: The files cannot be used.

    Attributes:
        pools: The pools, by scheme and authority, once they were discovered.
        httpx: The connections that httpx makes.
        left_to_httpx: The URL of the proxy, if any, by scheme and authority of the origins that are left to httpx.
        client_certificate_end: When the client certificate ends, in seconds since 1970; None without one.
    """

    def __init__(self, config: PoolConfig | None = None, files: TlsFiles = NO_FILES) -> None:
        self._config = config or PoolConfig()
        self._files = files
        self.pools: dict[str, Pool] = {}
        self.httpx = HttpxPools(self._config.max_age_seconds, files)
        if files != NO_FILES:
            # At once: files that cannot be used must not come into force. The system's are loaded when they are needed.
            _ = self._tls, self.httpx.tls
        self.client_certificate_end = files.certificate_end
        self.left_to_httpx: dict[str, str | None] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def discover(self, scheme_and_authority: str) -> None:
        """Find out how an origin is spoken to, unless that is known.

        Args:
            scheme_and_authority: The origin, as in a URL.

        Raises:
            Unsendable: it is no origin.
            OSError: it takes a handshake to know, and that failed.
        """
        # A lock for each origin, so that all its first calls share the handshakes.
        async with self._asking.setdefault(scheme_and_authority, asyncio.Lock()):
            if scheme_and_authority not in self.pools and scheme_and_authority not in self.left_to_httpx:
                await self._examine(scheme_and_authority)

    def server_certificate_end(self, scheme_and_authority: str) -> float | None:
        """Return when the certificate that a server showed last ends, in seconds since 1970; None if none was seen."""
        pool = self.pools.get(scheme_and_authority)
        return self.httpx.certificate_ends.get(scheme_and_authority) if pool is None else pool.certificate_end

    async def close(self) -> None:
        """End all connections, and open no more."""
        for pool in self.pools.values():
            pool.close()
        await self.httpx.close()

    async def _examine(self, scheme_and_authority: str) -> None:
        origin = origin_of(scheme_and_authority)
        if origin is None:
            raise Unsendable
        url = proxy_url(origin)
        proxy = None if url is None else http_proxy(url)
        is_out_of_reach = url is not None and proxy is None
        if is_out_of_reach or (origin.encrypted and await self._speaks_http_2_alone(origin, proxy)):
            self.left_to_httpx[scheme_and_authority] = url
        else:
            self.pools[scheme_and_authority] = Pool(
                origin, self._tls if origin.encrypted else None, proxy, self._config
            )

    async def _speaks_http_2_alone(self, origin: Origin, proxy: Proxy | None) -> bool:
        """Return whether an origin speaks HTTP/2 but not HTTP/1.1, which takes one handshake or two to know."""
        # One that agrees on neither does not know ALPN, and speaks HTTP/1.1.
        if await _agrees(Pool(origin, self._tls, proxy, self._config), HTTP_1):
            return False
        return await _agrees(Pool(origin, client_context(HTTP_2, files=self._files), proxy, self._config), HTTP_2)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return client_context(HTTP_1, files=self._files)


async def _agrees(pool: Pool, protocol: str) -> bool:
    """Return whether an origin agrees on the protocol that is offered; it may choose none, or refuse (RFC 7301)."""
    try:
        connection = await pool.connect()
    except ssl.SSLError as error:
        if refuses_protocols(error):
            return False
        raise
    # It belongs to no account, so it must not carry a call.
    agreed = connection.protocol == protocol
    connection.abort()
    return agreed


class ConnectionsByTls:
    """All connections of a process, apart by what they trust and show in TLS. Lifetime: process.

    An account never uses a connection that was made with the certificate of another, since it does not find it.
    """

    def __init__(self) -> None:
        self._known: dict[TlsFiles, Connections] = {}

    def of(self, files: TlsFiles) -> Connections:
        """Return the connections that trust and show these.

        Raises:
            OSError: The files cannot be used.
        """
        if files not in self._known:
            self._known[files] = Connections(files=files)
        return self._known[files]

    def open_connections(self, scheme_and_authority: str) -> int:
        """Return how many connections to an origin are open, those that httpx makes aside."""
        pools = (one.pools.get(scheme_and_authority) for one in self._known.values())
        return sum(pool.open_connections for pool in pools if pool is not None)

    async def close(self) -> None:
        """End all connections, and open no more."""
        for connections in self._known.values():
            await connections.close()


MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Decompressed. The largest documented answer, 3,000 recipients, is about 1 MiB."""


class Wire:
    """The innermost transport: sends a call once. Lifetime: process.

    Args:
        connections: Those of the process, shared with the other upstreams.
        max_answer_bytes: How long a body may be, as received and decompressed.
        keeps_connections: Whether later calls of an identity may use a connection again. Calls without an identity,
            such as logins, must not: a stray answer would be another person's.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        keeps_connections: bool = True,
    ) -> None:
        self._keeps_connections = keeps_connections
        self._connections = connections
        self._pools = connections.pools
        self._max_answer_bytes = max_answer_bytes
        self._httpx = HttpxWire(connections.httpx, max_answer_bytes=max_answer_bytes)

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send the call once and return its answer, whatever the status.

        Raises:
            UpstreamUnavailable: no connection was made, or it broke, or no request can be made of the call.
            UpstreamTimeout: no complete answer arrived within `call.timeout` seconds.
            UpstreamBadAnswer: the answer is longer than allowed, no HTTP, or not compressed as it says.
        """
        # No coroutine: over an idle connection the caller awaits the exchange's own future, which costs less.
        base, target = split_url(call.url)
        pool = self._pools.get(base)
        account = call.identity if self._keeps_connections else None
        if pool is None:
            return self._send_otherwise(call, base, account)
        try:
            request = pool.request(call, target)
        except Unsendable:
            # `from None`, because `Unsendable` says nothing more.
            raise unsendable(call) from None
        call.tries += 1
        return pool.carry(call, request, self._max_answer_bytes, account)

    def _send_otherwise(self, call: Call, base: str, account: str | None) -> Awaitable[Answer]:
        """Send to an origin that is left to httpx, or that is not discovered yet."""
        if base in self._connections.left_to_httpx:
            return self._httpx.send(call, account, self._connections.left_to_httpx[base])
        return self._send_first(call, base)

    async def _send_first(self, call: Call, base: str) -> Answer:
        """Find out how to speak to an origin, and send to it in the time that is left."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout_at(began + call.timeout):
                await self._connections.discover(base)
        except Unsendable:
            raise unsendable(call) from None
        except OSError as error:
            # Counted, so that it is retried and the breaker sees it, as any other failed connection.
            call.tries += 1
            failure = Unreached(connection_reason(error), late=isinstance(error, TimeoutError))
            raise translated(call, failure, self._max_answer_bytes) from error
        # The handshakes are part of the try: with its whole time anew, the call would outlast its operation.
        call.spent = loop.time() - began
        try:
            return await self.send(call)
        finally:
            # Another try, over the same connections, spends nothing.
            call.spent = 0.0
