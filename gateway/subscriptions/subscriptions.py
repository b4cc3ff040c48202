"""The ASGI apps of the long-lived transports, and their shutdown.

::

    WebSocket            -> Sockets -> Conversation     -> SocketOperations --.
    text/event-stream    -> Streams -> StreamedResponse -----------------------+-> Subscriber -> SubscriptionRun
    multipart/mixed      -> Streams -> StreamedResponse ----------------------'

All transports share one `OpenConnections`, which counts each caller's connections and ends them at shutdown.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.http.negotiation import EVENT_STREAM, MULTIPART
from gateway.http.request import REQUEST_ID, Headers, check_post, decode_get, decode_post, headers_of, read_body
from gateway.operations.request import GraphQLRequest
from gateway.subscriptions.connections import (
    AuthenticateConnection,
    OpenConnections,
    SubscriptionAdmission,
    SubscriptionsConfig,
)
from gateway.subscriptions.conversation import Conversation, SocketOperations
from gateway.subscriptions.socket_channel import (
    Closing,
    SocketChannel,
    broken,
    changed,
    expired,
    forbidden,
    no_subprotocol,
)
from gateway.subscriptions.socket_protocols import PROTOCOLS, SocketProtocol
from gateway.subscriptions.streamed_response import (
    MULTIPART_SUBSCRIPTION,
    SERVER_SENT_EVENTS,
    Framing,
    StreamedResponse,
)
from gateway.subscriptions.subscriber import Subscriber

logger = logging.getLogger(__name__)


class Sockets:
    """ASGI app of GraphQL over WebSocket; process lifetime.

    Args:
        subscriber: Runs operations.
        authenticate: Authenticates the clients.
        connections: The open connections of all transports.
        config: Bounds and intervals.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        authenticate: AuthenticateConnection,
        connections: OpenConnections,
        config: SubscriptionsConfig,
        now: Callable[[], float],
    ) -> None:
        self._subscriber = subscriber
        self._authenticate = authenticate
        self._connections = connections
        self._config = config
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, from its handshake to its end."""
        # ASGI's connect event.
        await receive()
        channel = SocketChannel(receive, send, self._config.close_seconds)
        # In the server's order, because a client that offers several leaves the choice to the server.
        protocol = next((protocol for name, protocol in PROTOCOLS.items() if name in scope["subprotocols"]), None)
        with suppress(OSError):
            # Even without a common subprotocol, because a close code reaches only a client whose WebSocket is open.
            await channel.accept(protocol.name if protocol else None, scope[REQUEST_ID])
            try:
                await self._serve(channel, protocol, scope)
            except Closing as closing:
                await channel.close(closing)
            except OSError:
                raise
            except Exception:
                logger.exception("The WebSocket of request %s met an error that nothing foresaw.", scope[REQUEST_ID])
                await channel.close(broken())

    async def _serve(self, channel: SocketChannel, protocol: SocketProtocol | None, scope: Scope) -> None:
        if protocol is None:
            raise no_subprotocol()
        admission = SubscriptionAdmission(
            self._authenticate,
            self._connections,
            self._now,
            lambda: channel.close_soon(expired()),
            lambda refusal: channel.close_soon(changed() if refusal is None else forbidden(refusal)),
        )
        limit = self._config.operations_per_connection
        operations = SocketOperations(self._subscriber, channel, protocol, scope, limit)
        with self._connections.registered(channel):
            await Conversation(protocol, channel, admission, operations, scope, self._config).run()


class Streams:
    """ASGI app of streamed HTTP responses in one framing; process lifetime.

    Args:
        framing: Encodes the responses.
        subscriber: Runs operations.
        authenticate: Authenticates the clients.
        connections: The open connections of all transports.
        config: Bounds and intervals.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        framing: Framing,
        subscriber: Subscriber,
        authenticate: AuthenticateConnection,
        connections: OpenConnections,
        config: SubscriptionsConfig,
        now: Callable[[], float],
    ) -> None:
        self._framing = framing
        self._subscriber = subscriber
        self._authenticate = authenticate
        self._connections = connections
        self._config = config
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            GatewayError: Before the response has begun: the credentials are wrong, the caller has too many
                connections, the request is invalid, or no subscription can begin.
        """
        headers, compression = headers_of(scope), self._config.compression
        coding = None if compression is None else compression.stream_coding_of(headers)
        response = StreamedResponse(self._framing, receive, send, self._config, coding)
        # Without its completion, the client of a stream connects again, and learns of what is refused.
        admission = SubscriptionAdmission(
            self._authenticate, self._connections, self._now, response.end, lambda _: response.end()
        )
        # Before the body is read, so that only admitted clients make the process read one.
        caller = await admission.admit(scope, None)
        try:
            request = await self._read(scope, headers, receive)
            if scope["method"] == "HEAD":
                await response.send_headers()
                return
            await self._subscriber.check(request, caller)
            responses = self._subscriber.responses(request, scope, caller, _last_event_id(headers))
            with self._connections.registered(response):
                await response.stream(responses)
        finally:
            admission.leave()

    async def _read(self, scope: Scope, headers: Headers, receive: Receive) -> GraphQLRequest:
        request_id, limit = scope[REQUEST_ID], self._config.max_message_bytes
        if scope["method"] != "POST":
            return decode_get(scope["query_string"], request_id)
        check_post(headers, limit)
        return decode_post(await read_body(await receive(), receive, limit), request_id)


def _last_event_id(headers: Headers) -> str | None:
    return headers.get(b"last-event-id", b"").decode("latin-1") or None


class Subscriptions:
    """The long-lived transports under one count of connections; process lifetime.

    Args:
        subscriber: Runs operations.
        authenticate: Authenticates the clients.
        config: Bounds and intervals.
        now: The wall clock, in seconds since 1970.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        authenticate: AuthenticateConnection,
        config: SubscriptionsConfig,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._subscriber = subscriber
        self._connections = OpenConnections(config.connections_per_caller)
        self._ended_at: float | None = None

        def streams(framing: Framing) -> Streams:
            return Streams(framing, subscriber, authenticate, self._connections, config, now)

        self.sockets: ASGIApp = Sockets(subscriber, authenticate, self._connections, config, now)
        """The ASGI app of WebSockets."""
        self.streams: Mapping[bytes, ASGIApp] = {
            EVENT_STREAM: streams(SERVER_SENT_EVENTS),
            MULTIPART: streams(MULTIPART_SUBSCRIPTION),
        }
        """The ASGI apps of streamed responses, by media type."""

    @property
    def accepting(self) -> bool:
        """Whether new connections are accepted; false once shutdown has begun."""
        return self._connections.accepting

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def recheck(self) -> None:
        """End the connections whose credentials no longer stand for their callers, after settings changed."""
        await self._connections.recheck()

    def stop_accepting(self) -> None:
        """End every connection, now and from now on, so that the clients connect to another process."""
        # The grace counts from the first signal, not from the lifespan's end.
        if self._ended_at is None:
            self._ended_at = asyncio.get_running_loop().time()
        self._connections.end_all()

    async def close(self, grace: float) -> None:
        """End every connection, and wait for the mutations whose clients have disconnected.

        Args:
            grace: Seconds to wait at most, counted from `stop_accepting`.
        """
        self.stop_accepting()
        with suppress(TimeoutError):
            async with asyncio.timeout_at((self._ended_at or 0.0) + grace):
                await self._subscriber.finish()
