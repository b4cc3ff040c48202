"""The server's side of GraphQL over one WebSocket.

Theory of operation
-------------------
One `Conversation` reads the client's messages in order. `SocketProtocol` maps the words of both protocols to the same
`MessageKind`, so that this state machine is written once::

    opened --INIT, credentials accepted--> acknowledged --START--> operation runs (one task each)
       |                                        |                      |-- responses, then completion
       |-- no INIT within init_seconds: 4408    |-- PING: PONG;        `-- STOP: the task is cancelled
       |-- START: 4401                          |   credentials in its payload renew the admission
       `-- wrong credentials: 4403              `-- credentials expired: 4403; process ends: 1012

Whatever ends the connection raises or is passed on as `Closing`. Operations send through the channel themselves; its
`send` blocks while the client does not read, and so does each operation's source of events.
"""

import asyncio
from contextlib import aclosing, suppress
from typing import Any

import msgspec
import orjson
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.auth.credentials import shows_credentials
from gateway.http.refusals import BadRequest
from gateway.http.request import REQUEST_ID, decode_post
from gateway.operations.request import GraphQLRequest
from gateway.subscriptions.connections import Heartbeat, SubscriptionAdmission, SubscriptionsConfig
from gateway.subscriptions.responses import refusal
from gateway.subscriptions.socket_channel import (
    SocketChannel,
    duplicate_operation,
    forbidden,
    init_timeout,
    initialized_twice,
    invalid_message,
    terminated,
    try_again_later,
    unacknowledged,
)
from gateway.subscriptions.socket_protocols import (
    ACKNOWLEDGEMENT,
    PONG,
    ClientMessage,
    MessageKind,
    SocketProtocol,
    completion,
    refused_init,
)
from gateway.subscriptions.subscriber import Subscriber
from resolvers.errors import EventsUnavailable, GatewayError, RateLimited
from resolvers.quoting import quoted


class SocketOperations:
    """The operations that run over one WebSocket, by the client's ids; connection lifetime.

    Args:
        subscriber: Runs the operations.
        channel: Their responses are sent over it.
        protocol: Encodes the messages.
        scope: The connection's ASGI scope.
        limit: How many may run at the same time.
    """

    __slots__ = ("_channel", "_limit", "_protocol", "_running", "_scope", "_subscriber")

    def __init__(
        self, subscriber: Subscriber, channel: SocketChannel, protocol: SocketProtocol, scope: Scope, limit: int
    ) -> None:
        self._subscriber = subscriber
        self._channel = channel
        self._protocol = protocol
        self._scope = scope
        self._limit = limit
        self._running: dict[str, asyncio.Task[None]] = {}

    async def start(self, operation_id: str, request: GraphQLRequest, caller: Caller) -> None:
        """Start an operation; its responses are sent as they come.

        Raises:
            Closing: An operation with this id is running, and the protocol does not replace it.
        """
        if operation_id in self._running:
            if not self._protocol.replaces:
                raise duplicate_operation(operation_id)
            self.stop(operation_id)
        if len(self._running) >= self._limit:
            error = RateLimited(f"This connection runs {self._limit} operations, which is the limit; end some.")
            await self._channel.send(self._protocol.response(orjson.dumps(operation_id), refusal(error)))
            return
        running = self._run(operation_id, request, caller)
        self._running[operation_id] = asyncio.get_running_loop().create_task(running)

    def stop(self, operation_id: str) -> None:
        """Cancel an operation; an unknown id is ignored."""
        running = self._running.pop(operation_id, None)
        if running is not None:
            running.cancel()

    async def close(self) -> None:
        """Cancel all operations and wait for their end."""
        running = [*self._running.values()]
        self._running.clear()
        for task in running:
            task.cancel()
        # Each ends by its cancellation.
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, operation_id: str, request: GraphQLRequest, caller: Caller) -> None:
        encoded_id = orjson.dumps(operation_id)
        try:
            await self._subscriber.check(request, caller)
        except EventsUnavailable as error:
            # After an operation's error clients do not try again; after this close code they do.
            self._channel.close_soon(try_again_later(error.message))
            return
        # The reading side notices that the client is gone.
        with suppress(OSError):
            last = completion(encoded_id)
            async with aclosing(self._subscriber.responses(request, self._scope, caller)) as responses:
                async for response in responses:
                    message = self._protocol.response(encoded_id, response)
                    if response.refused:
                        last = message
                        break
                    await self._channel.send(message)
            # Freed before the completion is sent: the client may reuse the id at once.
            del self._running[operation_id]
            await self._channel.send(last)


