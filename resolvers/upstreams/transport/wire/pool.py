"""The connections to one origin: opened when none is idle, kept while they are used."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable
from typing import Final

from aiohappyeyeballs import start_connection

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.wire.connection import Connection
from resolvers.upstreams.transport.wire.exchange import Exchange
from resolvers.upstreams.transport.wire.failures import Unreached
from resolvers.upstreams.transport.wire.origin import Origin

MOST_IDLE: Final = 256
IDLE_SECONDS: Final = 60.0
"""A connection unused for longer is not used again: firewalls forget such ones without a word."""

FRESH_SECONDS: Final = 1.0
"""Servers close idle connections after 5 to 75 s; of a request that crosses that, nobody knows whether it was done."""

_NEXT_ADDRESS_SECONDS: Final = 0.25
"""RFC 8305, section 5: how long an address is tried alone, in case the host's IPv6 leads nowhere."""


class Pool:
    """The connections to one origin; lives as long as its process.

    How many are open at once is not its to say: the concurrency limit around the wire does.

    Args:
        origin: Where they lead.
        tls: What TLS connections are made with.
    """

    def __init__(self, origin: Origin, tls: ssl.SSLContext | None) -> None:
        self.origin = origin
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._is_closed = False

    def carry(self, call: Call, request: bytes, most_bytes: int) -> Awaitable[Answer]:
        """Over an idle connection, and over a new one where there is none or where the server just closed it.

        Args:
            call: What is asked.
            request: The whole of it in bytes.
            most_bytes: How long the answer's body may be, as it comes and decompressed.

        Raises:
            UpstreamError: when awaited; there is no answer.
        """
        now = self._loop.time()
        exchange = Exchange(call, request, most_bytes, now + call.timeout, self._loop.create_future())
        connection = self._take(now - (IDLE_SECONDS if call.repeatable else FRESH_SECONDS))
        if connection is None:
            return self._carry_over_new(exchange)
        if call.repeatable:
            exchange.again = self._carry_over_new
        return connection.carry(exchange)

    async def connect(self) -> Connection:
        """Open one more.

        Raises:
            OSError: nobody is there, or nobody who can prove to be it.
        """
        if self._is_closed:
            raise OSError("the pool is closed")
        reached = await self._reach()
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self.give_back, self._forget),
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
        for connection in list(self._open):
            connection.abort()

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next exchange."""
        if self._is_closed or len(self._idle) >= MOST_IDLE:
            connection.abort()
            return
        idle = self._idle
        if idle and connection.idle_since - idle[0].idle_since > IDLE_SECONDS:
            idle.pop(0).abort()
        idle.append(connection)

    def _take(self, since: float) -> Connection | None:
        """An idle connection, the one used last; None where there is none that was used since then."""
        while self._idle and self._idle[-1].idle_since >= since:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _carry_over_new(self, exchange: Exchange) -> Answer:
        try:
            async with asyncio.timeout_at(exchange.until):
                connection = await self.connect()
        except OSError as error:
            exchange.fail(Unreached(late=isinstance(error, TimeoutError)))
            return await exchange.answer
        return await connection.carry(exchange)

    async def _reach(self) -> socket.socket:
        loop, origin = self._loop, self.origin
        try:
            addresses = await loop.getaddrinfo(
                origin.host, origin.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
        except UnicodeError as error:
            raise OSError(f"{origin.host} is no name of a host") from error
        return await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, interleave=1)

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
