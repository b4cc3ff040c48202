"""The connections to one origin: opened when none is idle, and kept for later calls of the same account.

Theory of operation
-------------------
::

              connect            carry               give_back
    no idle one ------> opened ---------> in use -----------------> idle
                                            ^                        | |
                                            +--------- carry --------+ +--> ended: idle for `IDLE_SECONDS`,
                                                 (same account)             or the first of `MAX_IDLE`,
                                                                            or older than `MAX_AGE_SECONDS`

An idle connection serves only the account that it was opened for. An answer in HTTP/1.1 does not name its request: one
too many, from a server that lost count, answers the next request on its connection. No check can recognize it, but it
is never another account's.

One bound on idle connections holds for all accounts together, so that thousands of logins, each an account, keep no
more than `MAX_IDLE` files open.

A name is resolved whenever a connection is opened. A busy connection would never end by itself, and lead to an address
that its name no longer has, such as that of a load balancer that is about to be switched off. So each ends with the
first answer after `MAX_AGE_SECONDS`, between two calls, and the next call opens another.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohappyeyeballs import AddrInfoType, start_connection

from resolvers.upstreams.call import Answer, Call, Mark
from resolvers.upstreams.transport.wire.connection import READ_BYTES, EncryptedConnection, WireConnection
from resolvers.upstreams.transport.wire.exchange import Exchange, request_bytes
from resolvers.upstreams.transport.wire.failures import ProxyFailed, Unreached, connection_reason
from resolvers.upstreams.transport.wire.origin import Origin, Proxy, open_tunnel

MAX_IDLE: Final = 256
"""Idle connections to one origin, of all upstreams and accounts."""

IDLE_SECONDS: Final = 60.0
"""A connection that was idle for longer is not used again: firewalls drop such connections silently."""

FRESH_SECONDS: Final = 1.0
"""The same for a call that must not be sent twice: servers close idle connections after 5 to 75 s, and whether a
request that crosses with that was carried out is unknown."""

MAX_AGE_SECONDS: Final = 120.0
"""A connection carries no call after the first answer that ends later than this. Load balancers and Kubernetes give
their names a time to live of 5 to 60 s, and serve an address that they have withdrawn for minutes more. A handshake in
two minutes, for each connection in use, is too little CPU to be measured."""

# How long one address is tried before the next is tried as well (RFC 8305, section 5): IPv6 may lead nowhere.
_NEXT_ADDRESS_SECONDS: Final = 0.25

Resolve = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]
"""Returns the addresses of a host and port. Raises OSError if it has none."""


async def resolved(host: str, port: int) -> Sequence[AddrInfoType]:
    """Return the addresses of a host and port, as the system resolves them at present.

    Raises:
        OSError: it has none.
    """
    loop = asyncio.get_running_loop()
    try:
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:
        # The codec for international names refuses some that the resolver would only not find.
        raise socket.gaierror(f"{host} is no name of a host") from error


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """What all pools have in common; a value.

    Args:
        max_age_seconds: How old a connection may be before an answer is its last.
        resolve: Resolves names; tests bring their own.
    """

    max_age_seconds: float = MAX_AGE_SECONDS
    resolve: Resolve = resolved


class Pool:
    """The connections to one origin. Lifetime: process.

    It does not limit how many are in use at once: the concurrency limit around the wire does.

    Args:
        origin: Where they lead.
        tls: The context of TLS; None where the origin does not speak TLS.
        proxy: The proxy before the origin, if any.
        config: What it has in common with other pools.
    """

    def __init__(
        self,
        origin: Origin,
        tls: ssl.SSLContext | None,
        proxy: Proxy | None = None,
        config: PoolConfig | None = None,
    ) -> None:
        config = config or PoolConfig()
        self.origin = origin
        self._resolve = config.resolve
        self._max_age = config.max_age_seconds
        self._tls = tls
        self._proxy = proxy
        self._buffer = memoryview(bytearray(READ_BYTES if tls is not None else 0))
        self._is_forwarded = proxy is not None and not origin.encrypted
        self._loop = asyncio.get_running_loop()
        self._idle: dict[str, list[WireConnection]] = {}
        self._idle_order: dict[WireConnection, str] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._open: set[WireConnection] = set()
        self._is_closed = False
        self._certificate_end: float | None = None

    @property
    def certificate_end(self) -> float | None:
        """When the certificate that the server showed last ends, in seconds since 1970; None without TLS."""
        return self._certificate_end

    @property
    def open_connections(self) -> int:
        """The number of open connections, idle or in use."""
        return len(self._open)

    def request(self, call: Call, target: str) -> bytes:
        """Return the bytes of a call's request, in the form that the origin takes, or the proxy that forwards it.

        Args:
            call: The call.
            target: Path and query.

        Raises:
            Unsendable: the target or a header field holds characters that would end its line.
        """
        authority = self.origin.authority
        if self._is_forwarded and self._proxy is not None:
            return request_bytes(call, authority, f"http://{authority}{target}", self._proxy.authorization)
        return request_bytes(call, authority, target)

    def carry(self, call: Call, request: bytes, max_bytes: int, account: str | None) -> Awaitable[Answer]:
        """Send a request over an idle connection, or over a new one where none is idle or the server just closed it.

        Args:
            call: The call.
            request: The bytes of its request.
            max_bytes: How long the answer's body may be, as received and decompressed.
            account: The account whose connections may be used; None for a connection that carries only this call.

        Raises:
            UpstreamError: when awaited; there is no answer.
        """
        now = self._loop.time()
        exchange = Exchange(
            call, account, request, max_bytes, now + call.timeout - call.spent, self._loop.create_future()
        )
        connection = self._take(account, now - (IDLE_SECONDS if call.repeatable else FRESH_SECONDS))
        if connection is None:
            return self._carry_over_new(exchange)
        if call.repeatable:
            exchange.again = self._carry_over_new
        return connection.carry(exchange)

    async def connect(self, account: str | None = None) -> WireConnection:
        """Open a connection.

        Args:
            account: The account whose calls it may carry; None where it ends with its first call.

        Raises:
            OSError: the origin cannot be reached, or does not prove its name.
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
            # Nothing else closes the socket if the tunnel fails, or the time is up before TLS begins.
            reached.close()
            raise
        self._open.add(connection)
        self._certificate_end = connection.certificate_end
        return connection

    def close(self) -> None:
        """End all connections, and refuse to open more."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.abort()

    def give_back(self, connection: WireConnection) -> None:
        """Keep a connection for the next exchange of its account."""
        account = connection.account
        is_old = connection.idle_since - connection.opened_at >= self._max_age
        if self._is_closed or account is None or is_old:
            connection.abort()
            return
        # A dict keeps the order of insertion, so the first was idle for the longest time.
        if len(self._idle_order) >= MAX_IDLE:
            self._end_idle(next(iter(self._idle_order)))
        self._idle.setdefault(account, []).append(connection)
        self._idle_order[connection] = account
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_SECONDS, self._end_unused)

    def _take(self, account: str | None, since: float) -> WireConnection | None:
        """Return an idle connection of the account, the last one used; None where none was used since then."""
        if account is None:
            return None
        idle = self._idle.get(account)
        # The last one used, so that the others grow old and end when there are more than are needed.
        while idle and idle[-1].idle_since >= since:
            connection = idle.pop()
            del self._idle_order[connection]
            if not idle:
                del self._idle[account]
            if connection.is_open:
                return connection
            connection.abort()
        return None

    def _remove_idle(self, connection: WireConnection) -> None:
        account = self._idle_order.pop(connection, None)
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
        """End the connections that were idle for too long, and come back when the next may be."""
        # A timer ends them, and not the account's next call, because an account may never call again.
        self._sweep = None
        since = self._loop.time() - IDLE_SECONDS
        for connection in [one for one in self._idle_order if one.idle_since <= since]:
            self._end_idle(connection)
        if self._idle_order and not self._is_closed:
            first = next(iter(self._idle_order))
            self._sweep = self._loop.call_at(first.idle_since + IDLE_SECONDS, self._end_unused)

    def _made(self, account: str | None) -> WireConnection:
        if self._tls is None:
            return WireConnection(account, self.give_back, self._forget)
        return EncryptedConnection(account, self.give_back, self._forget, self._buffer)

    async def _carry_over_new(self, exchange: Exchange) -> Answer:
        marks = exchange.call.marks
        if marks is not None:
            marks.append(Mark("connect", self._loop.time()))
        try:
            async with asyncio.timeout_at(exchange.until):
                connection = await self.connect(exchange.account)
            if marks is not None:
                marks.append(Mark("wire", self._loop.time()))
        except OSError as error:
            exchange.fail(Unreached(connection_reason(error), late=isinstance(error, TimeoutError)))
            return await exchange.answer
        return await connection.carry(exchange)

    async def _reach(self) -> socket.socket:
        """Connect to the origin, or to the proxy before it."""
        proxy = self._proxy
        if proxy is None:
            return await self._connected(self.origin.host, self.origin.port)
        try:
            return await self._connected(proxy.host, proxy.port)
        except OSError as error:
            reason = connection_reason(error) or "the connection broke"
            raise ProxyFailed(f"its proxy {proxy.host}:{proxy.port} cannot be reached: {reason}") from error

    async def _connected(self, host: str, port: int) -> socket.socket:
        addresses = await self._resolve(host, port)
        # Address families in turn from the first address on (RFC 8305, section 4).
        return await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, interleave=1)

    def _forget(self, connection: WireConnection) -> None:
        self._open.discard(connection)
        self._remove_idle(connection)
