"""All connections of a process: those that we speak HTTP/1.1 on ourselves, and httpx's for the rest."""

import asyncio
import ssl
from functools import cached_property

from resolvers.upstreams.transport.wire.httpx_pools import HttpxPools
from resolvers.upstreams.transport.wire.origin import Origin, origin_of
from resolvers.upstreams.transport.wire.pool import Pool
from resolvers.upstreams.transport.wire.proxy import Proxy, http_proxy, proxy_url
from resolvers.upstreams.transport.wire.request_head import Unsendable
from resolvers.upstreams.transport.wire.tls import HTTP_1, HTTP_2, client_context, refuses_protocols


class Connections:
    """All connections of a process, and which origins have which kind; process lifetime.

    We speak HTTP/1.1 to each origin that speaks it, through a tunnel where there is a proxy. Left to httpx are origins
    that speak HTTP/2 alone, and those behind a proxy that is itself spoken to over TLS or SOCKS.

    Attributes:
        pools: Our own, by scheme and authority, once they were asked for.
        httpx: Those of httpx.
        left_to_httpx: The URL of the proxy, if any, by scheme and authority of the origins that are left to httpx.
    """

    def __init__(self) -> None:
        self.pools: dict[str, Pool] = {}
        self.httpx = HttpxPools()
        self.left_to_httpx: dict[str, str | None] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def discover(self, scheme_and_authority: str) -> None:
        """Find out how an origin is spoken to, unless that is known.

        Raises:
            Unsendable: it is no origin.
            OSError: it takes a handshake to know, and that failed.
        """
        async with self._asking.setdefault(scheme_and_authority, asyncio.Lock()):
            if scheme_and_authority not in self.pools and scheme_and_authority not in self.left_to_httpx:
                await self._examine(scheme_and_authority)

    async def close(self) -> None:
        """End them all."""
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
            self.pools[scheme_and_authority] = Pool(origin, self._tls if origin.encrypted else None, proxy)

    async def _speaks_http_2_alone(self, origin: Origin, proxy: Proxy | None) -> bool:
        """Whether it agrees on HTTP/2 where it does not on HTTP/1.1, which costs a handshake or two to know.

        One that agrees on neither does not know what ALPN is, and speaks HTTP/1.1.
        """
        if await _agrees(Pool(origin, self._tls, proxy), HTTP_1):
            return False
        return await _agrees(Pool(origin, client_context(HTTP_2), proxy), HTTP_2)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return client_context(HTTP_1)


async def _agrees(pool: Pool, protocol: str) -> bool:
    """Whether an origin agrees on the protocol that it is asked for; it may choose none, or refuse (RFC 7301)."""
    try:
        connection = await pool.connect()
    except ssl.SSLError as error:
        if refuses_protocols(error):
            return False
        raise
    agreed = connection.protocol == protocol
    connection.abort()
    return agreed
