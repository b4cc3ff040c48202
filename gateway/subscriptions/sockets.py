"""The ASGI app of all WebSockets."""

import logging
from collections.abc import Callable
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from gateway.http.request_id import REQUEST_ID
from gateway.subscriptions.admission import SubscriptionAdmission
from gateway.subscriptions.authentication import AuthenticateConnection
from gateway.subscriptions.closing import Closing, broken, expired, no_subprotocol
from gateway.subscriptions.config import SubscriptionsConfig
from gateway.subscriptions.conversation import Conversation
from gateway.subscriptions.open_connections import OpenConnections
from gateway.subscriptions.socket_channel import SocketChannel
from gateway.subscriptions.socket_operations import SocketOperations
from gateway.subscriptions.socket_protocols import PROTOCOLS, SocketProtocol
from gateway.subscriptions.subscriber import Subscriber

logger = logging.getLogger(__name__)


class Sockets:
    """Serves GraphQL over WebSocket; process lifetime.

    Args:
        subscriber: Runs operations.
        identify: Tells who is at the other end.
        connections: All that are open.
        config: What an operator may set.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        identify: AuthenticateConnection,
        connections: OpenConnections,
        config: SubscriptionsConfig,
        now: Callable[[], float],
    ) -> None:
        self._subscriber = subscriber
        self._identify = identify
        self._connections = connections
        self._config = config
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, from its handshake to its end."""
        await receive()
        channel = SocketChannel(receive, send, self._config.farewell_seconds)
        protocol = next((protocol for name, protocol in PROTOCOLS.items() if name in scope["subprotocols"]), None)
        with suppress(OSError):
            await channel.accept(protocol.name if protocol else None, scope[REQUEST_ID])
            try:
                await self._converse(channel, protocol, scope)
            except Closing as closing:
                await channel.close(closing)
            except OSError:
                raise
            except Exception:
                logger.exception("The WebSocket of request %s met an error that nothing foresaw.", scope[REQUEST_ID])
                await channel.close(broken())

    async def _converse(self, channel: SocketChannel, protocol: SocketProtocol | None, scope: Scope) -> None:
        if protocol is None:
            raise no_subprotocol()
        admission = SubscriptionAdmission(
            self._identify, self._connections, self._now, lambda: channel.close_soon(expired())
        )
        limit = self._config.operations_per_connection
        operations = SocketOperations(self._subscriber, channel, protocol, scope, limit)
        with self._connections.holding(channel):
            await Conversation(protocol, channel, admission, operations, scope, self._config).hold()
