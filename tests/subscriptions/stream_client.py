"""Reads a streamed HTTP answer piece by piece."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson

from tests.subscriptions.socket_client import PATIENCE_SECONDS

SSE = "text/event-stream"
MULTIPART = "multipart/mixed;subscriptionSpec=1.0"


class Answer:
    """One answer, whose body is read up to a delimiter at a time; lives as long as its block."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._pieces = response.aiter_bytes()
        self._buffer = b""

    async def until(self, delimiter: bytes) -> bytes:
        """What stands before the next delimiter; what is left, where the body ends before it."""
        while delimiter not in self._buffer:
            piece = await anext(self._pieces, None)
            if piece is None:
                rest, self._buffer = self._buffer, b""
                return rest
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(delimiter)
        return text

    async def event(self) -> dict[str, str]:
        """The fields of the next server-sent event; comments are left out, and none are left after the end."""
        while (text := (await self.until(b"\n\n")).decode()).startswith(":"):
            pass
        return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}

    async def part(self) -> object:
        """The JSON of the next part of a multipart body."""
        head, _, body = (await self.until(b"\r\n--graphql")).partition(b"\r\n\r\n")
        assert head == b"\r\ncontent-type: application/json"
        return orjson.loads(body)


@asynccontextmanager
async def asking(
    port: int, query: str, accept: str = SSE, method: str = "POST", headers: dict[str, str] | None = None
) -> AsyncIterator[Answer]:
    url = f"http://127.0.0.1:{port}/graphql"
    given = {"json": {"query": query}} if method == "POST" else {"params": {"query": query}}
    sent = {"accept": accept, **(headers or {})}
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        httpx.AsyncClient(trust_env=False) as client,
        client.stream(method, url, headers=sent, **given) as response,  # type: ignore[arg-type]  # one of the two
    ):
        yield Answer(response)
