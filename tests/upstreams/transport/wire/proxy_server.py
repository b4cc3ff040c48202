"""A proxy on a socket: it connects to this machine's loopback, whatever host it is asked for."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.relay import relay
from tests.upstreams.transport.wire.talking_server import accepting

CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class ProxyServer:
    """A proxy of HTTP/1.1, which opens tunnels and forwards requests; lives one test.

    Args:
        answer: What it says to CONNECT; a tunnel begins only behind a status of 200.
        pieces: In so many writes.

    Attributes:
        address: Host and port.
        heads: The heads of what it was asked, in turn.
        shown: The client certificate of each connection, if any.
    """

    def __init__(self, answer: bytes, pieces: int) -> None:
        self._answer = answer
        self._pieces = pieces
        self.address = ""
        self.heads: list[bytes] = []
        self.shown: list[object] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        self.shown.append(writer.get_extra_info("peercert"))
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        if method == b"CONNECT":
            await write_in_pieces(writer, self._answer, self._pieces)
            if not self._answer.startswith(CONNECTED[:12]):
                return
            head = b""
        else:
            target = target.split(b"/")[2]
        behind, ahead = await asyncio.open_connection("127.0.0.1", int(target.rpartition(b":")[2]))
        ahead.write(head)
        await asyncio.gather(relay(reader, ahead), relay(behind, writer))


async def write_in_pieces(writer: asyncio.StreamWriter, said: bytes, pieces: int) -> None:
    """Write with a moment between the pieces."""
    length = -(-len(said) // pieces)
    for start in range(0, len(said), length or 1):
        writer.write(said[start : start + length])
        await writer.drain()
        await asyncio.sleep(0.001)


@asynccontextmanager
async def proxying(
    answer: bytes = CONNECTED, *, pieces: int = 1, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ProxyServer]:
    """A proxy for as long as the block runs."""
    proxy = ProxyServer(answer, pieces)
    async with accepting(proxy.serve, tls) as address:
        proxy.address = address
        yield proxy
