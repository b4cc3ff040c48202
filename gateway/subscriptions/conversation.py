"""What is said over one WebSocket: each message of the client, and what follows from it."""

import asyncio
from typing import Any

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.auth.credentials import shows_credentials
from gateway.http.refusals import BadRequest
from gateway.http.request import decode_post
from gateway.http.request_id import REQUEST_ID
from gateway.subscriptions.admission import SubscriptionAdmission
from gateway.subscriptions.closing import (
    forbidden,
    init_timeout,
    initialized_twice,
    invalid_message,
    terminated,
    try_again_later,
    unacknowledged,
)
from gateway.subscriptions.config import SubscriptionsConfig
from gateway.subscriptions.heartbeat import Heartbeat
from gateway.subscriptions.response import refusal
from gateway.subscriptions.socket_channel import SocketChannel
from gateway.subscriptions.socket_operations import SocketOperations
from gateway.subscriptions.socket_protocols import (
    ACKNOWLEDGEMENT,
    PONG,
    ClientMessage,
    MessageKind,
    SocketProtocol,
    refused_init,
)
from resolvers.errors import GatewayError

_decode_message = msgspec.json.Decoder(ClientMessage).decode
_decode_payload = msgspec.json.Decoder(dict[str, Any] | None).decode


class Conversation:
    """The conversation over one WebSocket; connection lifetime.

    Args:
        protocol: In which it is held.
        channel: Over which.
        admission: Lets the client in.
        operations: What it has running.
        scope: ASGI's, of the connection.
        config: What an operator may set.
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

    async def hold(self) -> None:
        """Answer every message until the channel is closed.

        Raises:
            Closing: The last message ends the conversation.
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
            case None:
                raise invalid_message(
                    f"Send a type of message that {self._protocol.name} has: it has none called {message.type[:40]!r}."
                )

    async def _initialize(self, message: ClientMessage) -> None:
        first = self._admission.caller is None
        if not first and not self._protocol.reinitializes:
            raise initialized_twice()
        self._init_timer.cancel()
        await self._admit(_payload_of(message))
        await self._channel.send(ACKNOWLEDGEMENT)
        if first:
            self._heartbeat = Heartbeat(self._seconds, self._beat)

    async def _admit(self, payload: dict[str, Any], *, only_if_shown: bool = False) -> None:
        try:
            if not only_if_shown or shows_credentials(payload):
                await self._admission.admit(self._scope, payload)
        except GatewayError as error:
            if self._protocol.tells_refused_init:
                await self._channel.send(refused_init(refusal(error).body))
            raise try_again_later(error.message) if error.retryable else forbidden(error.message) from None

    async def _pong(self, message: ClientMessage) -> None:
        payload = _payload_of(message)
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
        raise invalid_message(f"Send an `id` with each {message.type!r}: this one has none.")
    return message.id


def _payload_of(message: ClientMessage) -> dict[str, Any]:
    try:
        return _decode_payload(message.payload) or {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid_message(f"Send an object as the payload of {message.type!r}, or none: {error}") from None
