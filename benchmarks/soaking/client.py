"""Requests to the gateway under the soak, over connections that are kept, and streams of events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

_CHUNK: Final = 2**20


class Connections:
    """Keep-alive connections to one server; run lifetime.

    Args:
        port: The port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Send a request, and return the status and the body.

        Raises:
            ConnectionError: The server closed a new connection without an answer.
        """
        while self._idle:
            kept = self._idle.pop()
            # The server may have closed an idle connection a moment ago; the request is then sent again.
            with suppress(ConnectionError):
                return await self._exchange(kept, path, body, headers)
        opened = await asyncio.open_connection("127.0.0.1", self._port, limit=_CHUNK)
        return await self._exchange(opened, path, body, headers)

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _exchange(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        path: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> tuple[int, bytes]:
        reader, writer = streams
        whole = False
        try:
            writer.write(request_head("POST", path, len(body), headers) + body)
            status, fields = await _read_head(reader)
            content = await reader.readexactly(int(fields.get("content-length", "0")))
            whole = fields.get("connection", "") != "close"
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the connection was closed before the answer was whole") from error
        finally:
            if whole:
                self._idle.append(streams)
            else:
                writer.transport.abort()
        return status, content


@asynccontextmanager
async def event_stream(
    port: int, body: bytes, headers: Mapping[str, str]
) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
    """Open a stream of server-sent events; leaving the block drops the connection.

    Yields:
        The status, and the data of each event.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_CHUNK)
    try:
        writer.write(request_head("POST", "/graphql", len(body), {**headers, "accept": "text/event-stream"}) + body)
        status, _ = await _read_head(reader)
        yield status, _data(reader)
    finally:
        writer.transport.abort()


async def _data(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    # Lines of the chunked coding in between begin with no field name.
    while line := await reader.readline():
        if line.startswith(b"data:"):
            yield line[5:].strip()


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the connection was closed before the head was whole") from error
    first, *lines = head.split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in fields}


def request_head(method: str, path: str, length: int, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request with a JSON body of `length` bytes."""
    fields = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(length), **headers}
    return "".join([f"{method} {path} HTTP/1.1\r\n", *(f"{n}: {v}\r\n" for n, v in fields.items()), "\r\n"]).encode()
