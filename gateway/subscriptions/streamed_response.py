"""A streamed HTTP response: one server-sent event or one multipart part for each response of an operation."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Send

from gateway.http.compression import AT_ONCE, CONTENT_ENCODING, StreamCompressor
from gateway.operations.request import Header
from gateway.subscriptions.connections import Heartbeat, SubscriptionsConfig
from gateway.subscriptions.responses import Response

_FIELD_END: Final = b"\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """The encoding of an operation's responses in an HTTP body.

    Attributes:
        content_type: The media type of the HTTP response.
        opening: Sent at once, so that the client sees that the stream has begun.
        part: Encodes one response.
        keep_alive: The keep-alive bytes.
        completion: Sent once the operation is complete; a client whose stream ends without it connects again.
    """

    content_type: bytes
    opening: bytes
    part: Callable[[Response], bytes]
    keep_alive: bytes
    completion: bytes


def _event(response: Response) -> bytes:
    place = b"" if response.cursor is None else b"id: " + response.cursor.encode() + _FIELD_END
    # `data:` cannot hold line breaks; our JSON has none.
    return b"event: next\n" + place + b"data: " + response.body + b"\n\n"


def _part(response: Response) -> bytes:
    return _json_part(b'{"payload":' + response.body + b"}")


def _json_part(body: bytes) -> bytes:
    # The delimiter after a part is sent with it: without it a client cannot know that the part is complete.
    return b"\r\ncontent-type: application/json\r\n\r\n" + body + b"\r\n--graphql"


SERVER_SENT_EVENTS: Final = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    opening=b":\n\n",
    part=_event,
    keep_alive=b":\n\n",
    # Without the empty `data`, a browser would not dispatch the event.
    completion=b"event: complete\ndata:\n\n",
)
"""GraphQL over SSE, distinct connections mode (npm `graphql-sse`), with the cursor as the event's id."""

MULTIPART_SUBSCRIPTION: Final = Framing(
    content_type=b'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0',
    opening=b"\r\n--graphql",
    part=_part,
    keep_alive=_json_part(b"{}"),
    completion=b"--\r\n",
)
"""Apollo's multipart protocol for subscriptions over HTTP."""


_HEADERS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    # Turns off nginx's response buffering.
    (b"x-accel-buffering", b"no"),
    (b"vary", b"accept, accept-encoding, origin"),
)


class _PlainBody:
    """The body of a streamed response as it is; response lifetime."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})


class _CompressedBody:
    """The compressed body of a streamed response, whose bytes must all be sent in their order; response lifetime.

    `send` waits before it takes the bytes, while the client does not read. What is cancelled meanwhile is sent later.
    """

    def __init__(self, send: Send, compressor: StreamCompressor) -> None:
        self._send = send
        self._compressor = compressor
        # Events and keep-alive messages come from two tasks.
        self._turn = asyncio.Lock()
        self._unsent = b""

    async def write(self, data: bytes) -> None:
        async with self._turn:
            await self._write(data[:AT_ONCE])
            for start in range(AT_ONCE, len(data), AT_ONCE):
                # Other tasks run between two pieces of a large event.
                await asyncio.sleep(0)
                await self._write(data[start : start + AT_ONCE])

    async def _write(self, piece: bytes) -> None:
        self._unsent += self._compressor.part(piece)
        await self._send({"type": "http.response.body", "body": self._unsent, "more_body": True})
        self._unsent = b""

    async def finish(self) -> None:
        async with self._turn:
            await self._send({"type": "http.response.body", "body": self._unsent + self._compressor.end()})


class StreamedResponse:
    """Streams the responses of one operation; request lifetime.

    Args:
        framing: Encodes the responses.
        receive: ASGI's `receive`; reports that the client has disconnected.
        send: ASGI's `send`; it blocks while the client does not read, and so does the source of events.
        config: Intervals.
        coding: The content coding; None sends the body as it is.
    """

    def __init__(
        self, framing: Framing, receive: Receive, send: Send, config: SubscriptionsConfig, coding: bytes | None = None
    ) -> None:
        self._framing = framing
        self._receive = receive
        self._send = send
        self._config = config
        self._coding = coding
        self._body: _PlainBody | _CompressedBody = _PlainBody(send)
        self._pump: asyncio.Task[None] | None = None
        self._ended = False

    async def send_headers(self) -> None:
        """Answer a HEAD request."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": b""})

    async def stream(self, responses: AsyncGenerator[Response, None]) -> None:
        """Send the responses until they end or the client disconnects."""
        await self._begin()
        loop = asyncio.get_running_loop()
        self._pump = loop.create_task(self._pump_all(responses))
        # The shutdown may have begun while the headers were sent.
        if self._ended:
            self._pump.cancel()
        gone = loop.create_task(self._gone())
        heartbeat = Heartbeat(self._config.keep_alive_seconds, self._beat)
        try:
            await asyncio.wait((self._pump, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            heartbeat.stop()
            self._pump.cancel()
            gone.cancel()
            await asyncio.wait((self._pump, gone))
        await self._finish(self._pump)

    def end(self) -> None:
        """End the stream without its completion, so that the client connects again."""
        self._ended = True
        if self._pump is not None:
            self._pump.cancel()

    async def _pump_all(self, responses: AsyncGenerator[Response, None]) -> None:
        async with aclosing(responses):
            async for response in responses:
                await self._body.write(self._framing.part(response))
        await self._body.write(self._framing.completion)

    async def _finish(self, pump: "asyncio.Task[None]") -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._config.close_seconds):
                await self._body.finish()
        # Raises what broke the stream, unless the client or the shutdown ended it.
        if not pump.cancelled():
            pump.result()

    async def _begin(self) -> None:
        headers = [(b"content-type", self._framing.content_type), *_HEADERS]
        if self._coding is not None and self._config.compression is not None:
            headers.append(CONTENT_ENCODING[self._coding])
            self._body = _CompressedBody(self._send, self._config.compression.stream(self._coding))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._body.write(self._framing.opening)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _beat(self) -> None:
        await self._body.write(self._framing.keep_alive)
