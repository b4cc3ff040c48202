"""All connections of a process: those that we speak HTTP/1.1 on ourselves, and the HTTP library's for the rest."""

import asyncio
import ssl
from functools import cached_property
from typing import Final

from resolvers.upstreams.transport.wire.library import LibraryPools
from resolvers.upstreams.transport.wire.origin import Origin, origin_of
from resolvers.upstreams.transport.wire.pool import Pool
from resolvers.upstreams.transport.wire.proxy import Proxy, http_proxy, proxy_url

HTTP_1: Final = "http/1.1"
HTTP_2: Final = "h2"


class Connections:
    """All connections of a process, and which origins have which kind; process lifetime.

    Origins that offer HTTP/2 go to the library, as do those behind a proxy that is spoken to over TLS or SOCKS; all
    others are spoken to by ourselves.

    Attributes:
        library: The HTTP library's own pools.
        pools: The direct ones, by scheme and authority, once they were asked for.
        for_the_library: The schemes and authorities that turned out to be the library's, and whether it speaks HTTP/2
            with them.
    """

    def __init__(self) -> None:
        self.library = LibraryPools()
        self.pools: dict[str, Pool] = {}
        self.for_the_library: dict[str, bool] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def discover(self, scheme_and_authority: str) -> Pool | None:
        """The origin's pool; None where the library speaks to it.

        Raises:
            OSError: it takes a handshake to know, and that failed.
        """
        async with self._asking.setdefault(scheme_and_authority, asyncio.Lock()):
            pool = self.pools.get(scheme_and_authority)
            if pool is None and scheme_and_authority not in self.for_the_library:
                pool = await self._examine(scheme_and_authority)
            return pool

    async def close(self) -> None:
        """End them all."""
        for pool in self.pools.values():
            pool.close()
        await self.library.close()

    async def _examine(self, scheme_and_authority: str) -> Pool | None:
        origin = origin_of(scheme_and_authority)
        url = None if origin is None else proxy_url(origin)
        proxy = None if url is None else http_proxy(url)
        if origin is None or (url is not None and proxy is None):
            self.for_the_library[scheme_and_authority] = False
            return None
        if origin.encrypted and await self._offers_http_2(origin, proxy):
            self.for_the_library[scheme_and_authority] = True
            return None
        pool = self.pools[scheme_and_authority] = Pool(origin, self._tls if origin.encrypted else None, proxy)
        return pool

    async def _offers_http_2(self, origin: Origin, proxy: Proxy | None) -> bool:
        """Whether it would rather speak HTTP/2, which costs one handshake to know (RFC 7301)."""
        connection = await Pool(origin, _tls(HTTP_2, HTTP_1), proxy).connect()
        protocol = connection.protocol
        connection.abort()
        return protocol == HTTP_2

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return _tls(HTTP_1)


def _tls(*protocols: str) -> ssl.SSLContext:
    """By the system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(protocols)
    return context
