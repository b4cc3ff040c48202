"""The connections to one origin: opened when none is idle, kept while they are used.

An idle connection is used again for the account that it was opened for, and for no other. HTTP/1.1 has no number by
which an answer names its request: an answer too many, sent by a server that lost count, meets the next request on its
connection. No check can tell it from the right one, but it never is another account's.

The bound on idle connections is one for all accounts, so that thousands of them, each with a login of its own, keep no
more than `MOST_IDLE` files open: the connection that was idle for the longest time makes room.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from typing import Final

from aiohappyeyeballs import start_connection

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.wire.connection import WireConnection
from resolvers.upstreams.transport.wire.encrypted_connection import READ_BYTES, EncryptedConnection
from resolvers.upstreams.transport.wire.exchange import Exchange, request_bytes
from resolvers.upstreams.transport.wire.failures import ProxyFailed, Unreached, connection_reason
from resolvers.upstreams.transport.wire.origin import Origin, Proxy, open_tunnel

MOST_IDLE: Final = 256
"""Connections to one origin that are kept for later calls of any upstream or account."""

IDLE_SECONDS: Final = 60.0
"""A connection unused for longer is not used again: firewalls forget such ones without a word."""

FRESH_SECONDS: Final = 1.0
"""Servers close idle connections after 5 to 75 s; of a request that crosses that, nobody knows whether it was done."""

_NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305, section 5: how long an address is tried alone, in case the host's IPv6 leads nowhere."""


class Pool:
    """The connections to one origin; process lifetime.

    How many are open at once is not its to say: the concurrency limit around the wire does.

    Args:
        origin: Where they lead.
        tls: What TLS connections are made with.
        proxy: Through what.
    """

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None, proxy: Proxy | None = None) -> None:
        self.origin = origin
        self._tls = tls
        self._proxy = proxy
        self._buffer = memoryview(bytearray(READ_BYTES if tls is not None else 0))
        self._is_forwarded = proxy is not None and not origin.encrypted
        self._loop = asyncio.get_running_loop()
        self._idle: dict[str, list[WireConnection]] = {}
        self._idle_longest: dict[WireConnection, str] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._open: set[WireConnection] = set()
        self._is_closed = False

    @property
    def open_connections(self) -> int:
        """How many connections are open, idle or not."""
        return len(self._open)

    def request(self, call: Call, target: str) -> bytes:
        """A call in bytes, as the origin takes it, or the proxy that forwards it.

        Args:
            call: What is asked.
            target: Path and query.

        Raises:
            Unsendable: the target or a header would break out of its line.
        """
        authority = self.origin.authority
        if self._is_forwarded and self._proxy is not None:
            return request_bytes(call, authority, f"http://{authority}{target}", self._proxy.authorization)
        return request_bytes(call, authority, target)

    def carry(self, call: Call, request: bytes, most_bytes: int, account: str | None) -> Awaitable[Answer]:
        """Over an idle connection, and over a new one where there is none or where the server just closed it.

        Args:
            call: What is asked.
            request: The whole of it in bytes.
            most_bytes: How long the answer's body may be, as it comes and decompressed.
            account: Whose connections may be used; None for one that is used for this call alone.

        Raises:
            UpstreamError: when awaited; there is no answer.
        """
        now = self._loop.time()
        exchange = Exchange(call, account, request, most_bytes, now + call.timeout, self._loop.create_future())
        connection = self._take(account, now - (IDLE_SECONDS if call.repeatable else FRESH_SECONDS))
        if connection is None:
            return self._carry_over_new(exchange)
        if call.repeatable:
            exchange.again = self._carry_over_new
        return connection.carry(exchange)

    async def connect(self, account: str | None = None) -> WireConnection:
        """Open one more.

        Args:
            account: Whose calls it may carry; None where it ends with its first call.

        Raises:
            OSError: nobody is there, or nobody who can prove to be it.
        """
        if self._is_closed:
            raise OSError("the pool is closed")
        reached = await self._reach()
        try:
            if self._proxy is not None and self.origin.encrypted:
                await open_tunnel(reached, self.origin, self._proxy)
            _, connection = await self._loop.create_connection(
                lambda: self._made(account),
                sock=reached,
                ssl=self._tls,
                server_hostname=self.origin.host if self._tls is not None else None,
            )
        except BaseException:
            reached.close()
            raise
        self._open.add(connection)
        return connection

    def close(self) -> None:
        """End all connections, and open no more."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.abort()

    def give_back(self, connection: WireConnection) -> None:
        """Keep a connection for the next exchange of its account."""
        account = connection.account
        if self._is_closed or account is None:
            connection.abort()
            return
        if len(self._idle_longest) >= MOST_IDLE:
            self._end_idle(next(iter(self._idle_longest)))
        self._idle.setdefault(account, []).append(connection)
        self._idle_longest[connection] = account
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_SECONDS, self._end_unused)

    def _take(self, account: str | None, since: float) -> WireConnection | None:
        """An idle connection of the account, the one used last; None where there is none that was used since then."""
        if account is None:
            return None
        idle = self._idle.get(account)
        while idle and idle[-1].idle_since >= since:
            connection = idle.pop()
            del self._idle_longest[connection]
            if not idle:
                del self._idle[account]
            if connection.is_open:
                return connection
            connection.abort()
        return None

    def _remove_idle(self, connection: WireConnection) -> None:
        account = self._idle_longest.pop(connection, None)
        if account is None:
            return
        idle = self._idle[account]
        idle.remove(connection)
        if not idle:
            del self._idle[account]

    def _end_idle(self, connection: WireConnection) -> None:
        self._remove_idle(connection)
        connection.abort()

    def _end_unused(self) -> None:
        """End the connections that nobody used for long: their accounts may never come back."""
        self._sweep = None
        since = self._loop.time() - IDLE_SECONDS
        for connection in [one for one in self._idle_longest if one.idle_since <= since]:
            self._end_idle(connection)
        if self._idle_longest and not self._is_closed:
            first = next(iter(self._idle_longest))
            self._sweep = self._loop.call_at(first.idle_since + IDLE_SECONDS, self._end_unused)

    def _made(self, account: str | None) -> WireConnection:
        if self._tls is None:
            return WireConnection(account, self.give_back, self._forget)
        return EncryptedConnection(account, self.give_back, self._forget, self._buffer)

    async def _carry_over_new(self, exchange: Exchange) -> Answer:
        try:
            async with asyncio.timeout_at(exchange.until):
                connection = await self.connect(exchange.account)
        except OSError as error:
            exchange.fail(Unreached(connection_reason(error), late=isinstance(error, TimeoutError)))
            return await exchange.answer
        return await connection.carry(exchange)

    async def _reach(self) -> socket.socket:
        """A connection to the origin, or to the proxy before it."""
        proxy = self._proxy
        if proxy is None:
            return await _connected(self.origin.host, self.origin.port)
        try:
            return await _connected(proxy.host, proxy.port)
        except OSError as error:
            reason = connection_reason(error) or "the connection broke"
            raise ProxyFailed(f"its proxy {proxy.host}:{proxy.port} cannot be reached: {reason}") from error

    def _forget(self, connection: WireConnection) -> None:
        self._open.discard(connection)
        self._remove_idle(connection)


async def _connected(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:
        raise socket.gaierror(f"{host} is no name of a host") from error
    return await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, interleave=1)
