"""One HTTP response that stays open while its operation has responses: server-sent events, or parts of a multipart."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Send

from gateway.operations.request import Header
from gateway.subscriptions.config import SubscriptionsConfig
from gateway.subscriptions.heartbeat import Heartbeat
from gateway.subscriptions.response import Response

_FIELD_END: Final = b"\n"


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to put responses into a body; a constant.

    Attributes:
        content_type: Of the answer.
        opening: Sent at once, so that the client knows that it is heard.
        part: The bytes of one response.
        keep_alive: The sign of life.
        completion: Sent once the operation is over. An answer that ends without it was cut off, and a client that sees
            that connects again.
    """

    content_type: bytes
    opening: bytes
    part: Callable[[Response], bytes]
    keep_alive: bytes
    completion: bytes


def _event(response: Response) -> bytes:
    place = b"" if response.cursor is None else b"id: " + response.cursor.encode() + _FIELD_END
    # JSON as we write it has no line breaks, which an event's data could not hold.
    return b"event: next\n" + place + b"data: " + response.body + b"\n\n"


def _part(response: Response) -> bytes:
    return _json_part(b'{"payload":' + response.body + b"}")


def _json_part(body: bytes) -> bytes:
    # The delimiter after a part is sent with it: until it comes, a client cannot know that the part is complete.
    return b"\r\ncontent-type: application/json\r\n\r\n" + body + b"\r\n--graphql"


SERVER_SENT_EVENTS: Final = Framing(
    content_type=b"text/event-stream; charset=utf-8",
    opening=b":\n\n",
    part=_event,
    keep_alive=b":\n\n",
    # Without the empty `data`, a browser would not give out the event.
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
    # nginx collects an answer before it passes it on, unless told not to.
    (b"x-accel-buffering", b"no"),
    (b"vary", b"accept, origin"),
)


class StreamedAnswer:
    """A body that grows by each response; lives as long as its HTTP request.

    Args:
        framing: How responses stand in it.
        receive: ASGI's; tells that the client is gone.
        send: ASGI's; it waits while the client does not read, so nothing new is taken from the source meanwhile.
        config: Intervals.
    """

    def __init__(self, framing: Framing, receive: Receive, send: Send, config: SubscriptionsConfig) -> None:
        self._framing = framing
        self._receive = receive
        self._send = send
        self._config = config
        self._pump: asyncio.Task[None] | None = None
        self._ended = False

    async def begin_only(self) -> None:
        """Answer a request for the headers alone."""
        await self._begin()
        await self._send({"type": "http.response.body", "body": b""})

    async def give(self, responses: AsyncGenerator[Response, None]) -> None:
        """Send the responses, until they or the client's patience end."""
        await self._begin()
        loop = asyncio.get_running_loop()
        self._pump = loop.create_task(self._pump_all(responses))
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
        """End the answer without saying that the operation is complete."""
        self._ended = True
        if self._pump is not None:
            self._pump.cancel()

    async def _pump_all(self, responses: AsyncGenerator[Response, None]) -> None:
        async with aclosing(responses):
            async for response in responses:
                await self._write(self._framing.part(response))
        await self._write(self._framing.completion)

    async def _finish(self, pump: "asyncio.Task[None]") -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._config.farewell_seconds):
                await self._send({"type": "http.response.body", "body": b""})
        if not pump.cancelled():
            pump.result()

    async def _begin(self) -> None:
        headers = [(b"content-type", self._framing.content_type), *_HEADERS]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._write(self._framing.opening)

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _beat(self) -> None:
        await self._write(self._framing.keep_alive)

    async def _write(self, body: bytes) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
