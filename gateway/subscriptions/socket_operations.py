"""The operations that run over one WebSocket at the same time."""

import asyncio
from contextlib import aclosing, suppress

import orjson
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.request import GraphQLRequest
from gateway.subscriptions.closing import duplicate_operation, try_again_later
from gateway.subscriptions.response import refusal
from gateway.subscriptions.socket_channel import SocketChannel
from gateway.subscriptions.socket_protocols import SocketProtocol, completion
from gateway.subscriptions.subscriber import Subscriber
from resolvers.errors import EventsUnavailable, RateLimited


class SocketOperations:
    """The running operations by the ids that the client gave them; connection lifetime.

    Args:
        subscriber: Runs them.
        channel: Takes their responses.
        protocol: How they are said.
        scope: ASGI's, of the connection.
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
        """Run an operation; its responses are sent as they come.

        Raises:
            Closing: Another one has this id.
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
        """Send no more of an operation; one that is over, or never was, is fine too."""
        running = self._running.pop(operation_id, None)
        if running is not None:
            running.cancel()

    async def close(self) -> None:
        """Stop them all."""
        running = [*self._running.values()]
        self._running.clear()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, operation_id: str, request: GraphQLRequest, caller: Caller) -> None:
        encoded_id = orjson.dumps(operation_id)
        try:
            await self._subscriber.check(request, caller)
        except EventsUnavailable as error:
            # Clients take an operation's error for its end, and connect again by this code alone.
            self._channel.close_soon(try_again_later(error.message))
            return
        # A client that is gone shows in what is received from it.
        with suppress(OSError):
            last = completion(encoded_id)
            async with aclosing(self._subscriber.responses(request, self._scope, caller)) as responses:
                async for response in responses:
                    message = self._protocol.response(encoded_id, response)
                    if response.refused:
                        last = message
                        break
                    await self._channel.send(message)
            # The id is free before the client hears so, for it may use it again at once.
            del self._running[operation_id]
            await self._channel.send(last)
