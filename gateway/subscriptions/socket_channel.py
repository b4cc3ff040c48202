"""A WebSocket as a channel of texts: opened once, closed once, by whichever side comes first."""

import asyncio
from contextlib import suppress

from starlette.types import Receive, Send

from gateway.subscriptions.closing import Closing, invalid_message, restarting


class SocketChannel:
    """The texts of one WebSocket; connection lifetime.

    Args:
        receive: ASGI's.
        send: ASGI's; it waits while the client does not read, so whoever sends takes nothing new meanwhile.
        farewell_seconds: How long a client that does not read may hold up the end.
    """

    __slots__ = ("_closed", "_ending", "_farewell_seconds", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send, farewell_seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._farewell_seconds = farewell_seconds
        self._closed = False
        self._ending: asyncio.Task[None] | None = None

    async def accept(self, subprotocol: str | None, request_id: str) -> None:
        """Open the channel.

        Args:
            subprotocol: The one chosen of those that the client offers.
            request_id: Told to the client, whose bug report may need it.
        """
        headers = [(b"x-request-id", request_id.encode("ascii"))]
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})

    async def receive(self) -> str | None:
        """The next text; None once the channel is closed.

        Raises:
            Closing: The client sent something else.
        """
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._closed = True
            return None
        text: str | None = message.get("text")
        if text is None:
            raise invalid_message("Send text messages: this one is binary.")
        return text

    async def send(self, text: str) -> None:
        """Send a text; after the end it is dropped.

        Raises:
            OSError: The client is gone.
        """
        if not self._closed:
            await self._send({"type": "websocket.send", "text": text})

    async def close(self, closing: Closing) -> None:
        """Close the channel, unless it is closed."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._farewell_seconds):
                await self._send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})

    def close_soon(self, closing: Closing) -> None:
        """Close the channel from outside of its conversation, which learns of it by `receive`."""
        if not self._closed:
            self._ending = asyncio.get_running_loop().create_task(self.close(closing))

    def end(self) -> None:
        """Close the channel because the process ends."""
        self.close_soon(restarting())
