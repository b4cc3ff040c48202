"""The wire: one call becomes one HTTP exchange."""

import asyncio
from typing import Final

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.wire.connection import Connection
from resolvers.upstreams.transport.wire.connections import Connections
from resolvers.upstreams.transport.wire.failures import FAILURES, Broken, Unreached, translated, unsendable
from resolvers.upstreams.transport.wire.library import LibraryWire
from resolvers.upstreams.transport.wire.origin import split
from resolvers.upstreams.transport.wire.pool import Pool
from resolvers.upstreams.transport.wire.request_head import Unsendable, request_bytes

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Decompressed. The largest documented answer, 3,000 recipients, is about 1 MiB."""


class Wire:
    """The innermost transport, which sends a call once; lives as long as its process.

    Args:
        connections: Those of the process, shared with the other upstreams.
        max_answer_bytes: How long a decompressed body may be.
    """

    def __init__(self, connections: Connections, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._connections = connections
        self._pools = connections.pools
        self._max_answer_bytes = max_answer_bytes
        self._library = LibraryWire(connections.library, max_answer_bytes=max_answer_bytes)

    async def send(self, call: Call) -> Answer:
        """Send the call once and read the whole answer, whatever its status.

        Raises:
            UpstreamUnavailable: no connection, or it broke, or no request can be made of the call.
            UpstreamTimeout: no whole answer within `call.timeout` seconds.
            UpstreamBadAnswer: the body is longer than allowed, or not compressed as it says.
        """
        base, target = split(call.url)
        pool = self._pools.get(base) or await self._discover(call, base)
        if pool is None:
            return await self._library.send(call)
        try:
            request = request_bytes(call, pool.origin.authority, target)
        except Unsendable:
            raise unsendable(call) from None
        call.tries += 1
        try:
            return await self._exchange(pool, call, request)
        except FAILURES as failure:
            raise translated(call, failure, self._max_answer_bytes) from failure

    async def _discover(self, call: Call, base: str) -> Pool | None:
        try:
            async with asyncio.timeout(call.timeout):
                return await self._connections.discover(base)
        except (OSError, TimeoutError) as error:
            call.tries += 1
            failure = Unreached(late=isinstance(error, TimeoutError))
            raise translated(call, failure, self._max_answer_bytes) from error

    async def _exchange(self, pool: Pool, call: Call, request: bytes) -> Answer:
        """Over an idle connection, and over a new one where there is none or where the server just closed it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + call.timeout
        connection = pool.take(repeatable=call.repeatable)
        if connection is not None:
            try:
                return await self._over(connection, request, call.timeout)
            except Broken as broken:
                if not (broken.untouched and call.repeatable):
                    raise
        connection = await _connected(pool, until)
        return await self._over(connection, request, until - loop.time())

    async def _over(self, connection: Connection, request: bytes, seconds: float) -> Answer:
        try:
            return await connection.exchange(request, self._max_answer_bytes, seconds)
        except asyncio.CancelledError:
            connection.abort()
            raise


async def _connected(pool: Pool, until: float) -> Connection:
    try:
        async with asyncio.timeout_at(until):
            return await pool.connect()
    except OSError as error:
        raise Unreached(late=isinstance(error, TimeoutError)) from error
