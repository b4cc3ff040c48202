"""One HTTP answer that stays open while its operation has responses."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.types import Receive, Send

from gateway.http.refusals import Header
from gateway.subscriptions.config import SubscriptionsConfig
from gateway.subscriptions.framing import Framing
from gateway.subscriptions.heartbeat import Heartbeat
from gateway.subscriptions.response import Response

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
