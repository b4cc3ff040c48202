"""A keep-alive HTTP/1.1 connection in a few lines: what a load is checked with, and made with where there is no wrk."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Exchanged:
    """An answer; lives until it is looked at.

    Args:
        status: The HTTP status.
        body: As on the wire.
        length: In bytes, with the head.
    """

    status: int
    body: bytes
    length: int


class Connection:
    """One connection to a server of ours; lives as long as a load."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> Exchanged:
        """Send one request to /graphql and read its answer.

        Raises:
            ConnectionError: the server closed the connection.
            ValueError: the answer has no Content-Length.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        reader, writer = self._streams
        writer.write(request_head(len(body)) + body)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            content = await reader.readexactly(_content_length(head))
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the server closed the connection before its answer was whole") from error
        return Exchanged(int(head[9:12]), content, len(head) + len(content))

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()


def request_head(length: int) -> bytes:
    """The head of a request whose body is so many bytes long."""
    return (
        b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % length
    )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise ValueError(f"the answer has no Content-Length: {head[:200]!r}")
