"""All connections that stay open: what serves them, and how they end with the process."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.types import ASGIApp

from gateway.http.negotiation import EVENT_STREAM, MULTIPART
from gateway.subscriptions.authentication import AuthenticateConnection
from gateway.subscriptions.config import SubscriptionsConfig
from gateway.subscriptions.framing import MULTIPART_SUBSCRIPTION, SERVER_SENT_EVENTS, Framing
from gateway.subscriptions.open_connections import OpenConnections
from gateway.subscriptions.sockets import Sockets
from gateway.subscriptions.streams import Streams
from gateway.subscriptions.subscriber import Subscriber


class Subscriptions:
    """Serves every transport that stays open, under one count of connections; process lifetime.

    Args:
        subscriber: Runs operations.
        identify: Tells who is at the other end of a connection.
        config: What an operator may set.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        identify: AuthenticateConnection,
        config: SubscriptionsConfig,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._subscriber = subscriber
        self._connections = OpenConnections(config.connections_per_caller)
        self._ended_at: float | None = None

        def streams(framing: Framing) -> Streams:
            return Streams(framing, subscriber, identify, self._connections, config, now)

        self.sockets: ASGIApp = Sockets(subscriber, identify, self._connections, config, now)
        """Serves WebSockets."""
        self.streams: Mapping[bytes, ASGIApp] = {
            EVENT_STREAM: streams(SERVER_SENT_EVENTS),
            MULTIPART: streams(MULTIPART_SUBSCRIPTION),
        }
        """By media type: answer requests of clients that want a stream."""

    @property
    def accepting(self) -> bool:
        """Whether connections may stay open; false once the process is to end."""
        return self._connections.accepting

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def stop_accepting(self) -> None:
        """End every connection, and each that still comes, so that its client connects again elsewhere."""
        if self._ended_at is None:
            self._ended_at = asyncio.get_running_loop().time()
        self._connections.end_all()

    async def close(self, grace: float) -> None:
        """End every connection, and wait for what their clients have left running.

        Args:
            grace: Seconds since connections began to end, after which nothing is waited for.
        """
        self.stop_accepting()
        with suppress(TimeoutError):
            async with asyncio.timeout_at((self._ended_at or 0.0) + grace):
                await self._subscriber.finish()
