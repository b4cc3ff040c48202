"""The connections to one origin: opened when none is idle, kept while they are used."""

import asyncio
import socket
import ssl
from typing import Final

from aiohappyeyeballs import start_connection

from resolvers.upstreams.transport.wire.connection import Connection
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
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._is_closed = False

    def take(self, *, repeatable: bool) -> Connection | None:
        """An idle connection, the one used last; None where there is none that will do.

        Args:
            repeatable: What it is for may be sent again if the server closes it meanwhile.
        """
        now = asyncio.get_running_loop().time()
        since = now - (IDLE_SECONDS if repeatable else FRESH_SECONDS)
        while self._idle and self._idle[-1].idle_since >= since:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def connect(self) -> Connection:
        """Open one more.

        Raises:
            OSError: nobody is there, or nobody who can prove to be it.
        """
        if self._is_closed:
            raise OSError("the pool is closed")
        reached = await self._reach()
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
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

    async def _reach(self) -> socket.socket:
        loop, origin = asyncio.get_running_loop(), self.origin
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