_decode_message = msgspec.json.Decoder(ClientMessage).decode
_decode_payload = msgspec.json.Decoder(dict[str, Any] | None).decode


class Conversation:
    """Handles the client's messages over one WebSocket; connection lifetime.

    Args:
        protocol: The negotiated subprotocol.
        channel: Carries the messages.
        admission: Authenticates the client.
        operations: The client's running operations.
        scope: The connection's ASGI scope.
        config: Bounds and intervals.
    """

    __slots__ = (
        "_admission",
        "_channel",
        "_heartbeat",
        "_init_timer",
        "_operations",
        "_protocol",
        "_scope",
        "_seconds",
    )

    def __init__(
        self,
        protocol: SocketProtocol,
        channel: SocketChannel,
        admission: SubscriptionAdmission,
        operations: SocketOperations,
        scope: Scope,
        config: SubscriptionsConfig,
    ) -> None:
        self._protocol = protocol
        self._channel = channel
        self._admission = admission
        self._operations = operations
        self._scope = scope
        self._seconds = config.keep_alive_seconds
        self._heartbeat: Heartbeat | None = None
        loop = asyncio.get_running_loop()
        self._init_timer = loop.call_later(config.init_seconds, channel.close_soon, init_timeout())

    async def run(self) -> None:
        """Handle every message until the channel is closed.

        Raises:
            Closing: The last message ends the connection.
            OSError: The client is gone.
        """
        try:
            while (text := await self._channel.receive()) is not None:
                await self._answer(text)
        finally:
            self._init_timer.cancel()
            if self._heartbeat is not None:
                self._heartbeat.stop()
            self._admission.leave()
            # Last, because it waits until the operations have cleaned up.
            await self._operations.close()

    async def _answer(self, text: str) -> None:
        message = _message(text)
        match self._protocol.kinds.get(message.type):
            case MessageKind.INIT:
                await self._initialize(message)
            case MessageKind.PING:
                await self._pong(message)
            case MessageKind.START:
                await self._start(message)
            case MessageKind.STOP:
                self._operations.stop(_id_of(message))
            case MessageKind.TERMINATE:
                raise terminated()
            # A PONG has no case, because nothing answers it.
            case None:
                raise invalid_message(
                    f"Send a type of message that {self._protocol.name} has: it has none called "
                    f"{quoted(message.type, 40)}."
                )

    async def _initialize(self, message: ClientMessage) -> None:
        first = self._admission.caller is None
        if not first and not self._protocol.reinitializes:
            raise initialized_twice()
        self._init_timer.cancel()
        # After the timer: that a check of credentials takes long is not the client's slowness.
        await self._admit(_payload_of(message))
        await self._channel.send(ACKNOWLEDGEMENT)
        if first:
            self._heartbeat = Heartbeat(self._seconds, self._beat)

    async def _admit(self, payload: dict[str, Any], *, only_if_shown: bool = False) -> None:
        try:
            if not only_if_shown or shows_credentials(payload):
                await self._admission.admit(self._scope, payload)
        except GatewayError as error:
            if self._protocol.reports_refused_init:
                await self._channel.send(refused_init(refusal(error).body))
            # After 4403 clients give up, which a temporary failure must not make them do.
            raise try_again_later(error.message) if error.retryable else forbidden(error.message) from None

    async def _pong(self, message: ClientMessage) -> None:
        payload = _payload_of(message)
        # Before the client is admitted, there is nothing to renew.
        if payload and self._admission.caller is not None:
            await self._admit(payload, only_if_shown=True)
        await self._channel.send(PONG)

    async def _start(self, message: ClientMessage) -> None:
        caller = self._caller()
        try:
            request = decode_post(bytes(message.payload), self._scope[REQUEST_ID])
        except BadRequest as error:
            raise invalid_message(f"Send a GraphQL request as `payload`. {error.message}") from None
        await self._operations.start(_id_of(message), request, caller)

    def _caller(self) -> Caller:
        caller = self._admission.caller
        if caller is None:
            raise unacknowledged()
        return caller

    async def _beat(self) -> None:
        await self._channel.send(self._protocol.keep_alive)


def _message(text: str) -> ClientMessage:
    try:
        return _decode_message(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid_message(f"Send a JSON object with `type` as each message: {error}") from None


def _id_of(message: ClientMessage) -> str:
    if not message.id:
        raise invalid_message(f"Send an `id` with each {quoted(message.type, 40)}: this one has none.")
    return message.id


def _payload_of(message: ClientMessage) -> dict[str, Any]:
    try:
        return _decode_payload(message.payload) or {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid_message(
            f"Send an object as the payload of {quoted(message.type, 40)}, or none: {error}"
        ) from None
