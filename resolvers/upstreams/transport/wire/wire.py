"""The wire: one call becomes one HTTP exchange."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from resolvers.upstreams.call import Answer, Call
from resolvers.upstreams.transport.wire.connections import Connections
from resolvers.upstreams.transport.wire.failures import Unreached, translated, unsendable
from resolvers.upstreams.transport.wire.httpx_wire import HttpxWire
from resolvers.upstreams.transport.wire.origin import split
from resolvers.upstreams.transport.wire.reasons import connection_reason
from resolvers.upstreams.transport.wire.request_head import Unsendable

MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Decompressed. The largest documented answer, 3,000 recipients, is about 1 MiB."""


class Wire:
    """The innermost transport, which sends a call once; process lifetime.

    Args:
        connections: Those of the process, shared with the other upstreams.
        max_answer_bytes: How long a decompressed body may be.
        keeps_connections: Whether the calls of one identity follow each other over one connection. Calls without an
            identity, such as logins, must not: an answer that strays would be another person's.
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
        """Send the call once and read the whole answer, whatever its status.

        Over a connection that is there already this is a plain future, with no coroutine around it.

        Raises:
            UpstreamUnavailable: no connection, or it broke, or no request can be made of the call.
            UpstreamTimeout: no whole answer within `call.timeout` seconds.
            UpstreamBadAnswer: the body is longer than allowed, or not compressed as it says.
        """
        base, target = split(call.url)
        pool = self._pools.get(base)
        account = call.identity if self._keeps_connections else None
        if pool is None:
            return self._send_otherwise(call, base, account)
        try:
            request = pool.request(call, target)
        except Unsendable:
            raise unsendable(call) from None
        call.tries += 1
        return pool.carry(call, request, self._max_answer_bytes, account)

    def _send_otherwise(self, call: Call, base: str, account: str | None) -> Awaitable[Answer]:
        """Send to an origin that is left to httpx, or that was not spoken to before."""
        if base in self._connections.left_to_httpx:
            return self._httpx.send(call, account, self._connections.left_to_httpx[base])
        return self._send_first(call, base)

    async def _send_first(self, call: Call, base: str) -> Answer:
        """Find out how to speak to an origin that was not spoken to before."""
        try:
            async with asyncio.timeout(call.timeout):
                await self._connections.discover(base)
        except Unsendable:
            raise unsendable(call) from None
        except OSError as error:
            call.tries += 1
            failure = Unreached(connection_reason(error), late=isinstance(error, TimeoutError))
            raise translated(call, failure, self._max_answer_bytes) from error
        return await self.send(call)
