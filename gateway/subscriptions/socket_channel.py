"""A WebSocket as a channel of text messages, and the codes and reasons that it is closed with.

A close reason is for the developer of the client: it says first what to do, because a close frame may cut it off.
"""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.types import Receive, Send

MAX_REASON_BYTES: Final = 123
"""RFC 6455, 5.5: a control frame has at most 125 bytes, and the code takes two."""

_CUT: Final = "…"


class Closing(Exception):
    """Raised to close the connection.

    Args:
        code: The close code, for the client's software.
        reason: The text, for its developer; truncated to `MAX_REASON_BYTES`.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = _fitting(reason)


def _fitting(reason: str) -> str:
    encoded = reason.encode(errors="replace")
    if len(encoded) > MAX_REASON_BYTES:
        # A character that the cut has split is dropped.
        return encoded[: MAX_REASON_BYTES - len(_CUT.encode())].decode(errors="ignore") + _CUT
    return encoded.decode()


def terminated() -> Closing:
    """1000: the client ended the connection."""
    return Closing(1000, "Goodbye")


def broken() -> Closing:
    """1011: an internal error. Clients do not reconnect after this code, so temporary failures use another."""
    return Closing(1011, "Ask the gateway's operator to look: it met an error, which its log has by the X-Request-ID.")


def restarting() -> Closing:
    """1012: this process shuts down."""
    return Closing(1012, "Connect again, with the last cursor as `after`: this process of the gateway ends.")


def changed() -> Closing:
    """1012: the settings changed what the client's credentials stand for."""
    return Closing(1012, "Connect again, with the last cursor as `after`: what your credentials allow has changed.")


def try_again_later(reason: str) -> Closing:
    """1013: a temporary failure.

    Args:
        reason: Says first what to do.
    """
    return Closing(1013, reason)


def invalid_message(reason: str) -> Closing:
    """4400: the message does not belong to the protocol.

    Args:
        reason: Says first what to send instead.
    """
    return Closing(4400, reason)


def unacknowledged() -> Closing:
    """4401: an operation came before `connection_init` was accepted."""
    return Closing(4401, "Send connection_init and await connection_ack before any operation.")


def forbidden(reason: str) -> Closing:
    """4403: the credentials are missing or wrong.

    Args:
        reason: Says first what to send instead.
    """
    return Closing(4403, reason)


def expired() -> Closing:
    """4403: the credentials expired."""
    return Closing(
        4403, "Connect again with a new token, or send one in time on the open connection: this one ran out."
    )


def no_subprotocol() -> Closing:
    """4406: the client offers none of the subprotocols."""
    return Closing(4406, "Offer the subprotocol graphql-transport-ws or graphql-ws: none of those offered is served.")


def init_timeout() -> Closing:
    """4408: `connection_init` did not come in time."""
    return Closing(4408, "Send connection_init at once: Connection initialisation timeout")


def duplicate_operation(operation_id: str) -> Closing:
    """4409: an operation with that id is running."""
    return Closing(4409, f"Choose another id: Subscriber for {operation_id} already exists")


def initialized_twice() -> Closing:
    """4429: `connection_init` came twice."""
    return Closing(4429, "Send connection_init once: Too many initialisation requests")


class SocketChannel:
    """Sends and receives the text messages of one WebSocket; connection lifetime.

    Args:
        receive: ASGI's `receive`.
        send: ASGI's `send`; it blocks while the client does not read, which is the back-pressure on all operations.
        close_seconds: How long closing waits for a client that does not read.
    """

    __slots__ = ("_close_seconds", "_closed", "_ending", "_receive", "_send")

    def __init__(self, receive: Receive, send: Send, close_seconds: float) -> None:
        self._receive = receive
        self._send = send
        self._close_seconds = close_seconds
        self._closed = False
        self._ending: asyncio.Task[None] | None = None

    async def accept(self, subprotocol: str | None, request_id: str) -> None:
        """Open the channel.

        Args:
            subprotocol: The one chosen of those that the client offers.
            request_id: Sent as `X-Request-ID`.
        """
        headers = [(b"x-request-id", request_id.encode("ascii"))]
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})

    async def receive(self) -> str | None:
        """Return the next text message; None once the channel is closed.

        Raises:
            Closing: The message is binary.
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
        """Send a text message; after the channel was closed it is dropped.

        Raises:
            OSError: The client is gone.
        """
        # Operations may have responses left while the channel closes.
        if not self._closed:
            await self._send({"type": "websocket.send", "text": text})

    async def close(self, closing: Closing) -> None:
        """Close the channel, unless it is closed already."""
        if self._closed:
            return
        self._closed = True
        # A client that does not read would block the close for ever.
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._close_seconds):
                await self._send({"type": "websocket.close", "code": closing.code, "reason": closing.reason})

    def close_soon(self, closing: Closing) -> None:
        """Close the channel in a task of its own; `receive` then returns None."""
        if not self._closed:
            # Kept, because the event loop itself holds tasks by weak references.
            self._ending = asyncio.get_running_loop().create_task(self.close(closing))

    def end(self) -> None:
        """Close the channel because the process shuts down."""
        self.close_soon(restarting())
